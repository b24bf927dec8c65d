"""Finds in a task's output how far it is: a declared pattern, `::steelyard` lines, tqdm's bars, in this
order.

What is reported never goes backwards. A flood of output costs little: of a large piece only its end is read,
but for `::steelyard` lines, which are searched everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from steelyard.machine.decoding import text_of
from steelyard.worker.bars import Bars
from steelyard.worker.pattern import DeclaredPattern

_MARK = b"::steelyard "
_CHECKPOINTED = b"::steelyard checkpointed"
_LINE_ENDS = re.compile(rb"[\r\n]")
_AFTER_BAR = re.compile(rb"%\|[^|]*\|[^\r\n]*?(::steelyard [^\r\n]*)")
_FLOOD, _LOOK = 32 * 1024, 8 * 1024
_FLOOD_LINES = 200
_LONGEST = 4096
_MESSAGE = 200
_MARKS_OF_A_FLOOD = 50


class ProgressReader:
    """Reads output in pieces, as the pipe gives them.

    fraction (0 to 1, or None), message, and checkpoints (how often one was announced) are what it found so
    far. pattern: the regular expression that the simulation declares; while it is in use, nothing else sets
    the fraction. warn: called with a sentence if the pattern cannot be used.
    """

    def __init__(self, pattern: str | None, warn: Callable[[str], None]) -> None:
        self.fraction: float | None = None
        self.message = ""
        self.checkpoints = 0
        self._pattern = DeclaredPattern(pattern, warn) if pattern is not None else None
        self._bars = Bars()
        self._marked = False
        self._rest = b""
        self._settled = b""

    def feed(self, data: bytes) -> None:
        """The next piece of output."""
        data = self._rest + data
        if len(data) > _FLOOD or data.count(b"\n") > _FLOOD_LINES:
            cut = _flood_cut(data)
            self._read_marks(data[:cut])
            data = data[cut:]
        if not self._is_worth_reading(data):
            # The usual case, and two searches are some thousand times cheaper than a look at each line.
            self._rest = data[max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 :][:_LONGEST]
            return
        *lines, rest = _LINE_ENDS.split(data)
        # Of an endless line its beginning: a mark and a bar stand there.
        self._rest = rest[:_LONGEST]
        for line in lines:
            self._read(line)

    def _is_worth_reading(self, data: bytes) -> bool:
        return _MARK in data or (self._pattern.usable if self._pattern is not None else b"%|" in data)

    @property
    def is_unsettled(self) -> bool:
        """Whether something stands there that settle() would read."""
        return bool(self._rest) and self._rest != self._settled

    def settle(self) -> None:
        """Read what stands there without its line's end, as a bar does until its next state.

        A mark waits for its end: it would count twice.
        """
        if self.is_unsettled:
            self._settled = self._rest
            if _MARK not in self._rest:
                self._read(self._rest)

    def _read(self, line: bytes) -> None:
        line = line[:_LONGEST]
        if _MARK in line:
            if line.lstrip().startswith(_MARK):
                self._read_mark(line.strip())
                return
            # A bar has no line end of its own: what another part of the program prints comes right after it.
            after = _AFTER_BAR.search(line)
            if after:
                self._read_mark(after[1])
                line = line[: after.start(1)]
        pattern = self._pattern
        if pattern is not None and pattern.usable:
            self._advance(pattern.fraction_in(line), None)
        elif b"%|" in line and not self._marked:
            fraction = self._bars.read(text_of(line))
            self._advance(fraction, self._bars.message)

    def _read_mark(self, line: bytes) -> None:
        words = text_of(line).replace("\0", "").split(None, 3)
        if words[1:2] == ["checkpointed"]:
            self.checkpoints += 1
        elif words[1:2] == ["progress"] and len(words) > 2:
            self._marked = True
            fraction = _fraction(words[2])
            if self._pattern is not None and self._pattern.usable:
                fraction = None
            self._advance(fraction, words[3] if len(words) > 3 else "")

    def _read_marks(self, skipped: bytes) -> None:
        """The marks of a part that is otherwise not read: the last ones, and whether any was a checkpoint."""
        if _MARK not in skipped:
            return
        found: list[bytes] = []
        end = len(skipped)
        while len(found) < _MARKS_OF_A_FLOOD and (at := skipped.rfind(_MARK, 0, end)) >= 0:
            start = max(skipped.rfind(b"\n", 0, at), skipped.rfind(b"\r", 0, at)) + 1
            found.append(_LINE_ENDS.split(skipped[start : start + _LONGEST], maxsplit=1)[0])
            end = start
        for line in reversed(found):
            self._read(line)
        if b"\n" + _CHECKPOINTED in skipped[:end] or skipped[:end].startswith(_CHECKPOINTED):
            self.checkpoints += 1

    def _advance(self, fraction: float | None, message: str | None) -> None:
        if fraction is not None:
            self.fraction = max(self.fraction or 0.0, fraction)
        if message is not None:
            self.message = message[:_MESSAGE]


def _flood_cut(data: bytes) -> int:
    """Where a large piece is cut: before it only marks are looked for, after it every line is read."""
    ends = [end.end() for end in _LINE_ENDS.finditer(data, max(0, len(data) - _LOOK))]
    # Without a line's end in sight it is one endless line: a mark may stand at its end, cut in two by the
    # pipe.
    return ends[-_FLOOD_LINES:][0] if ends else max(0, len(data) - _LONGEST)


def _fraction(text: str) -> float | None:
    """0.42 or 42%; None for what is neither, or outside 0 to 1."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
    # A sum of steps may end a rounding error above 1.
    return min(1.0, value) if 0 <= value <= 1.001 else None
