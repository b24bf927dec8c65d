"""How long runs of one kind take, and how sure that is: from those that ended and those that still run.

    log seconds = level + slope * log number + ... + what its words add + what is its own + noise

A run that still runs is an observation too: it takes longer than it has run. Who ends first is short, and
without those that still run a forecast is too soon. Level, slopes and the size of the noise are not known
but drawn: each draw is one way in which all of it may go, for all runs at once, so that what is common to
them does not even out over many. Few runs leave much open.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from steelyard.rules import regression
from steelyard.rules.nearness import Parameters
from steelyard.rules.noise import LAWS, TINY, Noise
from steelyard.rules.regression import Line, Seen, Vector, dot
from steelyard.rules.what_counts import Columns, Kept, kept, models

DRAWS: Final = 32
"""Ways in which it may go; an even number, since each has its mirror image."""

NOISES: Final = {0.03: 0.6, 0.06: 1.0, 0.1: 1.0, 0.17: 1.0, 0.3: 1.0, 0.5: 0.6, 0.85: 0.3}
"""Standard deviation of the logarithm of runs of the same parameters: how likely before anything was seen."""

FITTED: Final = 80
"""The newest so many runs are fitted, so that it stays cheap."""

ALIKE: Final = 0.1
ALIKE_RUNS: Final = 2.0
"""How far runs of just the same parameters lie apart, before it was seen, and as many runs' word that is."""

WOBBLE: Final = 0.02
"""What is common to the runs to come and was never seen: the machine is busier, or cooler."""

FEW: Final = 0.3
"""The same on top where a single run has ended; a half of that with two, and so on."""

OWN_DOUBT: Final = 0.25
"""How far off its own progress lets the rest of a run be."""

LONGEST: Final = 10 * 365 * 86_400.0
"""What a run is expected to take at the most, seconds: no arithmetic may leave the calendar."""

LEAST: Final = 0.001
"""What a run counts at the least, seconds: there is no logarithm of 0."""


@dataclass(frozen=True, slots=True)
class Going:
    """A run that goes on: for how long it ran; what it still takes by its own progress, if that tells (s)."""

    parameters: Parameters
    ran: float
    left: float | None = None

    @property
    def doubt(self) -> float:
        """The variance of the logarithm of what it takes in all by its own progress."""
        share = (self.left or 0.0) / max(LEAST, self.ran + (self.left or 0.0))
        return (OWN_DOUBT * share) ** 2 + 0.02**2


@dataclass(frozen=True, slots=True)
class Drawn:
    """Seconds, DRAWS for each run: what those that go on still take, and those that wait in all."""

    left: list[Vector]
    takes: list[Vector]


@dataclass(frozen=True, slots=True)
class _View:
    """One way to see it: what counts, law and scale of the noise, the line, and what is their own."""

    columns: Columns
    law: Noise
    scale: float
    line: Line
    evidence: float
    own: Mapping[Kept, tuple[float, float]]
    """By parameters: how far off the line such a run is, and the scale of the noise that is left."""


