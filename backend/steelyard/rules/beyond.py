"""What is known of a run far beyond all that were seen, and what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from steelyard.rules.axes import Axis, axes
from steelyard.rules.curve import Words, words_of
from steelyard.rules.law import Laws
from steelyard.rules.nearness import Parameters, is_number

AGREE: Final = 2.0
"""The laws agree about a run if the most that they say is not more than so many times the least."""

MARGIN: Final = 0.1
"""What is added to the most that they say."""

ENOUGH: Final = 3
"""So many runs with the same words have laws of their own."""

PREPARED: Final = 4
"""The laws of so many words are found before anybody asks."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """A number that lies far beyond what was seen of it."""

    name: str
    value: float
    seen: float
    """The nearest to it."""
    varied: bool
    """Whether more than one value was seen."""

    def __str__(self) -> str:
        """As a part of a sentence: "runs seen had hours up to 48, this goes to 8,760"."""
        value, seen = f"{self.value:,.10g}", f"{self.seen:,.10g}"
        if not self.varied:
            return f"{self.name} = {value} was never seen, only {seen}"
        to = "up to" if self.value > self.seen else "down to"
        return f"runs seen had {self.name} {to} {seen}, this goes to {value}"


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a run far beyond all others takes: bytes at the least, and at the most.

    nearest: its parameters, as far out as is not far yet.
    """

    unseen: tuple[Unseen, ...]
    nearest: Parameters
    least: float
    most: float

    @property
    def sure(self) -> bool:
        """Whether the laws that agree with what was seen agree about it, too."""
        return self.most <= AGREE * self.least


def unseen_of(known: Mapping[str, Axis], parameters: Parameters) -> tuple[Unseen, ...]:
    """The numbers of a run that lie far beyond those that were seen."""
    return tuple(
        Unseen(name, float(value), axis.end, axis.varied)
        for name, axis in known.items()
        if is_number(value := parameters.get(name)) and axis.place(float(value)) > axis.reach
    )


def outermost(known: Mapping[str, Axis], all_parameters: Iterable[Parameters]) -> Parameters:
    """Of each number that was seen, the value of several runs that lies farthest out."""
    found: dict[str, Any] = {}
    for parameters in all_parameters:
        for name, axis in known.items():
            value = parameters.get(name)
            if is_number(value) and (name not in found or axis.place(value) > axis.place(found[name])):
                found[name] = value
    return found


class Book:
    """The laws of one simulation, for each combination of words among the parameters.

    runs: their parameters and what they took, the newest first; one at the least.
    """

    def __init__(self, runs: Sequence[tuple[Parameters, int]]) -> None:
        self._runs = [(parameters, float(peak)) for parameters, peak in runs]
        self.axes = axes(self._runs)
        """The numbers that they had."""
        counted = Counter(words_of(parameters) for parameters, _ in self._runs)
        self._frequent = Counter({words: runs for words, runs in counted.items() if runs >= ENOUGH})
        self._laws: dict[Words | None, Laws] = {}

    def of(self, parameters: Parameters) -> Beyond | None:
        """What is known of a run; None where each of its numbers is within half more of what was seen."""
        unseen = unseen_of(self.axes, parameters)
        if not unseen:
            return None
        nearest = {**parameters, **{one.name: self.axes[one.name].farthest() for one in unseen}}
        least, most = self._among(parameters).of(parameters)
        return Beyond(unseen, nearest, least, most)

    def reaches(self, parameters: Parameters, other: Parameters) -> bool:
        """Whether a run takes no less than another: none of the other's numbers lies farther out."""
        return all(axis.of(other) <= axis.of(parameters) for axis in self.axes.values())

    def prepare(self) -> None:
        """Find the laws of the most frequent words, and of all runs, which takes some 10 ms each."""
        for words, _ in self._frequent.most_common(PREPARED):
            self._of_words(words)
        self._of_words(None)

    def _among(self, parameters: Parameters) -> Laws:
        """The laws of the runs with the same words; of all where they are too few."""
        words = words_of(parameters)
        return self._of_words(words if self._frequent[words] >= ENOUGH else None)

    def _of_words(self, words: Words | None) -> Laws:
        """None: of all runs."""
        if words not in self._laws:
            alike = [run for run in self._runs if words is None or words_of(run[0]) == words]
            self._laws[words] = Laws(alike)
        return self._laws[words]
