"""Progress in the words of ordinary programs: `step 3 of 10`, `[12/100]`, `Progress: 40 %`, `|====  |  45%`.

Many lines look like that and mean something else (memory in use, a share of a result), so only known forms
are read, and one of them counts once it has risen to three values of one total. What falls was no progress of
the whole: a loop within another, or a figure that wanders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from steelyard.worker.bars import ALMOST

LINE = 300
"""Characters of a line that are looked at."""

_CONFIRMED = 3
"""Values, each above the one before, that make a figure progress."""
_DIP = 0.05
"""What runs at the same time may end in another order: a fall by less than this share of the total is none.
"""
_MOST = 50
"""Figures that are followed; later ones are left out."""
_MESSAGE = 120

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[@-~]")
_NOUN = (
    "steps?|iterations?|iters?|epochs?|cases?|runs?|years?|months?|weeks?|days?|hours?|periods?|tasks?|jobs?"
    "|batch(?:es)?|samples?|scenarios?|frames?|loops?|cycles?|generations?|rounds?|increments?|chunks?|files?"
    "|parts?|stages?|phases?|trials?|simulations?|experiments?|items?|replicates?|reali[sz]ations?|folds?"
    "|snapshots?|regions?|points?|records?|rows?|blocks?|tiles?|time ?steps?"
)
_DOING = (
    "progress|completed?|completion|done|finished|processed|solved|processing|running|simulating|solving"
    "|computing|calculating|loading|reading|writing|downloading|training|optimi[sz]ing|iterating|building"
    "|integrating|evaluating|sampling|fitting|working"
)
# Texts, not patterns: re compiles them at their first use, and no worker waits for that at its start.
_OF = r"(?:/|(?:out )?of )"
_PAIR = rf"(\d{{1,12}}) {{0,3}}{_OF} {{0,3}}(\d{{1,12}})(?![\d/]|[.,]\d)"
_COUNT = (
    rf"(?P<bracket>[\[(]) {{0,10}}{_PAIR} {{0,3}}[\])]"
    rf"|\b(?P<noun>{_NOUN}|{_DOING})[^\w%]{{0,4}}{_PAIR}"
    rf"|^ {{0,20}}{_PAIR}(?= *$| {{1,3}}[\[(|━#=>-])"
    r"|(?<![\w.,/-])(\d{1,12})/(\d{1,12})(?= {1,3}\[)"
)
_NUMBER = r"(?<![\d.,%/-])(\d{1,3}(?:[.,]\d{1,6})?) ?%"
_PERCENT = (
    rf"\b(?P<doing>{_DOING})[^\w%]{{0,8}}{_NUMBER}"
    rf"|{_NUMBER} {{0,3}}(?P<done>completed?|done|finished|processed)\b"
    rf"|^ {{0,20}}(?P<square>\[) {{0,3}}{_NUMBER} {{0,3}}\]"
    rf"|(?P<end>\[) {{0,3}}{_NUMBER} {{0,3}}\] *$"
    rf"|(?P<bar>[\[|][-=#*>.:+ ─━╸╺█▓▒░▉▊▋▌▍▎▏■□]{{8,200}}[\]|]) {{0,4}}{_NUMBER}(?! ?\(?used)"
    rf"|(?P<row>[━╸╺█▓▒░]{{4,200}}) {{1,4}}{_NUMBER}"
    rf"|^(?P<hash>#{{1,200}}) {{1,200}}{_NUMBER} *$"
    rf"|(?P<dots>\.{{4}}) {{1,20}}{_NUMBER} {{1,4}}\d"
    rf"|{_NUMBER} {{1,4}}[\d.,]{{1,12}} ?(?P<rate>[kKMGT]?i?B/s)"
    rf"|{_NUMBER}(?P<wget>\[[-=>+ <]{{8,200}}\])"
    rf"|^ {{0,20}}{_NUMBER} *(?P<bare>$)"
)
# GNU parallel: with --bar "30% 3:7=4s argument" (done:left), with --eta "Left: 7 AVG: 0.44s  local:1/3/100%".
_PARALLEL = re.compile(r"^ *\d{1,3}% (\d{1,9}):(\d{1,9})=")
_PARALLEL_ETA = re.compile(r"\bLeft: (\d{1,9}) AVG: [\d.]+s +local:\d{1,6}/(\d{1,9})/")
# GROMACS: the number of steps once, then where it is.
_STEPS = re.compile(r"^(\d{1,12}) steps, +[\d.]+ ps")
_STEP = re.compile(r"^step (\d{1,12})(?:,|$)")

_DRAWN = frozenset({"bar", "row", "hash", "dots", "rate", "wget", "bare", "jobs"})
"""Forms whose lines say in words nothing more than the figure itself."""

_Figure = tuple[str, float, float]
"""Form, done, total."""


class _Series:
    """One figure: the values that it took."""

    __slots__ = ("first", "most", "rejected", "rises", "total")

    def __init__(self, first: float, total: float) -> None:
        self.first = self.most = first
        self.total = total
        self.rises = 1
        self.rejected = False

    def take(self, done: float) -> None:
        """The next value."""
        if done > self.most:
            self.most, self.rises = done, self.rises + 1
        elif done < self.most - _DIP * self.total:
            self.rejected = True

    @property
    def counts(self) -> bool:
        return self.rises >= _CONFIRMED and not self.rejected

    @property
    def begins(self) -> bool:
        """Whether it may be a loop that goes around what is printed meanwhile: `Epoch 1/5`, then `1/100`."""
        return self.first <= 1 and not self.rejected and self.most < self.total


class Counts:
    """Reads lines one after the other, and tells from the figures in them how far the task is."""

    def __init__(self) -> None:
        self.message = ""
        """The line that told it last."""
        self.closed = False
        """Whether figures not seen before are left alone: a bar is drawn, and they are within it."""
        self._series: dict[tuple[str, float], _Series] = {}
        self._counting: _Series | None = None
        self._steps = 0.0
        self._over = False

    @staticmethod
    def may_stand_in(data: bytes) -> bool:
        """Whether a piece of output could hold a figure: far cheaper than a look at each line."""
        return b"%" in data or b"/" in data or b" of " in data or b"step" in data or b" OF " in data

    @property
    def fraction(self) -> float | None:
        """How far the task is, 0 to ALMOST; None if no figure tells."""
        found = self._counting
        if found is None or self._over:
            return None
        return min(ALMOST, found.most / found.total)

    @property
    def is_full(self) -> bool:
        """Whether the fraction is that of a figure that has reached its total."""
        found = self._counting
        return found is not None and not self._over and found.most >= found.total

    def doubt(self) -> None:
        """The figure has reached its total and the task goes on: it was not the whole."""
        self._over = True

    def read(self, line: str) -> bool:
        """Take in one line; False if it holds no figure."""
        line = _ESCAPES.sub("", line[: 2 * LINE])[:LINE]
        seen = False
        for form, done, total in self._figures(line):
            if total < 2 or done > total:
                continue
            seen = True
            series = self._series.get((form, total))
            if series is not None:
                series.take(done)
            elif not self.closed and len(self._series) < _MOST:
                self._series[(form, total)] = series = _Series(done, total)
            self._choose()
            if series is not None and series is self._counting:
                self.message = "" if form in _DRAWN else " ".join(line.split())[:_MESSAGE]
        return seen

    def _choose(self) -> None:
        """Find the figure that counts: the first that was seen, unless it fell."""
        self._counting = None
        for series in self._series.values():
            if series.counts:
                self._counting = series
                break
            if series.begins:
                break
        found = self._counting
        if found is not None and found.most >= found.total:
            # What counts on after it: a second stage, of which nobody knows how long the others take.
            rest = (series for series in self._series.values() if series is not found)
            self._over = self._over or any(series.counts and series.most < series.total for series in rest)

    def _figures(self, line: str) -> Iterator[_Figure]:
        special = self._of_program(line)
        if special is not None:
            yield special
            return
        counted = False
        if "/" in line or " of " in line or " OF " in line:
            for count in re.finditer(_COUNT, line, re.IGNORECASE):
                counted = True
                done, total = [float(group) for group in count.groups() if group and group.isdigit()]
                form = (count["bracket"] and "[") or (count["noun"] or "").lower().rstrip("s")
                yield f"{form} n of m", done, total
        percent = re.search(_PERCENT, line, re.IGNORECASE) if "%" in line and not counted else None
        if percent is not None:
            number = next(group for group in percent.groups() if group and group[0].isdigit())
            form = next(name for name, found in percent.groupdict().items() if found is not None)
            word = percent[form].lower() if form in ("doing", "done") else form
            yield word, float(number.replace(",", ".")), 100.0

    def _of_program(self, line: str) -> _Figure | None:
        """The figure of a program that has a form of its own."""
        if self._steps and (step := _STEP.match(line)):
            return "step", float(step[1]), self._steps
        if steps := _STEPS.match(line):
            self._steps = float(steps[1])
        elif bar := _PARALLEL.match(line):
            return "jobs", float(bar[1]), float(bar[1]) + float(bar[2])
        elif eta := _PARALLEL_ETA.search(line):
            return "jobs", float(eta[2]), float(eta[1]) + float(eta[2])
        return None
