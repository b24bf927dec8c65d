"""tqdm's bars: which of many nested, restarting and consecutive ones tells how far the task is."""

from __future__ import annotations

import re

_BAR = re.compile(r"(\d{1,3})%\|[^|]*\|(?:\s*([\d.]+[kMGTPEZY]?)/([\d.]+[kMGTPEZY]?))?")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[@-~]")
_UP = re.compile(r"\x1b\[(\d*)A")
_UNITS = {unit: 1000.0 ** (power + 1) for power, unit in enumerate("kMGTPEZY")}
_MOST = 200
_TITLE = 80

ALMOST = 0.99
"""The most that a bar alone can say: a full one may be followed by another."""


class _Bar:
    """One bar: its row, how far it is, how often it began anew; line: how many had ended as it was drawn."""

    __slots__ = ("done", "fraction", "line", "restarts", "row", "title", "total")

    def __init__(self, row: int, title: str, done: float, total: str, restarts: int) -> None:
        self.row = row
        self.title = title
        self.done = done
        self.total = total
        self.restarts = restarts
        self.fraction = 0.0
        self.line = 0


class _Stage:
    """The bars that were drawn while one outermost bar went from its beginning to its end."""

    def __init__(self) -> None:
        self.bars: list[_Bar] = []
        """In the order in which they were first seen."""
        self._places: dict[tuple[int, str], list[_Bar]] = {}

    @property
    def outermost(self) -> _Bar:
        """Of the bars in the upmost row that began anew least often the first that was seen."""
        return min(self.bars, key=lambda bar: (bar.row, bar.restarts))

    def latest_at(self, place: tuple[int, str]) -> _Bar | None:
        """The bar that was drawn last at a row with a total."""
        bars = self._places.get(place)
        return bars[-1] if bars else None

    def find(self, row: int, title: str, total: str, done: float) -> _Bar | None:
        """The bar that a state belongs to; None if it is of one that was not seen before.

        A title may change as its bar goes (a loss, an epoch), but not together with a fall. The last state of
        a nested bar may stand in the row of the outer one.
        """
        here = self._places.get((row, total), [])
        for bar in here:
            if bar.title == title:
                return bar
        for bar in self.bars:
            if row < bar.row and bar.title == title and bar.total == total and done >= bar.done:
                return bar
        if here and done >= here[-1].done and (done > 0 or not here[-1].title):
            return here[-1]
        return None

    def add(self, bar: _Bar) -> None:
        """A bar that begins. Of very many only those seen first are kept."""
        place = (bar.row, bar.total)
        if len(self.bars) < _MOST:
            self.bars.append(bar)
            self._places.setdefault(place, []).append(bar)
        elif place in self._places:
            self._places[place][-1] = bar

    def change_total(self, bar: _Bar, total: str) -> None:
        """A bar that goes on has learned that there is more to do, or less."""
        bars = self._places.get((bar.row, bar.total), [])
        if bar in bars:
            bars.remove(bar)
            self._places.setdefault((bar.row, total), []).append(bar)
        bar.total = total

    def drawn(self, bar: _Bar) -> None:
        """Note which bar is the latest at its place."""
        bars = self._places.get((bar.row, bar.total), [])
        if bar in bars:
            bars.remove(bar)
            bars.append(bar)


