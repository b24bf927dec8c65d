"""What an attempt used on Windows, of what its job and its first process tell.

The first process is often but a launcher (a virtual environment's python.exe, cmd /c, conda run), and what
its children used is known to the job alone; but the job counts us, and earlier attempts, too. Pure.
"""

from __future__ import annotations


class Use:
    """Of the job at one moment: the CPU seconds of all but ourselves, the most bytes that all held at once
    since it was made (0: unknown), and the bytes that we ourselves hold now.
    """

    __slots__ = ("cpu_seconds", "own_memory", "peak_memory")

    def __init__(self, cpu_seconds: float, peak_memory: int, own_memory: int) -> None:
        self.cpu_seconds = cpu_seconds
        self.peak_memory = peak_memory
        self.own_memory = own_memory


def used(
    peak: int | None, cpu: float | None, before: Use | None, after: Use | None
) -> tuple[int | None, float | None]:
    """Bytes at the peak and CPU seconds of all, at least those of the first process, which are given.

    The job's peak counts only if it rose meanwhile: it may stem from an earlier attempt otherwise.
    """
    if before is None or after is None:
        return peak, cpu
    cpu = max(cpu or 0.0, after.cpu_seconds - before.cpu_seconds)
    if after.peak_memory > before.peak_memory:
        peak = max(peak or 0, after.peak_memory - after.own_memory)
    return peak, cpu
