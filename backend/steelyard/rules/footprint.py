"""Footprints: what runs like this one took before, and so what the next one is reckoned with.

A question is answered by the runs whose parameters are nearest (nearness.py): the claim by those that are
nearest as far as memory goes, the duration by those that are nearest as far as time goes.

Sizes are bytes, durations are seconds of awake time.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from steelyard.rules.nearness import NEAR, Nearness, Parameters, is_number
from steelyard.rules.retry import RAISE

FIRST_MARGIN: Final = 0.25
LAST_MARGIN: Final = 0.05
MANY_RUNS: Final = 20
"""DESIGN section 3: 25 % on top after one run, 5 % after 20 and more; between, it falls with log(runs)."""

FEW_RUNS: Final = 3
"""With fewer near runs than this all runs of the simulation answer, unless one had just these parameters."""

STEEPEST: Final = 3.0
"""The largest exponent by which memory is thought to grow with a parameter beyond what was seen: a cube."""

MOST_GROWN: Final = 8
"""How many times the largest peak a guess beyond what was seen may be; past that nobody knows anything."""

NORMAL_95: Final = 1.645
"""Standard deviations from the mean to the 95th percentile of a normal distribution."""

RUNS_KEPT: Final = 200
"""The newest so many runs of a simulation answer; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """What one attempt took.

    complete: it ran to its success. One that was ended for want of memory is not: its peak is a lower bound,
    and its duration says nothing (None).
    """

    parameters: Parameters
    peak: int
    duration: float | None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a run of some parameters is expected to take.

    claim: bytes with the margin; peak: the largest seen of the runs that answer, grown where the task lies
    beyond all of them. runs: how many answer. near: False when all runs of the simulation had to.
    duration: seconds, the median of the runs that answer for it; shortest, longest: their range; timed: how
    many they are.
    """

    claim: int
    peak: int
    runs: int
    near: bool
    duration: float
    shortest: float
    longest: float
    timed: int


def margin(runs: int) -> float:
    """What is added to what `runs` completed runs took: 0.25 for one, 0.05 for 20 and more."""
    if runs >= MANY_RUNS:
        return LAST_MARGIN
    share = math.log(max(1, runs)) / math.log(MANY_RUNS)
    return FIRST_MARGIN - (FIRST_MARGIN - LAST_MARGIN) * share


def program_of(simulation: str, parameters: Parameters) -> str:
    """Which runs of a simulation are of the same kind: all of them (""), except for `command`.

    There it is the program, with the script that an interpreter is told to run: `python model.py`.
    """
    argv = _argv(simulation, parameters)
    if not argv:
        return ""
    script = next((word for word in argv[1:] if not word.startswith("-")), "")
    has_script = "." in _name(script) and not _is_number(script)
    return " ".join([_name(argv[0]), *([script] if has_script else [])])


def features(simulation: str, parameters: Parameters) -> Parameters:
    """The parameters as they are compared; of a `command` each argument is one, numbers in it are numbers."""
    argv = _argv(simulation, parameters)
    if not argv:
        return parameters
    return {str(place): _number(word) for place, word in enumerate(argv)}


def _argv(simulation: str, parameters: Parameters) -> list[str]:
    argv = parameters.get("argv") if simulation == "command" else None
    return [str(word) for word in argv] if isinstance(argv, list | tuple) else []


def _name(path: str) -> str:
    """The last part of a path, of either system."""
    return path.replace("\\", "/").rpartition("/")[2]


def _is_number(word: str) -> bool:
    return isinstance(_number(word), float)


def _number(word: str) -> str | float:
    """An argument as a number, also behind a name: --years=30 is compared by 30."""
    try:
        found = float(word.rpartition("=")[2])
    except ValueError:
        return word
    return found if math.isfinite(found) else word


class Experience:
    """All that is known of one simulation, prepared once so that many questions are cheap.

    runs: newest first, parameters as features() gives them. ranges: name -> (least, most) of the numbers
    that the schema bounds on both sides; what it does not bound is measured by what was seen.
    """

    def __init__(
        self, runs: Sequence[PastRun], ranges: Mapping[str, tuple[float, float]] | None = None
    ) -> None:
        self.runs = list(runs[:RUNS_KEPT])
        self._complete = [run for run in self.runs if run.complete and run.duration is not None]
        seen = [run.parameters for run in self.runs]
        peaks = [(run.parameters, float(run.peak)) for run in self._complete]
        durations = [(run.parameters, run.duration or 0.0) for run in self._complete]
        self._by_memory = Nearness(seen, peaks, ranges or {})
        self._by_time = Nearness(seen, durations, ranges or {})

    def of(self, parameters: Parameters) -> Footprint | None:
        """What a run of these parameters is expected to take; None before the first completed run."""
        if not self._complete:
            return None
        answer, near = self._nearest(self._by_memory, parameters)
        timed, _ = self._nearest(self._by_time, parameters)
        least = self.at_least(parameters)
        peak = max(run.peak for run in answer)
        if not any(self._by_memory.distance(run.parameters, parameters) == 0.0 for run in answer):
            expected = self._expected(parameters, peak)
            if expected > peak:
                # Read off a curve, not seen: as little evidence as a single run.
                least = max(least, math.ceil(expected * (1 + FIRST_MARGIN)))
                peak = expected
        return _footprint(answer, timed, peak, near, least)

    def usual(self) -> Footprint | None:
        """What all completed runs took, whatever their parameters; None before the first."""
        return self._usual

    @cached_property
    def _usual(self) -> Footprint | None:
        if not self._complete:
            return None
        peak = max(run.peak for run in self._complete)
        return _footprint(self._complete, self._complete, peak, near=False, least=0)

    def at_least(self, parameters: Parameters) -> int:
        """What a run of just these parameters needs at the least: RAISE times what it had when it was ended.

        0 where none was ended, or one has completed since.
        """
        same = [run for run in self.runs if self._by_memory.distance(run.parameters, parameters) == 0.0]
        if any(run.complete for run in same):
            return 0
        return max((int(run.peak * RAISE) for run in same), default=0)

    def _nearest(self, by: Nearness, parameters: Parameters) -> tuple[list[PastRun], bool]:
        """The completed runs that answer, and whether they are near."""
        measured = [(by.distance(run.parameters, parameters), run) for run in self._complete]
        exact = [run for distance, run in measured if distance == 0.0]
        if exact:
            return exact, True
        near = [run for distance, run in measured if distance <= NEAR]
        if len(near) >= FEW_RUNS:
            return near, True
        return self._complete, False

    def _expected(self, parameters: Parameters, peak: int) -> int:
        """The peak that the curves of the numbers ask for, `peak` at the least; the most asked for decides.

        Runs near the task can all lie below it where memory climbs steeply, so near runs are no excuse.
        """
        return max((self._on_curve(name, parameters, peak) for name in self._by_memory.names), default=peak)

    def _on_curve(self, name: str, parameters: Parameters, peak: int) -> int:
        """What the largest peaks at each value of one number say of the task's value; `peak` if nothing."""
        value = parameters.get(name)
        if not is_number(value):
            return peak
        largest = self._largest(name, parameters)
        above = [seen for seen in largest if seen > value]
        below = [seen for seen in largest if seen < value]
        if value in largest or not below:
            return peak
        if above:
            return max(peak, _between(value, max(below), min(above), largest))
        return self._grown(value, peak, largest)

    def _largest(self, name: str, parameters: Parameters) -> dict[float, int]:
        """Value of a number -> the largest peak seen there, of the runs that are near in everything else.

        Where those have fewer than two values, of all runs.
        """
        found: dict[float, int] = {}
        for alike in (True, False):
            for run in self._complete:
                seen = run.parameters.get(name)
                if is_number(seen) and (
                    not alike or self._by_memory.distance(run.parameters, {**parameters, name: seen}) <= NEAR
                ):
                    found[float(seen)] = max(found.get(float(seen), 0), run.peak)
            if len(found) >= 2:
                break
        return found

    def _grown(self, value: float, peak: int, largest: Mapping[float, int]) -> int:
        """Beyond all that was seen, by the steepest of three curves that is no steeper than a cube.

        The straight line and the power law through the two highest values, and the parabola through those
        and the lowest: it sees a climb that a part of the memory which never grows hides from the others.
        """
        if len(largest) < 2:
            return peak
        below, top = sorted(largest)[-2:]
        low, high = largest[below], largest[top]
        # A grown peak of a few per cent is noise; nothing is made of it.
        if high <= low * 1.05:
            return peak
        line = high + (high - low) / (top - below) * (value - top)
        power = 0.0
        if below > 0 and low > 0:
            exponent = min(STEEPEST, math.log(high / low) / math.log(top / below))
            power = high * (value / top) ** exponent
        parabola = line
        lowest = min(largest)
        if lowest < below:
            bend = ((high - low) / (top - below) - (low - largest[lowest]) / (below - lowest)) / (
                top - lowest
            )
            parabola += bend * (value - top) * (value - below)
            if top > 0:
                parabola = min(parabola, high * (value / top) ** STEEPEST)
        return int(min(max(line, power, parabola), MOST_GROWN * peak))


def _between(value: float, below: float, above: float, largest: Mapping[float, int]) -> int:
    """On the straight line between two values: above every curve that climbs ever steeper."""
    share = (value - below) / (above - below)
    return int(largest[below] + (largest[above] - largest[below]) * share)


def _footprint(
    answer: Sequence[PastRun], timed: Sequence[PastRun], peak: int, near: bool, least: int
) -> Footprint:
    """Memory by `answer`, time by `timed`; neither is empty."""
    peaks = [run.peak for run in answer]
    durations = sorted(run.duration for run in timed if run.duration is not None)
    return Footprint(
        claim=max(math.ceil(max(_p95(peaks), peak) * (1 + margin(len(answer)))), least),
        peak=peak,
        runs=len(answer),
        near=near,
        duration=statistics.median(durations),
        shortest=durations[0],
        longest=durations[-1],
        timed=len(durations),
    )


def _p95(peaks: Sequence[int]) -> float:
    """The 95th percentile of a normal distribution with the mean and deviation of these peaks."""
    if len(peaks) < 2:
        return float(peaks[0])
    return statistics.fmean(peaks) + NORMAL_95 * statistics.stdev(peaks)
