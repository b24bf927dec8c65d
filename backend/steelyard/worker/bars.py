"""tqdm's bars: which of many nested and restarting ones tells how far the whole task is."""

from __future__ import annotations

import re

_BAR = re.compile(r"(\d{1,3})%\|[^|]*\|(?:\s*([\d.]+[kMGTPEZY]?)/([\d.]+[kMGTPEZY]?))?")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[@-~]")
_UP = re.compile(r"\x1b\[(\d*)A")
_UNITS = {unit: 1000.0 ** (power + 1) for power, unit in enumerate("kMGTPEZY")}
_MOST = 200

ALMOST = 0.99
"""The most that bars alone can say: a bar that is full may be followed by another."""


class _Bar:
    """One bar at its place: how far it is and how often a bar began there anew."""

    __slots__ = ("done", "fraction", "restarts", "title")

    def __init__(self, title: str, done: float, fraction: float, restarts: int) -> None:
        self.title = title
        self.done = done
        self.fraction = fraction
        self.restarts = restarts


class Bars:
    """Reads the states of bars one after the other; read() tells the fraction of the outermost bar.

    The outermost bar of nested loops is drawn first and never restarts while an inner one does: of the bars
    with the fewest restarts the first seen counts. A bar is known by its row (tqdm steps down to it and,
    after it, up again by as many ESC[A), its total, and its title, which may change as it goes (a loss, an
    epoch).
    """

    def __init__(self) -> None:
        self.message = ""
        """Title and count of the bar that counts."""
        self._bars: dict[tuple[int, str], list[_Bar]] = {}
        self._order: list[_Bar] = []

    def read(self, line: str) -> float | None:
        """The overall fraction (0 to ALMOST) after this state of a bar; None if the line holds no bar."""
        found = _BAR.search(line)
        if found is None:
            return None
        row = sum(int(up[1] or 1) for up in _UP.finditer(line, found.end()))
        title = _ESCAPES.sub("", line[: found.start()]).strip().rstrip(":")
        fraction = min(1.0, int(found[1]) / 100)
        done = fraction
        if found[2]:
            done, total = _number(found[2]), _number(found[3])
            if total > 0 and done <= total:
                fraction = done / total
        self._see((row, found[3] or ""), title, done, fraction)
        outermost = min(self._order, key=lambda bar: bar.restarts)
        count = f"{found[2]}/{found[3]}" if found[2] else f"{found[1]}%"
        if outermost.title == title and outermost.done == done:
            self.message = f"{title}: {count}" if title else count
        return min(ALMOST, outermost.fraction)

    def _see(self, place: tuple[int, str], title: str, done: float, fraction: float) -> None:
        bars = self._bars.setdefault(place, [])
        same = next((bar for bar in bars if bar.title == title), None)
        if same is None and bars and done >= bars[-1].done and done > 0:
            same = bars[-1]  # it only changed its title
        if same is None:
            # Another bar at the place of one that is there already is an inner one that began anew.
            new = _Bar(title, done, fraction, bars[-1].restarts + 1 if bars else 0)
            if len(self._order) < _MOST:
                self._order.append(new)
                bars.append(new)
            elif bars:
                bars[-1] = new
            return
        if done < same.done:
            same.restarts += 1
        same.title, same.done, same.fraction = title, done, fraction
        bars.remove(same)
        bars.append(same)


def _number(text: str) -> float:
    """12, 1.2k or 3.45M as tqdm writes them."""
    unit = _UNITS.get(text[-1])
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        return 0.0
