"""Footprints: what runs like this one took before, and so what the next one is reckoned with.

A question is answered by the runs whose parameters are nearest (nearness.py): the claim by those that are
nearest as far as memory goes, the duration by those that are nearest as far as time goes, unless all lie on
a curve (curve.py).

Sizes are bytes, durations are seconds of awake time.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

from steelyard.rules import memory_curve
from steelyard.rules.axes import Axis
from steelyard.rules.beyond import AGREE, MARGIN, Beyond, Book
from steelyard.rules.curve import Curves, Guess
from steelyard.rules.law import MOST
from steelyard.rules.nearness import NEAR, Nearness, Parameters, is_number
from steelyard.rules.retry import RAISE

FIRST_MARGIN: Final = 0.25
LAST_MARGIN: Final = 0.05
MANY_RUNS: Final = 20
"""What is added to what runs of other parameters took: 25 % after one run, 5 % after 20 and more; between, it
falls with log(runs)."""

ONE_ALIKE: Final = 0.15
"""What is added to what one run of just these parameters took."""

DEVIATIONS: Final = 3.0
"""Of several such runs, so many standard deviations are added, LAST_MARGIN at the least."""

WIDE_MARGIN: Final = 0.5
"""The most that is added for a spread; and what is added where another version of the program ran."""

CLOSE: Final = 0.1
"""How far off its curve of memory a run may lie, as a rule; more, and there is none (see curve.OFF)."""

FEW_RUNS: Final = 3
"""With fewer near runs than this all runs of the simulation answer, unless one had just these parameters."""

RUNS_KEPT: Final = 200
BOUNDS_KEPT: Final = 50
"""The newest so many runs of a simulation that completed answer, and of those that did not; older ones are
forgotten."""

How = Literal["same", "near", "all"]


@dataclass(frozen=True, slots=True)
class PastRun:
    """What one attempt took.

    complete: it ran to its success. Of any other the peak is a lower bound, and the duration says nothing
    (None). starved: it was ended for want of memory, so it needs more than it had.
    """

    parameters: Parameters
    peak: int
    duration: float | None
    complete: bool = True
    starved: bool = False

    @property
    def teaches(self) -> bool:
        """Whether it says what such a run takes, and not only what it takes at the least."""
        return self.complete and self.duration is not None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a run of some parameters is expected to take.

    claim: bytes with the margin; peak: the largest seen of the runs that answer, grown where the task lies
    beyond all of them. runs: how many answer. near: False when all runs of the simulation had to.
    duration: seconds, the median of the runs that answer for it, or what their curve says; shortest, longest:
    their range; timed: how many they are. beyond: what is not known of it, where it lies far beyond them all.
    """

    claim: int
    peak: int
    runs: int
    near: bool
    duration: float
    shortest: float
    longest: float
    timed: int
    beyond: Beyond | None = None

    def unknown(self, default: int) -> int | None:
        """What it claims if nobody can tell from what was seen; None: what stands here.

        default: what a run claims of which nothing is known.
        """
        most = default if self.beyond is None else max(default, math.ceil(AGREE * self.beyond.least))
        return None if self.beyond is None or self.claim <= most else most


def margin(runs: int) -> float:
    """What is added to what `runs` runs of other parameters took: 0.25 for one, 0.05 for 20 and more."""
    if runs >= MANY_RUNS:
        return LAST_MARGIN
    share = math.log(max(1, runs)) / math.log(MANY_RUNS)
    return FIRST_MARGIN - (FIRST_MARGIN - LAST_MARGIN) * share


def margin_of_alike(peaks: Sequence[int]) -> float:
    """What is added to the largest peak of runs of the same parameters: by how far they lie apart."""
    if len(peaks) < 2:
        return ONE_ALIKE
    spread = statistics.stdev(peaks) / statistics.fmean(peaks)
    return min(WIDE_MARGIN, max(LAST_MARGIN, DEVIATIONS * spread))


