"""Finds in a task's output how far it is: a declared pattern, `::steelyard` lines, tqdm's bars, and what
ordinary programs print (counts.py), in this order.

What is reported never goes backwards, unless it turns out to have been wrong: then it is unknown again. A
flood of output costs little: of a large piece only its end is read, but for `::steelyard` lines, which are
searched everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from steelyard.machine.decoding import text_of
from steelyard.worker.bars import Bars
from steelyard.worker.counts import Counts
from steelyard.worker.pattern import DeclaredPattern

_MARK = b"::steelyard "
_CHECKPOINTED = b"::steelyard checkpointed"
_LINE_ENDS = re.compile(rb"[\r\n]")
_LINE_AND_END = re.compile(rb"([\r\n])")
_AFTER_BAR = re.compile(rb"%\|[^|]*\|[^\r\n]*?(::steelyard [^\r\n]*)")
_FLOOD, _LOOK = 32 * 1024, 8 * 1024
_FLOOD_LINES = 200
_COUNT_LINES = 20
"""Lines at the end of a piece in which the figures of ordinary programs are looked for."""
_COUNT_LOOK = 1024
_COUNT_ALLOWANCE = 400
"""Such lines that are looked at between two reports: each takes some 10 microseconds."""
_TOTAL_OF_GROMACS = b" ps."
_LONGEST = 4096
_MESSAGE = 200
_MARKS_OF_A_FLOOD = 50
_WIPE = b" " * 8
"""A line of blanks, so many or more, wipes away what stood there."""

_DECLARED, _SPOKEN, _BARS, _COUNTS = "pattern", "marks", "bars", "counts"

Stage = tuple[int, str, float]
"""Number from 1, title, share from 0 to 1."""


class ProgressReader:
    """Reads output in pieces, as the pipe gives them.

    fraction (0 to 1, or None), message, and checkpoints (how often one was announced) are what it found so
    far. pattern: the regular expression that the simulation declares, and total what its one group is a part
    of; while it is in use, nothing else sets the fraction. warn: called with a sentence about what could not
    be used.
    """

    def __init__(self, pattern: str | None, warn: Callable[[str], None], total: float | None = None) -> None:
        self.fraction: float | None = None
        self.message = ""
        self.checkpoints = 0
        self._warn = warn
        self._pattern = DeclaredPattern(pattern, warn, total) if pattern is not None else None
        self._bars = Bars()
        self._counts = Counts()
        self._source: str | None = None
        self._worded = False
        self._puzzled = False
        self._allowance = _COUNT_ALLOWANCE
        self._passed_over = b""
        self._rest = b""
        self._settled = b""

    @property
    def stage(self) -> Stage | None:
        """The bar that is drawn now, where bars are all there is to go by."""
        return self._bars.stage if self._source in (_BARS, None) else None

    @property
    def is_full(self) -> bool:
        """Whether the fraction is only that of a bar or figure that has come to its end."""
        if self._source == _BARS:
            return self._bars.is_full
        return self._source == _COUNTS and self._counts.is_full

    def reported(self) -> None:
        """What was found is told: from here on the figures of ordinary programs are looked at again."""
        self._allowance = _COUNT_ALLOWANCE

    def doubt(self) -> None:
        """The task goes on long after is_full: what was full was not the whole."""
        (self._bars if self._source == _BARS else self._counts).doubt()
        self._infer()

    def feed(self, data: bytes) -> None:
        """The next piece of output."""
        data = self._rest + data
        flooded = len(data) > _FLOOD or data.count(b"\n") > _FLOOD_LINES
        if flooded:
            cut = _flood_cut(data)
            self._read_marks(data[:cut])
            self._bars.line_ended()
            data = data[cut:]
        if not self._is_worth_reading(data, flooded):
            # The usual case, and a few searches are some thousand times cheaper than a look at each line.
            newline = data.rfind(b"\n")
            if newline >= 0 or (self._bars.number and _WIPE in data):
                self._bars.line_ended()
            if self._allowance <= 0:
                self._passed_over = (b"\n" + data)[-_COUNT_LOOK:]
            self._rest = data[max(newline, data.rfind(b"\r")) + 1 :][:_LONGEST]
            return
        pieces = _LINE_AND_END.split(data)
        # Of an endless line its beginning: a mark and a bar stand there.
        self._rest = pieces.pop()[:_LONGEST]
        if pieces:
            self._settled = b""
        for at in range(0, len(pieces), 2):
            line, end = pieces[at], pieces[at + 1]
            self._read(line, counts=at >= len(pieces) - 2 * _COUNT_LINES or line.endswith(_TOTAL_OF_GROMACS))
            if end == b"\n" or (line.startswith(_WIPE) and not line.strip()):
                self._bars.line_ended()

    def _is_worth_reading(self, data: bytes, flooded: bool) -> bool:
        if _MARK in data:
            return True
        if self._pattern is not None and self._pattern.usable:
            return True
        if self._source == _SPOKEN:
            return False
        if b"%|" in data:
            return True
        return self._allowance > 0 and Counts.may_stand_in(data[-_COUNT_LOOK:] if flooded else data)

    @property
    def is_unsettled(self) -> bool:
        """Whether something stands there that settle() would read."""
        return bool(self._passed_over) or (bool(self._rest) and self._rest != self._settled)

    def settle(self) -> None:
        """Read the last lines of a flood, and what stands without its line's end, as a bar does.

        A mark waits for its end: it would count twice.
        """
        if self._passed_over:
            lines, self._passed_over = _LINE_ENDS.split(self._passed_over), b""
            self._allowance = _COUNT_LINES
            for line in lines[1:-1]:
                self._read_figures(line, counts=True)
        if self._rest and self._rest != self._settled:
            self._settled = self._rest
            if _MARK not in self._rest:
                self._read(self._rest)

    def _read(self, line: bytes, *, counts: bool = True) -> None:
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
        if self._pattern is not None and self._pattern.usable:
            self._set(_DECLARED, self._pattern.fraction_in(line))
            self._drop_pattern()
        elif self._source != _SPOKEN:
            self._read_figures(line, counts)

    def _drop_pattern(self) -> None:
        """Forget what the pattern told, if this line has shown that it is of no use."""
        if self._pattern is not None and not self._pattern.usable:
            self._pattern = None
            if self._source == _DECLARED:
                self._source = self.fraction = None

    def _read_figures(self, line: bytes, counts: bool) -> None:
        if b"%|" in line and self._bars.read(text_of(line)):
            # Figures that begin to be printed from now on count something within a bar.
            self._counts.closed = True
            found = self._bars.message
        elif counts and self._allowance <= 0:
            self._passed_over = b"\n" + line + b"\n"
            return
        elif counts and Counts.may_stand_in(line):
            self._allowance -= 1
            if not self._counts.read(text_of(line)):
                return
            found = self._counts.message if self._counts.fraction is not None else ""
        else:
            return
        self._infer()
        if found and not self._worded:
            self.message = found[:_MESSAGE]

    def _infer(self) -> None:
        """Set the fraction to what bars and figures say now; where neither says any, it is unknown."""
        if self._bars.fraction is not None:
            self._set(_BARS, self._bars.fraction)
        elif self._counts.fraction is not None:
            self._set(_COUNTS, self._counts.fraction)
        else:
            self._source = self.fraction = None

    def _set(self, source: str, fraction: float | None) -> None:
        """Never backwards, as long as it comes from one source."""
        if fraction is None:
            return
        if source != self._source:
            self._source, self.fraction = source, None
        self.fraction = max(self.fraction or 0.0, fraction)

    def _read_mark(self, line: bytes) -> None:
        words = text_of(line).replace("\0", "").split(None, 3)
        if words[1:2] == ["checkpointed"]:
            self.checkpoints += 1
        elif words[1:2] == ["progress"] and len(words) > 2:
            message = words[3] if len(words) > 3 else ""
            number = words[2]
            if message == "%" or message.startswith("% "):
                number, message = number + "%", message[1:].lstrip()
            fraction = _fraction(number)
            if fraction is None and number != "-" and not self._puzzled:
                self._puzzled = True
                self._warn(
                    f"No progress is read from the line {' '.join(words)!r:.120}: expected a share from 0 "
                    "to 1, or per cent with its sign, like 0.42 or 42%."
                )
            if self._pattern is None or not self._pattern.usable:
                self._set(_SPOKEN, fraction)
            self._worded = self._worded or message != ""
            self.message = message[:_MESSAGE]

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


def _flood_cut(data: bytes) -> int:
    """Where a large piece is cut: before it only marks are looked for, after it every line is read."""
    ends = [end.end() for end in _LINE_ENDS.finditer(data, max(0, len(data) - _LOOK))]
    # Without a line's end in sight it is one endless line: a mark may stand at its end, cut in two by the
    # pipe.
    return ends[-_FLOOD_LINES:][0] if ends else max(0, len(data) - _LONGEST)


def _fraction(text: str) -> float | None:
    """0.42 or 42%, also with a decimal comma; None for what is neither, or outside 0 to 1."""
    text = text.replace(",", ".")
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
    # A sum of steps may end a rounding error above 1.
    return min(1.0, value) if 0 <= value <= 1.001 else None
