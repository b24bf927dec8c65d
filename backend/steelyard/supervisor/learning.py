"""What past runs teach: the claim and the duration that a task is reckoned with.

A question costs up to a millisecond, and the tasks of a random sample share no answer. So answers are current
until the runs that ended since say something new, those of older evidence still serve to sort a queue, and
what takes long is done in a thread: many questions at once, and to prepare new evidence.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from steelyard.machine.beside import compute
from steelyard.rules.admission import Claim
from steelyard.rules.features import LARGEST, features, program_of
from steelyard.rules.footprint import Experience, Footprint
from steelyard.rules.level import LevelRun
from steelyard.rules.retry import MEMORY, PastAttempt
from steelyard.rules.states import Cause
from steelyard.settings.environment import Settings
from steelyard.settings.simulations import Catalogue
from steelyard.store import footprints, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.store.records import Reader, Row, from_json, to_json
from steelyard.supervisor import answers
from steelyard.supervisor.answers import Answer, Kind, Prepared, Question
from steelyard.supervisor.scale import Scale

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Questions that are answered where they are asked, a millisecond or two each; more of them in a thread."""

ANSWERS = 4_096
"""Answers that are remembered; then all are forgotten."""

GREW = 0.1
"""Evidence that grew by this share is new, whatever the runs that ended say."""

WORN = 1.5
"""An answer no longer serves to sort a queue once so many times the runs are known that it was given by."""

SAME = 0.01
"""A claim that would change by less than this share stays as it is."""

RELEARNED = frozenset({"simulation", "learned", "default"})
"""Sources of claims that follow what is learned meanwhile; what the user said stands."""

GUESSES = frozenset({"learned", "default"})
"""Sources of claims that say what is thought, not what somebody stated."""

HIGHER = 0.1
"""A level run teaches anew once its peak has grown by this share."""


