"""Claim tasks for idle workers, weighed in the very transaction that claims them, and start them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from steelyard.rules import admission, scheduling, sweep_order
from steelyard.rules.errors import SteelyardError
from steelyard.rules.reasons import Waiting
from steelyard.rules.retry import MEMORY
from steelyard.rules.scheduling import Candidate, Room, Running
from steelyard.rules.states import Cause
from steelyard.rules.workspace import Manner
from steelyard.store import claims, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Change
from steelyard.supervisor import launch, outcomes, scouting, watching, workspaces
from steelyard.supervisor.answers import Kind, Question
from steelyard.supervisor.learning import GUESSES
from steelyard.supervisor.scale import live_workers
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

GLANCE, WINDOW = 16, 256
"""Candidates of a queue that a choice looks at: mostly the first decide; if none may start, many more."""

ROUNDS = 3
"""Transactions of a turn that claim, with questions looked up between them; the last asks no more."""

Row = dict[str, Any]
Claimed = tuple[WorkerHandle, RunningAttempt, Row]


async def dispatch(yard: Yard) -> int:
    """Start as many tasks as there are idle workers and room; how many were started."""
    if yard.leaving or yard.pause.by or yard.ladder.holding or yard.database.condition.trouble is not None:
        return 0
    due = tasks.next_due(yard.database)
    if due is not None and due <= yard.clocks.wall():
        await yard.database.change(lambda change: tasks.wake(change, yard.clocks.wall()), "wake")
    queues = {handle.queue for handle in yard.idle()}
    taken = watching.taken(yard)
    if not any(tasks.runnable(yard.database, queue, 1, taken) for queue in queues):
        yard.waiting = {}
        return 0
    if not yard.database.condition.has_room():
        return 0
    await yard.learning.renew()
    started = 0
    for number in range(1, ROUNDS + 1):
        last = number == ROUNDS
        claimed, yard.waiting, questions = await yard.database.change(
            partial(_claim, yard, last=last), "claim"
        )
        _begin(yard, claimed)
        started += len(claimed)
        if not questions:
            break
        await yard.learning.look_up(questions)
    if any(one.reason == "other_programs" for one in yard.waiting.values()):
        # Whoever looks at such a task is told which programs those are.
        yard.scale.programs.keep_fresh()
    return started


def _begin(yard: Yard, claimed: Sequence[Claimed]) -> None:
    """Start what was claimed."""
    for handle, attempt, _ in claimed:
        # All of them at once: whatever becomes of the start of one, each has a holder.
        handle.attempt = attempt
    for handle, attempt, row in claimed:
        try:
            _start(yard, handle, attempt, row)
        except Exception as error:
            # It ends this attempt with the reason, and no other.
            outcomes.finish(yard, handle, attempt, _not_started(attempt, error))


async def relearn(yard: Yard) -> None:
    """Let what runs follow what is known by now, and what waits follow those that have been level for long.

    What has ended may tell how long those take that run already.
    """
    attempts = [handle.attempt for handle in yard.handles.values() if handle.attempt is not None]
    rows = {
        attempt.task_id: {"simulation": attempt.simulation, "parameters": attempt.parameters}
        for attempt in attempts
        if attempt.parameters is not None
    }
    await yard.learning.renew()
    await yard.learning.look_up(yard.learning.stale(rows.values()))
    now = yard.clocks.awake()
    levels: dict[str, tuple[Mapping[str, Any], int]] = {}
    for attempt in attempts:
        row = rows.get(attempt.task_id)
        answer = None if row is None else yard.learning.last(row)
        if answer is not None:
            attempt.learn(answer.footprint)
        if attempt.reckon(now) and row is not None:
            levels[attempt.task_id] = row, attempt.peak
    yard.learning.follow(levels)


def _claim(
    yard: Yard, change: Change, *, last: bool
) -> tuple[list[Claimed], dict[str, Waiting], list[Question]]:
    """Inside a transaction: one choice after the other, until nothing more may start; and why not more.

    Besides, unless it is the last time, what has to be looked up before more can be chosen.
    """
    held = yard.leaving or yard.pause.by or yard.ladder.holding or yard.users.are_awaited(yard.clocks.awake())
    idle = [] if held else yard.idle()
    queues = {handle.queue for handle in idle}
    rows = _queued(yard, change, queues, GLANCE)
    more = len(rows) >= GLANCE
    if more and any(group_of(row) is not None for row in rows.values()):
        # Inside a sweep the largest goes first, and it need not be among the first few.
        rows, more = _queued(yard, change, queues, WINDOW), False
        questions = yard.learning.unanswered(rows.values())
    else:
        questions = yard.learning.stale(rows.values())
    if questions and not last and not yard.learning.ask(questions):
        return [], yard.waiting, questions
    _refresh(yard, change, rows)
    why: dict[str, Waiting] = {}
    claimed, questions = _choose(yard, change, idle, rows, why, last=last)
    if not claimed and not questions and more:
        rows = _queued(yard, change, queues, WINDOW)
        _refresh(yard, change, rows)
        claimed, questions = _choose(yard, change, idle, rows, why, last=last)
    return claimed, why, questions


def _refresh(yard: Yard, change: Change, rows: dict[str, Row]) -> None:
    """Give each task the claim that was last answered for it."""
    for row in rows.values():
        yard.learning.refresh(change, yard.settings, row)


def _choose(
    yard: Yard,
    change: Change,
    idle: list[WorkerHandle],
    rows: dict[str, Row],
    why: dict[str, Waiting],
    *,
    last: bool,
) -> tuple[list[Claimed], list[Question]]:
    """Claim what may start of these rows, and put into `why` what keeps the others; workers that got a task
    leave `idle`. Whose answer is not current is asked about before it starts, and the first ones before
    nothing starts: the questions, where they have to be looked up first. The last time the answers that there
    are count.
    """
    claimed: list[Claimed] = []
    asked = 0
    rows = _arranged(yard, rows, idle)
    while idle and rows:
        free, running = room(yard, claimed, idle)
        ahead = scouting.ahead(_running(yard, claimed))
        choice = scheduling.choose((_candidate(yard, row, ahead) for row in rows.values()), free, running)
        why.update(choice.why)
        decisive = list(rows.values()) if choice.start is None else [rows[choice.start.task_id]]
        questions = [] if last else yard.learning.stale(decisive)[: GLANCE - asked]
        if questions:
            if not yard.learning.ask(questions):
                return claimed, questions
            asked += len(questions)
            for row in decisive:
                yard.learning.refresh(change, yard.settings, row)
            continue
        if choice.start is None:
            break
        row = rows.pop(choice.start.task_id)
        why.pop(row["id"], None)
        # Whoever holds a warm process of this simulation comes first.
        mine = [h for h in idle if h.queue == row["queue"]]
        handle = min(mine, key=lambda each: each.warm != row["simulation"])
        number = claims.claim(change, row["id"], handle.worker_id, yard.clocks.wall(), passed=choice.passed)
        if number is not None:
            for passed in choice.passed:
                # The rows were read once, before the first choice of this turn.
                rows[passed]["passes"] += 1
            idle.remove(handle)
            claimed.append((handle, _attempt(yard, row, number), row))
            served = {h.queue for h in idle}
            alone = (
                watching.manner(yard, yard.catalogue.simulations.get(row["simulation"])) is not Manner.FREE
            )
            barred = row["simulation"] if alone else None
            rows = {
                task_id: one
                for task_id, one in rows.items()
                if one["queue"] in served and one["simulation"] != barred
            }
    return claimed, []


def _arranged(yard: Yard, rows: dict[str, Row], idle: Sequence[WorkerHandle]) -> dict[str, Row]:
    """The rows with those of each sweep in the order that ends soonest."""
    if not any(group_of(row) for row in rows.values()):
        return rows
    candidates = [_candidate(yard, row, {}) for row in rows.values()]
    free, running = room(yard, (), idle)
    serving = sum(not (handle.gone or handle.leaving) for handle in yard.handles.values())
    order = sweep_order.arrange(candidates, free, running, serving)
    arranged = {candidate.task_id: rows[candidate.task_id] for candidate in order}
    return scouting.farthest_first(yard.learning, arranged, group_of)


def _queued(yard: Yard, change: Change, queues: set[str], limit: int) -> dict[str, Row]:
    """What waits in the queues that an idle worker serves, merged in one order, by task id."""
    taken = watching.taken(yard)
    found = [row for queue in queues for row in tasks.runnable(change, queue, limit, taken)]
    found.sort(key=lambda row: (-row["priority"], row["position"]))
    return {row["id"]: row for row in found}


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
    return Room(admission.headroom(view, live), cores, not running, view), running


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


def _start(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, row: Row) -> None:
    """Lay a claimed task out, and hand it to its worker."""
    if handle.gone or handle.told_to_leave:
        # The worker ended, or was told to, while the claim was committed: its end gives the task back.
        return
    simulation, message = launch.start_message(yard, attempt, row)
    workspaces.begin(yard, handle, attempt, message, simulation, outcomes.finish)


def _not_started(attempt: RunningAttempt, error: Exception) -> Outcome:
    if isinstance(error, SteelyardError):
        started = not isinstance(error, launch.NoPython)
        return Outcome(cause=Cause.ERROR, evidence=error.message, started=started)
    if isinstance(error, OSError):
        return Outcome(cause=Cause.ERROR, evidence=f"its folder could not be made: {error}")
    log.error("task %s, attempt %d could not be started", attempt.task_id, attempt.number, exc_info=error)
    evidence = f"the sidecar could not start it: {type(error).__name__}: {error}; its log says more"
    return Outcome(cause=Cause.ERROR, evidence=evidence)
