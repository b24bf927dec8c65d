"""What is answered of a run of some parameters, and what it claims by that."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from steelyard.rules import admission, level
from steelyard.rules.admission import Claim, MemoryView
from steelyard.rules.footprint import Experience, Footprint
from steelyard.rules.level import LevelRun, Provisional
from steelyard.rules.nearness import Parameters

log = logging.getLogger(__name__)

Kind = tuple[str, str, str]
"""A simulation, the program within it, and the fingerprint of what runs under that name now."""

Question = tuple[str, str]
"""A simulation, and parameters as JSON text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of a run of some parameters. least: bytes, as Experience.at_least() says.

    provisional: by runs that have been level for long; None where there are none. edition: of the evidence;
    runs: how many it was given by.
    """

    kind: Kind
    edition: int
    runs: int
    footprint: Footprint | None
    least: int
    provisional: Provisional | None

    @property
    def usual(self) -> float | None:
        """Seconds that a run usually takes; None before the first such run completed."""
        return None if self.footprint is None else self.footprint.duration

    def claim(self, declared: int | None, view: MemoryView, default_peak: int | None) -> Claim:
        """What a task claims by it, unless it states a claim itself; declared: by its simulation, bytes.

        What is declared stands until runs of like parameters are known to take more. A learned claim is never
        more than the machine could give: it is a guess, and such a task runs alone.
        """
        largest = max(admission.SMALLEST_PEAK, view.total - view.guard)
        default = admission.default_claim(default_peak, view.total, view.guard)
        found, guess, least = self.footprint, self.provisional, min(self.least, largest)
        unknown = None if found is None else found.unknown(default)
        if found is not None and unknown is None:
            if declared is None or (found.near and found.peak > declared):
                return Claim(min(found.claim, largest), "learned")
        elif declared is None and guess is not None and (unknown is None or guess.alike == guess.larger):
            reached = 0 if found is None or found.beyond is None else int(found.beyond.least)
            return Claim(min(max(guess.claim(default), least, reached), largest), "learned")
        if declared is not None:
            return Claim(max(declared, least), "simulation")
        return Claim(max(default, least, min(unknown or 0, largest)), "default")


def roughly(known: Footprint | None) -> Answer:
    """An answer whatever the parameters, by what all runs took."""
    return Answer(("", "", ""), 0, 0, known, 0, None)


class Prepared(NamedTuple):
    """A question with all that is needed to answer it, in whatever thread."""

    experience: Experience
    levels: Sequence[LevelRun]
    compared: Parameters
    kind: Kind
    edition: int
    runs: int

    def answer(self) -> Answer:
        """It takes a millisecond or two. Where a fault of ours keeps it from being found, nothing is known:
        the tasks of one simulation must not keep all others from being started.
        """
        known, compared = self.experience, self.compared
        try:
            found = known.of(compared), known.at_least(compared), level.provisional(self.levels, compared)
        except Exception:
            log.exception("what runs of %s take could not be told from those before", " ".join(self.kind[:2]))
            found = None, 0, None
        return Answer(self.kind, self.edition, self.runs, *found)
