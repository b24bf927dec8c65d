"""How a process ended and what it used, the same on every system."""

from __future__ import annotations


class Ending:
    """exit_code or signal, never both; both None: the status could not be read, and that is never success.

    peak_memory: bytes, the largest resident set of one process of the tree that was waited for; on Windows
    the most that all of them had committed at once, as far as the system tells. None if unknown.
    cpu_seconds: user and system time of the process and of the children it waited for, on Windows of all
    below it; None if unknown.
    """

    __slots__ = ("cpu_seconds", "exit_code", "peak_memory", "signal")

    def __init__(
        self,
        exit_code: int | None = None,
        signal: int | None = None,
        peak_memory: int | None = None,
        cpu_seconds: float | None = None,
    ) -> None:
        self.exit_code = exit_code
        self.signal = signal
        self.peak_memory = peak_memory
        self.cpu_seconds = cpu_seconds

    def in_words(self) -> str:
        """As the worker's log says it."""
        if self.signal is not None:
            return f"signal {self.signal}"
        if self.exit_code is None:
            return "its exit status could not be read"
        return f"exit code {self.exit_code}"
