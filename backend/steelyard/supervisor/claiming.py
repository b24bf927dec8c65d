"""Which of the tasks that wait are claimed in a turn: the questions to the database and to what was learned,
around the rule that chooses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steelyard.rules import admission, scheduling, sweep_order
from steelyard.rules.reasons import Waiting
from steelyard.rules.retry import MEMORY
from steelyard.rules.scheduling import Candidate, Choice, Gap, Room, Running
from steelyard.rules.workspace import Manner
from steelyard.settings import builtin
from steelyard.store import claims, queueing
from steelyard.store.database import Change
from steelyard.supervisor import scouting, watching
from steelyard.supervisor.answers import Kind, Question
from steelyard.supervisor.learning import GUESSES
from steelyard.supervisor.scale import live_workers
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

GLANCE, WINDOW = 16, 256
"""Candidates of a queue that a choice looks at: mostly the first decide; if none may start, many more. Of
what stands behind those the database is asked for the first that fits.
"""

BEHIND = 4
"""How many of those a turn asks for; one that fits may still have to wait for a scout."""

Row = dict[str, Any]
Claimed = tuple[WorkerHandle, RunningAttempt, Row]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a turn claimed; what keeps the others; and what has to be looked up before more can be chosen."""

    claimed: Sequence[Claimed]
    waiting: dict[str, Waiting]
    questions: Sequence[Question] = ()


def claim(yard: Yard, change: Change, *, last: bool) -> Claims:
    """Inside a transaction: one choice after the other, until nothing more may start.

    last: there is no time to look anything up, and the answers that there are count.
    """
    held = yard.leaving or yard.pause.by or yard.ladder.holding or yard.users.are_awaited(yard.clocks.awake())
    turn = _Turn(yard, change, [] if held else yard.idle(), last)
    turn.choose()
    why = yard.waiting if turn.questions and not turn.why else turn.why
    return Claims(turn.claimed, why, turn.questions)


