"""Where a run of a warm process begins and ends in the bytes that its pipe gives.

steelyard_task writes both marks; the nonce in them is new for each run and no run's to know, so that nothing
a program prints can be taken for one.
"""

from __future__ import annotations

_BEGIN, _END = b"\x1e::steelyard begin %s\n", b"\x1e::steelyard end %s "


class Marks:
    """feed() the pipe's bytes, get back those that are the run's output.

    begun: the process has taken the request. fresh: it was started for this run, so that what it prints
    before is the run's too; of a process that ran others before, it is in `stray`.
    ending: (exit status, CPU seconds of the process until then) once the run is over.
    """

    def __init__(self, nonce: str, *, fresh: bool) -> None:
        self.begun = False
        self.ending: tuple[int, float] | None = None
        self.stray = bytearray()
        """What came when no run was under way."""
        self.fresh = fresh
        self._begin, self._end = _BEGIN % nonce.encode(), _END % nonce.encode()
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The next piece. What may be the beginning of a mark is held until that is known."""
        data, self._held = self._held + data, b""
        output = b""
        if not self.begun:
            before, found, data = self._cut(data, self._begin)
            self.begun = found
            output = self._outside(before)
        if self.begun and self.ending is None:
            before, found, data = self._cut(data, self._end)
            output += before
            if found and b"\n" in data:
                figures, _, data = data.partition(b"\n")
                status, cpu = figures.split()
                self.ending = (int(status), float(cpu))
            elif found:
                self._held = self._end + data
        if self.ending is not None:
            self.stray += data
        return output

    def rest(self) -> bytes:
        """What is held back, when no more comes: it was no mark."""
        data, self._held = self._held, b""
        return self._outside(data) if not self.begun else data

    def _outside(self, data: bytes) -> bytes:
        if not self.fresh:
            self.stray += data
            return b""
        return data

    def _cut(self, data: bytes, mark: bytes) -> tuple[bytes, bool, bytes]:
        """What stands before a mark, whether it is there, and what stands after it."""
        before, found, after = data.partition(mark)
        if found:
            return before, True, after
        held = next((n for n in range(len(mark) - 1, 0, -1) if data.endswith(mark[:n])), 0)
        self._held = data[len(data) - held :]
        return data[: len(data) - held], False, b""