class Experience:
    """All that is known of one simulation, prepared once so that many questions are cheap.

    runs: newest first, parameters as features() gives them. ranges: name -> (least, most) of the numbers
    that the schema bounds on both sides; what it does not bound is measured by what was seen. own: False
    where those that completed are of another version of the program, so that they say little.
    """

    def __init__(
        self,
        runs: Sequence[PastRun],
        ranges: Mapping[str, tuple[float, float]] | None = None,
        *,
        own: bool = True,
    ) -> None:
        self.runs = list(runs[: RUNS_KEPT + BOUNDS_KEPT])
        self.own = own
        self._complete = [run for run in self.runs if run.teaches]
        seen = [run.parameters for run in self.runs]
        peaks = [(run.parameters, float(run.peak)) for run in self._complete]
        durations = [(run.parameters, run.duration or 0.0) for run in self._complete]
        self._by_memory = Nearness(seen, peaks, ranges or {})
        self._by_time = Nearness(seen, durations, ranges or {})
        self._time_curves = Curves(durations)
        if self._complete:
            self._book = Book([(run.parameters, run.peak) for run in self._complete])

    def of(self, parameters: Parameters) -> Footprint | None:
        """What a run of these parameters is expected to take; None before the first completed run."""
        if not self._complete:
            return None
        beyond = self._book.of(parameters)
        if beyond is None:
            return self._within(parameters)
        # A larger value never claims less than a smaller one, whether that was seen or not.
        near, time = self._within(beyond.nearest), self._timing(parameters)
        least = max(near.claim, self._smaller(parameters), self._by_bounds(parameters))
        most = min(MOST, max(least, beyond.most * (1 + MARGIN)))
        beyond = replace(beyond, least=max(least, beyond.least), most=most)
        peak = max(near.peak, int(most / (1 + MARGIN)))
        return replace(_footprint(int(most), peak, near.runs, near.near, time), beyond=beyond)

    def prepare(self) -> None:
        """Work out what the first question would pay for."""
        self.of({})
        if self._complete:
            self._book.prepare()
            self._smaller({})

    def seen(self) -> Mapping[str, Axis]:
        """The numbers that completed runs had."""
        return self._book.axes if self._complete else {}

    def _by_bounds(self, parameters: Parameters) -> int:
        """What runs near it that did not complete claim, also those that lie farther out; 0 without any."""
        squares = self._by_memory.squares(parameters)
        reached = self._reached(parameters, squares, "near")
        return max(self._at_least(squares), math.ceil(reached * (1 + self._added(FIRST_MARGIN))))

    def _smaller(self, parameters: Parameters) -> int:
        """What runs claim none of whose numbers is larger, each for itself and all of them; 0 without any."""
        smaller = [one for one in self._alone if self._book.reaches(parameters, one[0].parameters)]
        if not smaller:
            return 0
        together = math.ceil(max(run.peak for run, _ in smaller) * (1 + self._added(FIRST_MARGIN)))
        return max(together, *(claim for _, claim in smaller))

    @cached_property
    def _alone(self) -> list[tuple[PastRun, int]]:
        """Each run with the claim of those of the same parameters, however they ended."""
        alike: dict[str, list[PastRun]] = {}
        for run in self.runs:
            alike.setdefault(repr(sorted(run.parameters.items())), []).append(run)
        found = []
        for runs in alike.values():
            done = [run for run in runs if run.teaches]
            raised = max((int(run.peak * RAISE) for run in runs if run.starved and not done), default=0)
            claim = self._claim_of_alike(done, max(run.peak for run in runs))
            found += [(run, max(claim, raised)) for run in runs]
        return found

    def _within(self, parameters: Parameters) -> Footprint:
        """The same, of a run that is not far beyond those that were seen."""
        time = self._timing(parameters)
        squares = self._by_memory.squares(parameters)
        answer, how = self._nearest(squares)
        least = self._at_least(squares)
        peak = max(self._reached(parameters, squares, how), *(run.peak for run in answer))
        guess = None if how == "same" else self._memory_curves.of(parameters)
        if guess is not None and guess.inside and how == "all":
            return _footprint(max(least, _read_off(guess.most)), int(guess.most), guess.runs, True, time)
        if how != "same":
            expected = self._expected(parameters, squares, peak)
            if guess is not None and not guess.inside:
                expected = max(expected, int(guess.most))
            if expected > peak:
                least = max(least, _read_off(expected))
                peak = expected
        by_runs = self._claim_of_alike(answer, peak) if how == "same" else self._claim(len(answer), peak)
        least = max(least, by_runs)
        return _footprint(least, peak, len(answer), how != "all", time)

    def usual(self) -> Footprint | None:
        """What all completed runs took, whatever their parameters; None before the first."""
        return self._usual

    @cached_property
    def _usual(self) -> Footprint | None:
        if not self._complete:
            return None
        peak = max(run.peak for run in self._complete)
        claim = self._claim(len(self._complete), peak)
        return _footprint(claim, peak, len(self._complete), False, _range(self._complete))

    def at_least(self, parameters: Parameters) -> int:
        """The least that a run of just these parameters claims, by those that did not complete.

        RAISE times what one had that was ended for want of memory. 0 where one has completed since.
        """
        if len(self._complete) == len(self.runs):
            return 0
        return self._at_least(self._by_memory.squares(parameters))

    def _at_least(self, squares: Sequence[float]) -> int:
        same = [run for run, square in zip(self.runs, squares, strict=True) if square == 0.0]
        if any(run.complete for run in same):
            return 0
        return max((int(run.peak * (RAISE if run.starved else 1 + ONE_ALIKE)) for run in same), default=0)

    def _reached(self, parameters: Parameters, squares: Sequence[float], how: How) -> int:
        """The most that runs reached which did not complete, of those that may answer; 0 if there are none.

        One with a larger number is no bound for a smaller one. What such a run was ended with for want of
        memory no longer counts once one of the same parameters has completed.
        """
        bounds = [pair for pair in zip(self.runs, squares, strict=True) if not pair[0].complete]
        if how == "same":
            bounds = [(run, square) for run, square in bounds if square == 0.0 and not run.starved]
        reaches = self._book.reaches
        return max(
            (run.peak for run, square in bounds if square <= NEAR or reaches(parameters, run.parameters)),
            default=0,
        )

    def _claim(self, runs: int, peak: int) -> int:
        """The claim by so many runs, of whatever parameters, that took so much at the most."""
        return math.ceil(peak * (1 + self._added(margin(runs))))

    def _claim_of_alike(self, runs: Sequence[PastRun], peak: int) -> int:
        """The same, by runs of the same parameters."""
        return math.ceil(peak * (1 + self._added(margin_of_alike([run.peak for run in runs]))))

    def _added(self, margin: float) -> float:
        return margin if self.own else max(margin, WIDE_MARGIN)

    def _timing(self, parameters: Parameters) -> Guess:
        """How long a run takes: by runs of the same parameters, else by a curve, else by near runs."""
        answer, how = self._nearest(self._by_time.squares(parameters))
        guess = None if how == "same" else self._time_curves.of(parameters)
        return guess or _range(answer)

    @cached_property
    def _memory_curves(self) -> Curves:
        """None where a run that did not complete had more than they say."""
        curves = Curves([(run.parameters, float(run.peak)) for run in self._complete], CLOSE)
        for run in self.runs:
            guess = None if run.complete else curves.of(run.parameters)
            if guess is not None and run.peak > guess.most:
                return Curves([])
        return curves

    def _nearest(self, squares: Sequence[float]) -> tuple[list[PastRun], How]:
        """The completed runs that answer: those of the same parameters, those that are near, or all.

        squares: of the distances of all runs.
        """
        near = [
            (square, run)
            for square, run in zip(squares, self.runs, strict=True)
            if square <= NEAR and run.teaches
        ]
        same = [run for square, run in near if square == 0.0]
        if same:
            return same, "same"
        if len(near) >= FEW_RUNS:
            return [run for _, run in near], "near"
        return self._complete, "all"

    def _expected(self, parameters: Parameters, squares: Sequence[float], peak: int) -> int:
        """The peak that the curves of the numbers ask for, `peak` at the least; the most asked for decides.

        Runs near the task can all lie below it where memory climbs steeply, so near runs are no excuse.
        """
        asked = [
            memory_curve.expected(float(value), self._largest(name, parameters, squares), peak)
            for name, value in parameters.items()
            if name in self._by_memory.names and is_number(value)
        ]
        return max(asked, default=peak)

    def _largest(self, name: str, parameters: Parameters, squares: Sequence[float]) -> dict[float, int]:
        """Value of a number -> the largest peak seen there, of the runs that are near in everything else.

        Where those have fewer than two values, of all runs.
        """
        alike = self._by_memory.squares_but(name, parameters, squares)
        for reach in (NEAR, math.inf):
            found: dict[float, int] = {}
            for run, square in zip(self.runs, alike, strict=True):
                if square <= reach and run.teaches and is_number(seen := run.parameters.get(name)):
                    found[float(seen)] = max(found.get(float(seen), 0), run.peak)
            if len(found) >= 2:
                break
        return found


def _range(runs: Sequence[PastRun]) -> Guess:
    durations = sorted(run.duration for run in runs if run.duration is not None)
    return Guess(statistics.median(durations), durations[0], durations[-1], len(durations))


def _footprint(claim: int, peak: int, runs: int, near: bool, time: Guess) -> Footprint:
    return Footprint(claim, peak, runs, near, time.usual, time.least, time.most, time.runs)


def _read_off(peak: float) -> int:
    """The claim for a peak that was read off a curve and not seen: as little evidence as a single run."""
    return math.ceil(peak * (1 + FIRST_MARGIN))