class _Turn:
    """The choices of one turn. Workers that got a task leave `idle`."""

    def __init__(self, yard: Yard, change: Change, idle: list[WorkerHandle], last: bool) -> None:
        self._yard = yard
        self._change = change
        self._idle = idle
        self._last = last
        self._asked = 0
        self._walked = False
        self._barred = watching.taken(yard)
        """Simulations of which no further run may start."""
        self.claimed: list[Claimed] = []
        self.why: dict[str, Waiting] = {}
        self.questions: list[Question] = []

    def choose(self) -> None:
        """Look at the first few of the line, and at more where those decide nothing."""
        rows = self._line(GLANCE)
        more = len(rows) >= GLANCE
        if more and any(group_of(row) is not None for row in rows.values()):
            # Inside a sweep the largest goes first, and it need not be among the first few.
            self._choose_of_many()
            return
        self._choose_of(rows, self._yard.learning.stale(rows.values()), behind=False)
        if more and not self.claimed and not self.questions:
            self._choose_of_many()

    def _choose_of_many(self) -> None:
        rows = self._line(WINDOW)
        self._choose_of(rows, self._yard.learning.unanswered(rows.values()), behind=True)

    def _choose_of(self, rows: dict[str, Row], questions: list[Question], *, behind: bool) -> None:
        """Claim what may start of these rows, and where they may hide others, of those behind them.

        Whose answer is not current is asked about before it starts, and the first ones before nothing starts.
        """
        if questions and not self._last and not self._yard.learning.ask(questions):
            self.questions = questions
            return
        self._refresh(rows.values())
        rows = self._arranged(rows)
        looked_at, many = set(rows), len(rows)
        while self._idle and rows:
            free, running = room(self._yard, self.claimed, self._idle)
            ahead = scouting.ahead(_running(self._yard, self.claimed))
            candidates = (_candidate(self._yard, row, ahead) for row in rows.values())
            choice = scheduling.choose(candidates, free, running)
            self.why.update(choice.why)
            decisive = list(rows.values()) if choice.start is None else [rows[choice.start.task_id]]
            if self._ask_about(decisive):
                continue
            if self.questions:
                return
            if choice.start is not None:
                rows = self._take(rows, rows[choice.start.task_id], choice)
                continue
            if choice.gap is None or not behind or many < WINDOW or len(looked_at) >= many + BEHIND:
                return
            found = self._fitting(choice.gap, looked_at, self._scouted(rows))
            if found is not None:
                looked_at.add(found["id"])
                self._refresh([found])
                rows[found["id"]] = found
            elif not self._walk(choice.gap):
                return

    def _line(self, limit: int) -> dict[str, Row]:
        """What waits in the queues that an idle worker serves, merged in one order, by task id."""
        aging = self._yard.settings.priority_gain_after
        found = [
            row
            for queue in self._queues()
            for row in queueing.runnable(self._change, queue, limit, self._barred, aging)
        ]
        found.sort(key=lambda row: queueing.place(row, aging))
        return {row["id"]: row for row in found}

    def _walk(self, gap: Gap) -> bool:
        """Once a turn, bring some claims behind up to date; whether it was done, so that one may fit now."""
        yard = self._yard
        if self._walked:
            return False
        self._walked = True
        rows = yard.behind.stretch(self._change, self._queues(), gap.memory, yard.learning.news)
        questions = yard.learning.unanswered(rows)
        if questions and not yard.learning.ask(questions):
            self.questions = [] if self._last else questions
            return False
        if rows:
            self._refresh(rows)
            yard.behind.brought_up_to_date(rows)
        return bool(rows)

    def _scouted(self, rows: dict[str, Row]) -> queueing.Scouted:
        """What those wait for a scout with: behind them there are more of their kind than a turn can ask.

        Of `command` only the sweep says that; its programs have nothing in common.
        """
        waits = [
            row for task_id, row in rows.items() if (why := self.why.get(task_id)) and why.reason == "scout"
        ]
        return queueing.Scouted(
            {row["simulation"] for row in waits} - {builtin.NAME},
            {row["sweep_id"] for row in waits if row["sweep_id"] is not None},
        )

    def _fitting(self, gap: Gap, known: Iterable[str], scouted: queueing.Scouted) -> Row | None:
        """The first that fits into a gap of all that wait but these, and those that wait for a scout."""
        aging = self._yard.settings.priority_gain_after
        known = list(known)
        found = [
            row
            for queue in self._queues()
            if (row := queueing.fitting(self._change, queue, gap, known, self._barred, aging, scouted))
            is not None
        ]
        return min(found, key=lambda row: queueing.place(row, aging), default=None)

    def _queues(self) -> set[str]:
        return {handle.queue for handle in self._idle}

    def _refresh(self, rows: Iterable[Row]) -> None:
        """Give each task the claim that was last answered for it."""
        for row in rows:
            self._yard.learning.refresh(self._change, self._yard.settings, row)

    def _ask_about(self, decisive: Sequence[Row]) -> bool:
        """Ask about these where their answers are not current; whether it was done. `questions`: where that
        takes too long.
        """
        questions = [] if self._last else self._yard.learning.stale(decisive)[: GLANCE - self._asked]
        if not questions:
            return False
        if not self._yard.learning.ask(questions):
            self.questions = questions
            return False
        self._asked += len(questions)
        self._refresh(decisive)
        return True

    def _take(self, rows: dict[str, Row], row: Row, choice: Choice) -> dict[str, Row]:
        """Claim the task that was chosen for a worker; the rows that may still start."""
        yard = self._yard
        del rows[row["id"]]
        self.why.pop(row["id"], None)
        # Whoever holds a warm process of this simulation comes first.
        mine = [handle for handle in self._idle if handle.queue == row["queue"]]
        handle = min(mine, key=lambda each: each.warm != row["simulation"])
        now = yard.clocks.wall()
        number = claims.claim(self._change, row["id"], handle.worker_id, now, passed=choice.passed)
        if number is None:
            return rows
        for passed in choice.passed:
            # The rows were read once, before the first choice of this turn.
            rows[passed]["passes"] += 1
        self._idle.remove(handle)
        self.claimed.append((handle, _attempt(yard, row, number), row))
        simulation = yard.catalogue.simulations.get(row["simulation"])
        if watching.manner(yard, simulation) is not Manner.FREE:
            self._barred.add(row["simulation"])
        served = self._queues()
        return {
            task_id: one
            for task_id, one in rows.items()
            if one["queue"] in served and one["simulation"] not in self._barred
        }

    def _arranged(self, rows: dict[str, Row]) -> dict[str, Row]:
        """The rows with those of each sweep in the order that ends soonest."""
        if not any(group_of(row) for row in rows.values()):
            return rows
        candidates = [_candidate(self._yard, row, {}) for row in rows.values()]
        free, running = room(self._yard, (), self._idle)
        serving = sum(not (handle.gone or handle.leaving) for handle in self._yard.handles.values())
        order = sweep_order.arrange(candidates, free, running, serving)
        arranged = {candidate.task_id: rows[candidate.task_id] for candidate in order}
        return scouting.farthest_first(self._yard.learning, arranged, group_of)


