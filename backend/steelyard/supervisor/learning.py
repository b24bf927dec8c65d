"""What past runs teach: the claim and the duration that a task is reckoned with.

Answers are remembered until the next run of their kind has ended, so that a queue of thousands of like tasks
is asked about once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steelyard.rules import admission
from steelyard.rules.admission import Claim
from steelyard.rules.footprint import Experience, Footprint, features, program_of
from steelyard.rules.forecast import Span
from steelyard.rules.retry import MEMORY, PastAttempt
from steelyard.settings.environment import Settings
from steelyard.settings.simulations import Catalogue
from steelyard.store import footprints, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.store.records import Reader, Row, from_json, to_json
from steelyard.supervisor.scale import Scale

ANSWERS = 4_096
"""Answers that are remembered; then all are forgotten."""

SAME = 0.01
"""A claim that would change by less than this share stays as it is."""

RELEARNED = frozenset({"simulation", "learned", "default"})
"""Sources of claims that follow what is learned meanwhile; what the user said stands."""

Kind = tuple[str, str]


class Learning:
    """Answers from the footprint table. One for a sidecar; it is told of every run that ended."""

    def __init__(self, reader: Reader, catalogue: Catalogue, scale: Scale) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._scale = scale
        self._experiences: dict[Kind, Experience] = {}
        self._answers: dict[tuple[str, str], Footprint | None] = {}

    def footprint(self, simulation: str, parameters: str) -> Footprint | None:
        """What a run is expected to take, None before the first such run completed. parameters: JSON text."""
        key = (simulation, parameters)
        if key not in self._answers:
            if len(self._answers) >= ANSWERS:
                self._answers.clear()
            values = from_json(parameters)
            self._answers[key] = self._experience(simulation, values).of(features(simulation, values))
        return self._answers[key]

    def span(self, simulation: str, parameters: str) -> Span | None:
        """How long a run takes, None before the first such run completed. parameters: JSON text."""
        known = self.footprint(simulation, parameters)
        if known is None:
            return None
        return Span.learned(known.duration, known.shortest, known.longest, known.timed)

    def usual(self, simulation: str, parameters: Mapping[str, Any]) -> Footprint | None:
        """What runs of this kind took whatever their parameters; None before the first completed."""
        return self._experience(simulation, parameters).usual()

    def claim(
        self,
        settings: Settings,
        task: int | None,
        simulation: int | None,
        name: str,
        parameters: Mapping[str, Any],
        *,
        roughly: bool = False,
    ) -> Claim:
        """What a task claims: stated (task), declared (simulation), learned or the default; bytes.

        What is declared stands until runs of like parameters are known to take more. A learned claim is never
        more than the machine could give: it is a guess, and such a task runs alone.
        roughly: whatever its parameters, for one of thousands; refresh() makes good for it in time.
        """
        view = self._scale.view(settings)
        largest = max(admission.SMALLEST_PEAK, view.total - view.guard)
        if task is not None:
            return Claim(task, "task")
        found = self.usual(name, parameters) if roughly else self.footprint(name, to_json(parameters))
        learned = None if found is None else min(found.claim, largest)
        if simulation is not None and found is not None and found.near and found.peak > simulation:
            simulation = None
        claim = admission.claim_of(
            None, simulation, learned, settings.worker_peak_memory, view.total, view.guard
        )
        if claim.source != "learned" and not roughly:
            least = self._experience(name, parameters).at_least(features(name, parameters))
            claim = Claim(max(claim.bytes, min(least, largest)), claim.source)
        return claim

    def reckoned(self, settings: Settings, row: Mapping[str, Any]) -> Claim:
        """The claim that a waiting task (its row) would be weighed with now."""
        if row["claim_source"] not in RELEARNED or row["cause"] in MEMORY:
            return Claim(row["claim"], row["claim_source"])
        declared = row["claim"] if row["claim_source"] == "simulation" else None
        return self.claim(settings, None, declared, row["simulation"], from_json(row["parameters"]))

    def refresh(self, change: Change, settings: Settings, row: dict[str, Any]) -> None:
        """Let a waiting task's claim (its row, changed in place) follow what was learned since it was queued.

        One that ran out of memory keeps the claim that was raised for it.
        """
        claim = self.reckoned(settings, row)
        if claim.source == row["claim_source"] and abs(claim.bytes - row["claim"]) <= SAME * row["claim"]:
            return
        row["claim"], row["claim_source"] = claim.bytes, claim.source
        tasks.reckon(change, row["id"], claim.bytes, claim.source)

    def note(
        self, change: Change, task: Row, outcome: Outcome, history: list[PastAttempt], now: float
    ) -> None:
        """Learn from an attempt that is being finished: the last of history, the end of its task's run.

        A run that went on from checkpoints took what the attempts before it took as well.
        """
        took = history[-1].duration + sum(one.duration for one in history[:-1] if one.checkpointed)
        if footprints.note(change, task, outcome, took, now):
            kind = (str(task["simulation"]), program_of(task["simulation"], from_json(task["parameters"])))
            self._experiences.pop(kind, None)
            self._answers = {key: found for key, found in self._answers.items() if key[0] != kind[0]}

    def _experience(self, simulation: str, parameters: Mapping[str, Any]) -> Experience:
        kind = (simulation, program_of(simulation, parameters))
        if kind not in self._experiences:
            known = self._catalogue.simulations.get(simulation)
            ranges = {
                name: (float(schema["minimum"]), float(schema["maximum"]))
                for name, schema in (known.parameters if known is not None else {}).items()
                if _bounded(schema)
            }
            self._experiences[kind] = Experience(footprints.newest(self._reader, *kind), ranges)
        return self._experiences[kind]


def _bounded(schema: Mapping[str, Any]) -> bool:
    return all(isinstance(schema.get(key), int | float) for key in ("minimum", "maximum"))
