"""Nearness: how far apart two runs are, by what their parameters explain of what the runs took.

A parameter that explains nothing of the differences counts next to nothing: in a sweep over prices and a
resolution, runs of the same resolution are near where it is memory that was asked about, whatever the prices.
What explains memory need not explain how long a run takes, so each has a measure of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, TypeGuard

NEAR: Final = 0.15**2
"""The square of the largest distance of a near run: 15 % of one decisive parameter's span."""

PARTS: Final = 256
"""Answers about single values that are remembered; in a sweep most parameters take the same few."""

LEAST_WEIGHT: Final = 0.01
"""A parameter that explains nothing still tells one run from another where everything else is equal."""

BINS: Final = 4
"""A parameter with many different numbers is looked at in quarters of its sorted values."""

Parameters = Mapping[str, Any]

_LEAST: Final = 0.001
"""What an outcome counts at the least: a logarithm of 0 there is none."""

_EQUAL: Final = 0.02**2
"""Mean square of the logarithms' deviations below which all count as the same: some 2 %."""


class Nearness:
    """Distances of the runs from a question, as far as they matter to one outcome (bytes, or seconds)."""

    def __init__(
        self,
        seen: Sequence[Parameters],
        outcomes: Sequence[tuple[Parameters, float]],
        ranges: Mapping[str, tuple[float, float]],
    ) -> None:
        """seen: the parameters of all runs; outcomes: those of completed runs, with what they took.

        ranges: name -> (least, most) of the numbers that the schema bounds on both sides; what it does not
        bound is measured by what was seen.
        """
        self.names = sorted({name for parameters in seen for name in parameters})
        self._seen = seen
        self._outcomes = outcomes
        self._ranges = ranges
        self._parts: dict[tuple[str, str], list[float]] = {}
        self._columns: dict[str, list[float]] = {}

    def squares(self, parameters: Parameters) -> list[float]:
        """The square of how far each of the seen runs is, in their order.

        0 for the same; 1 for a decisive parameter at the other end of its span, or of another kind.
        """
        parts = [self._part(name, parameters.get(name)) for name in self.names]
        # What only the question has, no run has: it makes a difference, though nobody knows which.
        extra = LEAST_WEIGHT * sum(name not in self._weights for name in parameters)
        return list(map(sum, zip([extra] * len(self._seen), *parts, strict=True)))

    def squares_but(self, name: str, parameters: Parameters, squares: Sequence[float]) -> list[float]:
        """The same (of the same parameters) with nothing asked of one of them."""
        part = self._part(name, parameters.get(name))
        return [square - one for square, one in zip(squares, part, strict=True)]

    def _part(self, name: str, value: Any) -> list[float]:
        """What a parameter with this value adds to the square of the distance of each run."""
        key = (name, repr(value))
        part = self._parts.get(key)
        if part is None:
            if len(self._parts) >= PARTS:
                self._parts.clear()
            part = self._parts[key] = self._apart(name, value, self._weights[name])
        return part

    def _apart(self, name: str, value: Any, most: float) -> list[float]:
        """The same, computed: at the most `most`."""
        if not is_number(value):
            return [0.0 if one.get(name) == value else most for one in self._seen]
        span = self._spans.get(name, 0.0)
        if span > 0:
            steps = ((seen - value) / span for seen in self._numbers(name))
            return [most * step * step if -1.0 < step < 1.0 else most for step in steps]
        # A number where all runs had one and the same: nothing is known of its span.
        return [0.0 if seen == value else most for seen in self._numbers(name)]

    def _numbers(self, name: str) -> list[float]:
        """The values of a parameter, run by run; infinite where it is no number: far from every other."""
        column = self._columns.get(name)
        if column is None:
            values = [one.get(name) for one in self._seen]
            column = [float(seen) if is_number(seen) else math.inf for seen in values]
            self._columns[name] = column
        return column

    @cached_property
    def _spans(self) -> dict[str, float]:
        """How far the numbers of each parameter lie apart: as seen, or the schema's range if that is less."""
        spans = {}
        for name in self.names:
            seen = [one[name] for one in self._seen if is_number(one.get(name))]
            if seen:
                low, high = self._ranges.get(name, (-math.inf, math.inf))
                spans[name] = min(max(seen) - min(seen) or math.inf, high - low)
                if math.isinf(spans[name]):
                    spans[name] = 0.0
        return spans

    @cached_property
    def _weights(self) -> dict[str, float]:
        """How much of the differences between outcomes each parameter explains, LEAST_WEIGHT to 1.

        The correlation ratio (Fisher 1925) of the outcome's logarithm, grouped by the parameter's value. A
        parameter that never varied is decisive until the contrary is seen.
        """
        logs = [math.log(max(_LEAST, outcome)) for _, outcome in self._outcomes]
        total = _squares(logs)
        weights = {}
        for name in self.names:
            groups: dict[object, list[float]] = {}
            key = self._grouping(name)
            for (parameters, _), log in zip(self._outcomes, logs, strict=True):
                groups.setdefault(key(parameters.get(name)), []).append(log)
            if len(groups) < 2:
                weights[name] = 1.0
            elif total <= _EQUAL * len(logs):
                weights[name] = LEAST_WEIGHT
            else:
                within = sum(_squares(group) for group in groups.values())
                weights[name] = max(LEAST_WEIGHT, 1.0 - within / total)
        return weights

    def _grouping(self, name: str) -> Callable[[Any], object]:
        """How the values of a parameter are told apart: each for itself, or many numbers in quarters."""
        values = [parameters.get(name) for parameters, _ in self._outcomes]
        numbers = sorted(float(value) for value in values if is_number(value))
        if len(numbers) < len(values) or len(set(numbers)) <= max(BINS, len(numbers) // 2):
            return lambda value: (
                value if value is None or isinstance(value, str | int | float | bool) else repr(value)
            )
        cuts = [numbers[len(numbers) * part // BINS] for part in range(1, BINS)]
        return lambda value: sum(value >= cut for cut in cuts)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a parameter is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _squares(values: Sequence[float]) -> float:
    if not values:
        return 0.0
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)