def room(
    yard: Yard, claims: Sequence[Claimed] = (), idle: Sequence[WorkerHandle] = ()
) -> tuple[Room, list[Running]]:
    """What is free and what runs, with what this transaction has claimed so far counted in full.

    What a warm process holds is missing from `available`, and is a part of the claim of the task that comes
    to its worker (or is freed for it): of the idle workers, the least is sure.
    """
    now = yard.clocks.awake()
    running = [
        Running(h.attempt.reckoned, h.task_memory, h.attempt.cores, h.attempt.remaining(now), h.may_reach)
        for h in yard.handles.values()
        if h.attempt is not None
    ]
    running += [Running(one.claim, 0, one.cores, one.remaining(now)) for _, one, _ in claims]
    live = live_workers(yard.handles.values())
    live += [admission.LiveWorker(attempt.claim, handle.warm_memory) for handle, attempt, _ in claims]
    view = yard.scale.view(yard.settings)
    view = replace(view, available=view.available + min((h.warm_memory for h in idle), default=0))
    cores = scheduling.cores_free(yard.scale.cores(yard.settings), len(yard.handles), running)
    lately = yard.free_lately.most(now)
    return Room(admission.headroom(view, live), cores, not running, view, lately), running


def remember_room(yard: Yard) -> None:
    """Note what would be free without any task of ours, when all of it has just been weighed."""
    free, running = room(yard)
    yard.free_lately.note(yard.clocks.awake(), free.headroom + sum(one.frees for one in running))


def _running(yard: Yard, claimed: Sequence[Claimed]) -> list[RunningAttempt]:
    held = [handle.attempt for handle in yard.handles.values() if handle.attempt is not None]
    return [*held, *(attempt for _, attempt, _ in claimed)]


def _candidate(yard: Yard, row: Row, ahead: Mapping[Kind, str]) -> Candidate:
    last = yard.learning.last(row)
    known = None if last is None else last.footprint
    unknown = scouting.unknown(yard.learning, row)
    return Candidate(
        row["id"],
        row["claim"],
        row["claim_source"],
        row["cores"],
        row["passes"],
        # The longest and not the usual one: a pass that is called free must not delay whom it passes.
        known_duration=None if known is None else known.longest,
        forced=bool(row["forced"]),
        group=group_of(row),
        seen=None if known is None else known.peak,
        ahead=None if unknown is None else ahead.get(unknown),
    )


def group_of(row: Row) -> str | None:
    """Tasks that may change places: those of one sweep and one priority, unless the sweep is ordered."""
    if row["sweep_id"] is None or row["ordered"]:
        return None
    return f"{row['sweep_id']} {row['priority']}"


def _attempt(yard: Yard, row: Row, number: int) -> RunningAttempt:
    now = yard.clocks.awake()
    parameters = row["parameters"] if row["checkpoint_at"] is None else None
    known = yard.catalogue.simulations.get(row["simulation"])
    answer = None if parameters is None else yard.learning.last(row)
    return RunningAttempt(
        task_id=row["id"],
        number=number,
        simulation=row["simulation"],
        label=row["label"],
        claim=row["claim"],
        claim_source=row["claim_source"],
        cores=row["cores"],
        started=now,
        started_wall=yard.clocks.wall(),
        last_sign=now,
        checkpoint_wall=row["checkpoint_at"],
        guessed=row["claim_source"] in GUESSES and row["cause"] not in MEMORY,
        fingerprint="" if known is None else known.fingerprint,
        parameters=parameters,
        usual=None if answer is None else answer.usual,
        scouts=scouting.unknown(yard.learning, row),
    )