class Learning:
    """Answers from the footprint table. One for a sidecar; it is told of every run that ended."""

    def __init__(self, reader: Reader, catalogue: Catalogue, scale: Scale) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._scale = scale
        self._experiences: dict[Kind, Experience] = {}
        self._answers: dict[Question, Answer] = {}
        self._editions: dict[Kind, int] = {}
        self._runs: dict[Kind, int] = {}
        """Runs of a kind that ended, as far as this sidecar knows."""
        self._noted: dict[Kind, int] = {}
        """How many of them the evidence has."""
        self.news = 0
        """How often something new was learned."""
        self._outdated: set[Kind] = set()
        """Kinds whose evidence, as it is held, lacks something new."""
        self._levels: dict[str, tuple[Kind, LevelRun]] = {}
        """Running tasks that have been level for long, by task id."""

    def footprint(self, simulation: str, parameters: str) -> Footprint | None:
        """What a run is expected to take, None before the first such run completed. parameters: JSON text."""
        return self._ask((simulation, parameters)).footprint

    def last(self, row: Mapping[str, Any]) -> Answer | None:
        """What was answered last for a task (its row), maybe by older evidence; None: it was never asked."""
        return self._answers.get(_question(row))

    def is_current(self, row: Mapping[str, Any]) -> bool:
        """Whether the last answer for a task is what would be answered now."""
        last = self.last(row)
        return last is not None and self._stands(last)

    def stale(self, rows: Iterable[Mapping[str, Any]]) -> list[Question]:
        """What look_up() should be asked for these tasks (their rows) so that they are current."""
        return list(dict.fromkeys(_question(row) for row in rows if not self.is_current(row)))

    def ask(self, questions: Sequence[Question]) -> bool:
        """Answer these at once, for last(), if they are few and the evidence is prepared; whether it did.

        Else look_up() should.
        """
        if len(questions) > AT_ONCE or self._unprepared(questions):
            return False
        for question in questions:
            self._ask(question)
        return True

    def unanswered(self, rows: Iterable[Mapping[str, Any]]) -> list[Question]:
        """What look_up() should be asked for these tasks: what was never asked, or long ago."""
        return list(dict.fromkeys(_question(row) for row in rows if self._is_worn(self.last(row))))

    async def look_up(self, questions: Sequence[Question]) -> None:
        """Answer many questions in a thread; last() has the answers then."""
        if not questions:
            return
        await self._prepare(self._unprepared(questions))
        if len(self._answers) + len(questions) > ANSWERS:
            self._answers.clear()
        prepared = [self._prepared(question) for question in questions]
        answers = await compute(lambda: [one.answer() for one in prepared])
        self._answers.update(zip(questions, answers, strict=True))

    async def renew(self) -> None:
        """Prepare the evidence of which something is new, in a thread; then questions are cheap again."""
        await self._prepare(set(self._outdated))

    def _unprepared(self, questions: Iterable[Question]) -> set[Kind]:
        kinds = {self._kind(name, from_json(parameters)) for name, parameters in questions}
        return kinds - (self._experiences.keys() - self._outdated)

    async def _prepare(self, kinds: Iterable[Kind]) -> None:
        for kind in sorted(kinds):
            edition, ranges = self._editions.get(kind, 0), self._ranges(kind[0])
            rows = footprints.rows(self._reader, *kind[:2])
            experience = await compute(partial(_made, kind, rows, ranges, prepare=True))
            if self._editions.get(kind, 0) == edition:
                # Else more was seen meanwhile, and whoever asks next prepares it.
                self._keep(kind, experience)

    def usual(self, simulation: str, parameters: Mapping[str, Any]) -> Footprint | None:
        """What runs of this kind took whatever their parameters; None before the first completed."""
        return self._experience(simulation, parameters).usual()

    def seen(self, simulation: str) -> dict[str, dict[str, Any]]:
        """The numbers that completed runs of a simulation had: {"least", "most", "falling"} of each."""
        known = self._experience(simulation, {}).seen()
        return {
            name: {"least": axis.least, "most": axis.most, "falling": axis.falling}
            for name, axis in known.items()
        }

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

        roughly: whatever its parameters, for one of thousands; refresh() makes good for it in time.
        """
        if task is not None:
            return Claim(task, "task")
        known = (
            answers.roughly(self.usual(name, parameters))
            if roughly
            else self._ask((name, to_json(parameters)))
        )
        return known.claim(simulation, self._scale.view(settings), settings.worker_peak_memory)

    def reckoned(self, settings: Settings, row: Mapping[str, Any]) -> Claim:
        """The claim that a waiting task (its row) would be weighed with, by the last answer for it."""
        last = self.last(row)
        if last is None or row["claim_source"] not in RELEARNED or row["cause"] in MEMORY:
            return Claim(row["claim"], row["claim_source"])
        declared = row["claim"] if row["claim_source"] == "simulation" else None
        return last.claim(declared, self._scale.view(settings), settings.worker_peak_memory)

    def refresh(self, change: Change, settings: Settings, row: dict[str, Any]) -> None:
        """Let a waiting task's claim (its row, changed in place) follow what was last answered for it.

        One that ran out of memory keeps the claim that was raised for it.
        """
        claim = self.reckoned(settings, row)
        if claim.source == row["claim_source"] and abs(claim.bytes - row["claim"]) <= SAME * row["claim"]:
            return
        row["claim"], row["claim_source"] = claim.bytes, claim.source
        tasks.reckon(change, row["id"], claim.bytes, claim.source)

    def note(
        self,
        change: Change,
        task: Row,
        outcome: Outcome,
        history: list[PastAttempt],
        now: float,
        fingerprint: str | None = None,
    ) -> None:
        """Learn from an attempt that is being finished: the last of history, the end of its task's run.

        A run that went on from checkpoints took what the attempts before it took as well. fingerprint: of
        what ran; None: of what would run now.
        """
        took = history[-1].duration + sum(one.duration for one in history[:-1] if one.checkpointed)
        question = _question(task)
        if fingerprint is None:
            fingerprint = self.fingerprint(question[0])
        if footprints.note(change, task, outcome, took, now, fingerprint):
            self._note(question, outcome, fingerprint)

    def follow(self, levels: Mapping[str, tuple[Mapping[str, Any], int]]) -> None:
        """Which running tasks have been level for long: task id -> what stands in its row, and its peak.

        The tasks of their kinds are asked about anew where that is news.
        """
        before, self._levels = self._levels, {}
        for task_id, (row, peak) in levels.items():
            known = before.get(task_id)
            if known is None or peak > (1 + HIGHER) * known[1].peak:
                simulation, parameters = row["simulation"], from_json(row["parameters"])
                run = LevelRun(features(simulation, parameters), peak)
                known = self._kind(simulation, parameters), run
            self._levels[task_id] = known
        for task_id in before.keys() | self._levels.keys():
            was, now = before.get(task_id), self._levels.get(task_id)
            if was is not now:
                for kind in {each[0] for each in (was, now) if each is not None}:
                    self._begin_edition(kind)

    def _begin_edition(self, kind: Kind) -> None:
        self.news += 1
        self._editions[kind] = self._editions.get(kind, 0) + 1

    def _note(self, question: Question, outcome: Outcome, fingerprint: str) -> None:
        """Begin a new edition of the evidence if a run that ended says something new."""
        kind = self._kind(question[0], from_json(question[1]))
        experience = self._experiences.get(kind)
        if experience is None or fingerprint != kind[2]:
            return
        self._runs[kind] += 1
        known, peak = self._answers.get(question), outcome.peak_memory or 0
        if known is None or not self._stands(known):
            # By the evidence that is held, new or not: this is asked where a run's end is being recorded.
            known = self._asked(experience, question, kind).answer()
        expected = known.footprint
        if outcome.cause is Cause.SUCCEEDED:
            more = self._runs[kind] - self._noted[kind] >= GREW * len(experience.runs)
            news = expected is None or not experience.own or peak > expected.peak or more
        elif outcome.cause in MEMORY:
            news = True
        else:
            news = peak > (known.least if expected is None else expected.peak)
        if news:
            self._outdated.add(kind)
            self._begin_edition(kind)

    def _ask(self, question: Question) -> Answer:
        """The current answer."""
        known = self._answers.get(question)
        if known is None or not self._stands(known):
            if len(self._answers) >= ANSWERS:
                self._answers.clear()
            known = self._answers[question] = self._prepared(question).answer()
        return known

    def _kind(self, simulation: str, parameters: Mapping[str, Any]) -> Kind:
        return simulation, program_of(simulation, parameters), self.fingerprint(simulation)

    def fingerprint(self, simulation: str) -> str:
        """Of what runs under this name now, as settings.Simulation says; "" where that is not known."""
        known = self._catalogue.simulations.get(simulation)
        return "" if known is None else known.fingerprint

    def _stands(self, answer: Answer) -> bool:
        """Whether it was given by what is known by now of what would run now."""
        kind = answer.kind
        return kind[2] == self.fingerprint(kind[0]) and answer.edition == self._editions.get(kind, 0)

    def _prepared(self, question: Question) -> Prepared:
        simulation, parameters = question[0], from_json(question[1])
        experience = self._experience(simulation, parameters)
        return self._asked(experience, question, self._kind(simulation, parameters))

    def _asked(self, experience: Experience, question: Question, kind: Kind) -> Prepared:
        levels = [run for each, run in self._levels.values() if each == kind]
        compared = features(question[0], from_json(question[1]))
        return Prepared(experience, levels, compared, kind, self._editions.get(kind, 0), self._runs[kind])

    def _is_worn(self, answer: Answer | None) -> bool:
        if answer is None or answer.kind[2] != self.fingerprint(answer.kind[0]):
            return True
        if answer.footprint is None and not self._stands(answer):
            return True
        runs = self._runs[answer.kind]
        return runs > answer.runs and runs >= WORN * answer.runs

    def _experience(self, simulation: str, parameters: Mapping[str, Any]) -> Experience:
        kind = self._kind(simulation, parameters)
        if kind not in self._experiences or kind in self._outdated:
            rows = footprints.rows(self._reader, *kind[:2])
            self._keep(kind, _made(kind, rows, self._ranges(simulation)))
        return self._experiences[kind]

    def _keep(self, kind: Kind, experience: Experience) -> None:
        self._experiences[kind] = experience
        self._outdated.discard(kind)
        self._noted[kind] = self._runs[kind] = max(len(experience.runs), self._runs.get(kind, 0))

    def _ranges(self, simulation: str) -> dict[str, tuple[float, float]]:
        """The numbers that the simulation's schema bounds on both sides."""
        known = self._catalogue.simulations.get(simulation)
        return {
            name: (float(schema["minimum"]), float(schema["maximum"]))
            for name, schema in (known.parameters if known is not None else {}).items()
            if _bounded(schema)
        }


def _made(
    kind: Kind, rows: Sequence[Row], ranges: Mapping[str, tuple[float, float]], *, prepare: bool = False
) -> Experience:
    """The evidence, none where a fault of ours spoils it. prepare: with all that its first question would pay
    for: longer than the loop should be held.
    """
    try:
        past = footprints.past(kind[0], rows, kind[2])
        experience = Experience(past.runs, ranges, own=past.own)
        if prepare:
            experience.prepare()
    except Exception:
        log.exception("what runs of %s took could not be made use of", " ".join(kind[:2]))
        return Experience(())
    return experience


def _question(row: Mapping[str, Any] | Row) -> Question:
    """What is asked for a task, by its row."""
    return str(row["simulation"]), str(row["parameters"])


def _bounded(schema: Mapping[str, Any]) -> bool:
    ends = (schema.get("minimum"), schema.get("maximum"))
    return all(isinstance(end, int | float) and abs(end) <= LARGEST for end in ends)