def draw(
    ended: Sequence[tuple[Parameters, float]],
    going: Sequence[Going],
    waiting: Sequence[Parameters],
    *,
    breathe: Callable[[], None] = lambda: None,
) -> Drawn:
    """Draw what runs of a kind take. ended: their parameters and seconds, newest first, at least one.

    breathe: called every few milliseconds of the arithmetic.
    """
    chance = random.Random(1)
    views = _views(ended, going, waiting, breathe)
    left: list[Vector] = [[] for _ in going]
    takes: list[Vector] = [[] for _ in waiting]
    for view in _by_evidence(views, DRAWS // 2):
        breathe()
        off = view.line.off([chance.gauss(0.0, 1.0) for _ in view.line.coefficients])
        off[0] += chance.gauss(0.0, math.hypot(WOBBLE, FEW / len(ended)))
        shares = [chance.random() for _ in waiting]
        rests = [chance.random() for _ in going]
        for sign in (1.0, -1.0):
            line = [one + sign * by for one, by in zip(view.line.coefficients, off, strict=True)]
            for many, parameters, share in zip(takes, waiting, shares, strict=True):
                middle, scale = _expected(view, line, parameters)
                many.append(_exp(middle + scale * view.law.at(share if sign > 0 else 1 - share)))
            for many, run, share in zip(left, going, rests, strict=True):
                middle, scale = _expected(view, line, run.parameters)
                many.append(_left(run, view.law, middle, scale, share if sign > 0 else 1 - share))
    return Drawn(left, takes)


def _views(
    ended: Sequence[tuple[Parameters, float]],
    going: Sequence[Going],
    waiting: Sequence[Parameters],
    breathe: Callable[[], None],
) -> list[_View]:
    """All ways to see it."""
    heights = [(parameters, math.log(max(LEAST, took))) for parameters, took in ended]
    fitted = heights[:FITTED]
    views: list[_View] = []
    for columns in models(fitted, [one.parameters for one in going], waiting):
        seen = [Seen(columns.row(parameters), height) for parameters, height in fitted]
        seen += [_observed(columns, run) for run in going if run.ran > LEAST or run.left is not None]
        for noise, likely in NOISES.items():
            line: Line | None = None
            for law in LAWS:
                breathe()
                scale = noise / law.deviation
                line = regression.fit(seen, columns.deviations, law, scale, start=line)
                evidence = line.evidence + math.log(likely * law.likely * columns.likely)
                views.append(_View(columns, law, scale, line, evidence, {}))
    return [
        _View(one.columns, one.law, one.scale, one.line, one.evidence, _own(one, heights, going))
        for one in views
    ]


def _observed(columns: Columns, run: Going) -> Seen:
    row = columns.row(run.parameters)
    if run.left is not None:
        return Seen(row, math.log(max(LEAST, run.ran + run.left)), doubt=run.doubt)
    return Seen(row, math.log(run.ran), longer=True)


def _by_evidence(views: Sequence[_View], count: int) -> list[_View]:
    """So many views, each as often as it is likely."""
    most = max(view.evidence for view in views)
    weights = [math.exp(view.evidence - most) for view in views]
    step = sum(weights) / count
    found, upto, number = [], weights[0], 0
    for place in range(count):
        while upto < (place + 0.5) * step and number < len(views) - 1:
            number += 1
            upto += weights[number]
        found.append(views[number])
    return found


def _own(
    view: _View, heights: Sequence[tuple[Parameters, float]], going: Sequence[Going]
) -> dict[Kept, tuple[float, float]]:
    """What the parameters as a whole add to the line, where runs of just these have ended.

    Of a sweep that is run again each run is known, whatever line there is. How far that is to be trusted is
    seen from the runs that ran more than once; one that is overdue counts with what it has run.
    """

    def off(parameters: Parameters, height: float) -> float:
        return height - dot(view.line.coefficients, view.columns.row(parameters))

    offs: dict[Kept, Vector] = {}
    for parameters, height in heights:
        offs.setdefault(kept(parameters), []).append(off(parameters, height))
    usual = {key: fmean(many) for key, many in offs.items()}
    for run in going:
        key = kept(run.parameters)
        so_far = off(run.parameters, math.log(max(LEAST, run.ran)))
        if key in usual and so_far > usual[key]:
            offs[key].append(so_far)
    again = [many for many in offs.values() if len(many) > 1]
    apart = sum((one - fmean(many)) ** 2 for many in again for one in many)
    spare = sum(len(many) - 1 for many in again)
    alone = (apart + ALIKE_RUNS * ALIKE * ALIKE) / (spare + ALIKE_RUNS) / view.law.deviation**2
    common = view.scale * view.scale - alone
    if common <= 0:
        return {}
    found = {}
    for key, many in offs.items():
        trust = common / (common + alone / len(many))
        found[key] = trust * fmean(many), math.sqrt(alone + common * (1 - trust))
    return found


def _expected(view: _View, line: Vector, parameters: Parameters) -> tuple[float, float]:
    """Where the logarithm of a run's seconds lies, and the scale of the noise around that."""
    middle = dot(line, view.columns.row(parameters))
    own = view.own.get(kept(parameters)) if view.own else None
    return (middle, view.scale) if own is None else (middle + own[0], own[1])


def _left(run: Going, law: Noise, middle: float, scale: float, share: float) -> float:
    """Seconds that a run still takes which took `ran` already: the `share` quantile of what is longer."""
    if run.left is not None:
        spread = (scale * law.deviation) ** 2
        precision = 1 / spread + 1 / run.doubt
        own = math.log(max(LEAST, run.ran + run.left))
        middle = (middle / spread + own / run.doubt) / precision
        law, scale = LAWS[0], 1 / math.sqrt(precision)
    floor = math.log(max(LEAST, run.ran))
    steep = (floor - middle) / scale
    above = law.above(steep)
    if above < TINY:
        # Far beyond what was expected, each second more is as likely as the last.
        height = floor - math.log(max(TINY, 1 - share)) * scale / law.longer(steep)[1]
    else:
        height = middle + scale * law.at(above * (1 - share))
    return max(0.0, _exp(height) - run.ran)


def _exp(height: float) -> float:
    return min(LONGEST, math.exp(min(60.0, max(-60.0, height))))
