"""What a terminal would show of a piece of raw output: the last state of a bar, not all of its states."""

from __future__ import annotations

import re

from steelyard.machine.decoding import text_of
from steelyard.machine.mark_lines import without_marks

_TOKENS = re.compile(
    r"\x1b\[(?P<numbers>[0-9;?]*)(?P<command>[@-~])"  # a control sequence
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # a window title
    r"|\x1b."
    r"|(?P<move>[\r\n\b])"
    r"|[\x00-\x08\x0b-\x1f\x7f]"  # other control characters show nothing
    r"|(?P<text>[^\x00-\x08\x0a-\x1f\x7f]+)"
)
_LINE_END = re.compile(rb"[\r\n]")
_WIDEST = 4000
_BROKEN = 4096


def shown(raw: bytes, chars: int, *, cut: bool = False) -> str:
    """The last `chars` characters that a terminal would show: no NUL, no escapes, no `::steelyard` lines.

    cut: raw begins in the middle of the output; its first, broken line is then left out if it is short.
    """
    if cut:
        end = _LINE_END.search(raw, 0, _BROKEN)
        raw = raw[end.end() :] if end else raw
    screen = _Screen()
    for token in _TOKENS.finditer(text_of(raw)):
        screen.take(token)
    return without_marks("\n".join(row.rstrip(" ") for row in screen.rows))[-chars:]


class _Screen:
    """Endlessly high, as wide as the text, one cursor."""

    def __init__(self) -> None:
        self.rows = [""]
        self._row = self._column = 0

    def take(self, token: re.Match[str]) -> None:
        if token["text"] is not None:
            self._write(token["text"])
        elif token["move"] is not None:
            self._move(token["move"])
        elif token["command"] is not None:
            first = token["numbers"].split(";")[0]
            self._control(token["command"], int(first[:6]) if first.isdigit() else None)

    def _write(self, text: str) -> None:
        row, column = self.rows[self._row], self._column
        self.rows[self._row] = row[:column].ljust(column) + text + row[column + len(text) :]
        self._column = column + len(text)

    def _move(self, move: str) -> None:
        if move == "\b":
            self._column = max(0, self._column - 1)
            return
        self._column = 0
        if move == "\n":
            self._down(1)

    def _down(self, count: int) -> None:
        self._row += count
        self.rows += [""] * (self._row + 1 - len(self.rows))

    def _control(self, command: str, number: int | None) -> None:
        count = number or 1
        if command in "AF":
            self._row = max(0, self._row - count)
        elif command in "BE":
            self._down(min(count, 100))
        elif command == "C":
            self._column = min(_WIDEST, self._column + count)
        elif command == "D":
            self._column = max(0, self._column - count)
        elif command == "G":
            self._column = min(_WIDEST, count - 1)
        elif command == "K":
            row = self.rows[self._row]
            left, right = row[: self._column], " " * self._column + row[self._column :]
            self.rows[self._row] = {0: left, 1: right}.get(number or 0, "")
        if command in "EF":
            self._column = 0