class Bars:
    """Reads the states of bars one after the other, and the line ends between them.

    Nested bars: the outermost is drawn first and never begins anew while an inner one does. Its row is known
    by the ESC[A that follow an inner bar: tqdm steps down to it and up again. Consecutive bars: one that is
    full, or whose line has ended, is a finished *stage* as soon as another begins in its row. From the second
    stage on nobody can tell from bars alone how far the whole is: fraction is None, and `stage` tells which
    bar is drawn and how far it is.
    """

    def __init__(self) -> None:
        self.number = 0
        """Which stage this is, from 1; 0: no bar was drawn yet."""
        self.message = ""
        """Title and count of the bar that counts."""
        self._stage = _Stage()
        self._before: _Stage | None = None
        self._last: _Bar | None = None
        self._lines = 0
        self._lines_close = True
        self._doubted = False

    @property
    def fraction(self) -> float | None:
        """How far the task is, 0 to ALMOST; None if bars do not tell."""
        if self.number != 1 or self._doubted:
            return None
        return min(ALMOST, self._stage.outermost.fraction)

    @property
    def stage(self) -> tuple[int, str, float] | None:
        """Number, title and share (0 to 1) of the present stage; None before the first bar."""
        if self.number == 0:
            return None
        bar = self._stage.outermost
        return self.number, bar.title[:_TITLE], bar.fraction

    @property
    def is_full(self) -> bool:
        """Whether the fraction is that of a bar that is full."""
        return self.fraction is not None and self._stage.outermost.fraction >= 1.0

    def doubt(self) -> None:
        """The first bar is full and the task goes on: it was not the whole."""
        self._doubted = True

    def line_ended(self) -> None:
        """A line came to its end, or was wiped: its bar is over if another one begins there."""
        self._lines += 1

    def read(self, line: str) -> bool:
        """Take in what one line shows; False if it holds no bar."""
        found = _BAR.search(line)
        if found is None:
            return False
        row = sum(int(up[1] or 1) for up in _UP.finditer(line, found.end()))
        title = _ESCAPES.sub("", line[: found.start()]).strip().rstrip(":")
        fraction = min(1.0, int(found[1]) / 100)
        done = fraction
        if found[2]:
            done, total = _number(found[2]), _number(found[3])
            if total > 0 and done <= total:
                fraction = done / total
        bar = self._bar_of(row, title, done, found[3] or "")
        bar.title, bar.done, bar.fraction, bar.line = title, done, fraction, self._lines
        self._last = bar
        self._stage.drawn(bar)
        if bar is self._stage.outermost:
            self._say(bar, f"{found[2]}/{found[3]}" if found[2] else f"{found[1]}%")
        return True

    def _bar_of(self, row: int, title: str, done: float, total: str) -> _Bar:
        last = self._last
        if (
            last is not None
            and (last.title, last.total, last.line) == (title, total, self._lines)
            and row < last.row
            and done >= last.done
        ):
            return last  # the last state of a nested bar: tqdm draws it in the row of the outer one
        if (
            last is not None
            and (last.row, last.title, last.line) == (row, title, self._lines)
            and last.total != total
            and done >= last.done
            and done > 0
        ):
            self._stage.change_total(last, total)
            return last
        bar = self._stage.find(row, title, total, done)
        if bar is not None and done >= bar.done:
            return bar
        if bar is None and self._before is not None:
            earlier = self._before.find(row, title, total, done)
            if earlier is not None and earlier.title == title and done > earlier.done:
                # Its line had ended, yet it goes on: each state of these bars stands on a line of its own.
                self._stage, self._before, self._lines_close = self._before, None, False
                self.number -= 1
                return earlier
        if self.number == 0 or self._ends_stage(row):
            self._before = self._stage if self.number else None
            self._stage = _Stage()
            self.number += 1
            bar = None
        if bar is not None:
            bar.restarts += 1
            return bar
        # Another bar at the place of one that is there already is an inner one that began anew.
        latest = self._stage.latest_at((row, total))
        new = _Bar(row, title, done, total, latest.restarts + 1 if latest else 0)
        self._stage.add(new)
        return new

    def _ends_stage(self, row: int) -> bool:
        """Whether a bar that begins in this row shows that the outermost one is over."""
        outermost = self._stage.outermost
        closed = self._lines_close and outermost.line < self._lines
        return row == outermost.row and (outermost.fraction >= 1.0 or closed)

    def _say(self, bar: _Bar, count: str) -> None:
        if self.number == 1:
            self.message = f"{bar.title}: {count}" if bar.title else count
        else:
            self.message = f"{bar.title} {int(100 * bar.fraction)} %, bar {self.number}".lstrip()


def _number(text: str) -> float:
    """12, 1.2k or 3.45M as tqdm writes them."""
    unit = _UNITS.get(text[-1])
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        return 0.0
