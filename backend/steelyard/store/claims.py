"""The life of an attempt: claim, start, checkpoint, finish. These are the hot statements, as literal SQL.

The claim is the fence: what is said of an attempt counts only while its task is RUNNING with that attempt's
number on that worker. The guard is in the UPDATE itself; nothing is read first and trusted later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steelyard.rules.retry import Decision, PastAttempt
from steelyard.rules.states import Cause, TaskState, check_task
from steelyard.store.database import Change
from steelyard.store.records import Reader, Row, from_json, storable, to_json
from steelyard.store.successors import after_end, write_event

_CLAIM = """UPDATE task SET state = 'RUNNING', worker_id = ?, attempt = attempt + 1, started_at = ?,
    cause = NULL, progress = NULL, message = '', passes = 0, cancel_requested = 0
    WHERE id = ? AND state = 'READY' AND blockers = 0 AND held_until IS NULL RETURNING *"""
_NEW_ATTEMPT = """INSERT INTO attempt(task_id, number, worker_id, started_at, claim, evidence, error_tail,
    checkpointed, progressed) VALUES (?, ?, ?, ?, ?, '', '', 0, 0)"""
_PASS = """UPDATE task SET passes = passes + 1
    WHERE +state = 'READY' AND id IN (SELECT value FROM json_each(?))"""
_STARTED = """UPDATE attempt SET pid = ?, identity = ?, executable = ?
    WHERE task_id = ? AND number = ? AND worker_id = ? AND finished_at IS NULL"""
_CANCEL = "UPDATE task SET cancel_requested = 1 WHERE id = ? AND state = 'RUNNING'"
_CHECKPOINTED = "UPDATE task SET checkpoint_at = ? WHERE id = ? AND attempt = ? AND state = 'RUNNING'"
_CHECKPOINTED_ATTEMPT = "UPDATE attempt SET checkpointed = 1 WHERE task_id = ? AND number = ?"
_FINISH_TASK = """UPDATE task SET state = :state, cause = :cause, worker_id = NULL, held_until = :held_until,
    started_at = CASE WHEN :ended THEN started_at END, finished_at = CASE WHEN :ended THEN :now END,
    peak = nullif(max(coalesce(peak, 0), coalesce(:peak, 0)), 0),
    cpu_seconds = CASE WHEN :cpu IS NULL THEN cpu_seconds ELSE coalesce(cpu_seconds, 0) + :cpu END,
    progress = :progress, message = :message, result = :result, cancel_requested = 0,
    claim_source = CASE WHEN :claim IS NULL THEN claim_source ELSE 'learned' END,
    claim = coalesce(:claim, claim)
    WHERE id = :id AND attempt = :number AND worker_id = :worker AND state = 'RUNNING' RETURNING *"""
_FINISH_ATTEMPT = """UPDATE attempt SET finished_at = :now, cause = :cause, exit_code = :exit_code,
    signal = :signal, evidence = :evidence, error_tail = :error_tail,
    peak_memory = coalesce(:peak, peak_memory), cpu_seconds = coalesce(:cpu, cpu_seconds),
    progress = :progress, duration = :duration, progressed = :progressed
    WHERE task_id = :id AND number = :number"""
_HISTORY = """SELECT attempt.* FROM attempt JOIN task ON task.id = attempt.task_id
    WHERE attempt.task_id = ? AND attempt.number > task.budget_from
    ORDER BY attempt.number"""
_OPEN = """SELECT attempt.*, task.simulation, task.budget_from FROM task JOIN attempt
    ON attempt.task_id = task.id AND attempt.number = task.attempt WHERE task.state = 'RUNNING'"""

_USED = """UPDATE attempt SET peak_memory = ?, cpu_seconds = ?
    WHERE task_id = ? AND number = ? AND finished_at IS NULL"""
_ENDED = "SELECT finished_at FROM attempt WHERE task_id = ? AND number = ?"
_CAUSE = "SELECT cause FROM attempt WHERE task_id = ? AND number = ?"
_REMARKS = "SELECT remarks FROM attempt WHERE task_id = ? AND number = ?"
_REMARK = "UPDATE attempt SET remarks = ? WHERE task_id = ? AND number = ?"
_TASK = "SELECT * FROM task WHERE id = ?"

REMARKS_LIMIT = 20
"""Remarks kept of one attempt; further ones are left out."""
REMARK_LIMIT = 500
"""Characters kept of one remark."""
TAIL_LIMIT = 1_000
"""Characters of output kept in a row: the last lines, which mostly name the fault. All is in the log."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, and what it leaves."""

    cause: Cause
    exit_code: int | None = None
    signal: int | None = None
    evidence: str = ""
    """What proves the cause, in words: "exit code 7"."""
    error_tail: str = ""
    """The end of its output."""
    peak_memory: int | None = None
    """Bytes, of the whole tree."""
    cpu_seconds: float | None = None
    progress: float | None = None
    """0 to 1; None if it never said."""
    message: str = ""
    result: Any = None
    """JSON value of result.json."""
    duration: float | None = None
    """Seconds of awake time; None: the wall clock's difference."""
    started: bool = True
    """False: its program or directory was not there."""
    orderly: bool = False
    """The sidecar itself ended it while it left: counts as progress, for it says nothing of the task."""


def claim(change: Change, task_id: str, worker_id: str, now: float, passed: Sequence[str] = ()) -> int | None:
    """READY → RUNNING on a worker: the number of the new attempt, or None if the task may not start.

    passed: tasks ahead in the queue that this one overtakes in a way that could delay them.
    """
    row = change.execute(_CLAIM, (worker_id, now, task_id)).fetchone()
    if row is None:
        return None
    number = int(row["attempt"])
    change.execute(_NEW_ATTEMPT, (task_id, number, worker_id, now, row["claim"]))
    if passed:
        change.execute(_PASS, (to_json(passed),))
    write_event(change, row)
    return number


def started(
    change: Change,
    task_id: str,
    number: int,
    worker_id: str,
    pid: int,
    identity: str | None,
    executable: str | None = None,
) -> bool:
    """Record the process of a running attempt: a later start may have to end it. No event. False: over."""
    values = (pid, identity, executable, task_id, number, worker_id)
    return change.execute(_STARTED, values).rowcount == 1


def checkpointed(change: Change, task_id: str, number: int, at: float) -> bool:
    """Record that a running attempt wrote a checkpoint; no event. False: that attempt is over."""
    if change.execute(_CHECKPOINTED, (at, task_id, number)).rowcount != 1:
        return False
    change.execute(_CHECKPOINTED_ATTEMPT, (task_id, number))
    return True


def used(change: Change, task_id: str, number: int, peak: int, cpu_seconds: float) -> bool:
    """Record what a running attempt has used so far (bytes, s); no event. False: it is over."""
    return change.execute(_USED, (peak, cpu_seconds, task_id, number)).rowcount == 1


def ask_to_cancel(change: Change, task_id: str) -> bool:
    """Keep it that the user wants a running task cancelled, however its attempt ends; no event.

    False: it does not run. The next claim, and the user's retry, forget it.
    """
    return change.execute(_CANCEL, (task_id,)).rowcount == 1


def finish(
    change: Change,
    task_id: str,
    number: int,
    worker_id: str,
    outcome: Outcome,
    decision: Decision,
    now: float,
) -> bool:
    """End an attempt and move its task to decision.state: the fence.

    False, and nothing is changed, if that attempt does not hold the claim. A task that goes back to READY
    keeps its place in the queue and is held for decision.delay seconds; a claim that the decision raised is
    learned from then on. CPU seconds add up over the attempts, the peak is the highest of them.
    """
    state = TaskState(decision.state)
    check_task(TaskState.RUNNING, state)
    ended = state is not TaskState.READY
    values = {
        "id": task_id,
        "number": number,
        "worker": worker_id,
        "now": now,
        "state": state,
        "ended": ended,
        "held_until": now + decision.delay if not ended and decision.delay > 0 else None,
        "claim": decision.claim,
        "cause": outcome.cause,
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "evidence": storable(outcome.evidence),
        "error_tail": storable(outcome.error_tail[-TAIL_LIMIT:]),
        "peak": outcome.peak_memory,
        "cpu": outcome.cpu_seconds,
        "progress": outcome.progress,
        "message": storable(outcome.message),
        "result": None if outcome.result is None else to_json(outcome.result),
    }
    row = change.execute(_FINISH_TASK, values).fetchone()
    if row is None:
        return False
    attempts = change.execute(_HISTORY, (task_id,)).fetchall()
    values["duration"] = _duration(outcome, attempts[-1]["started_at"], now)
    values["progressed"] = _progressed(attempts, outcome)
    change.execute(_FINISH_ATTEMPT, values)
    write_event(change, row)
    if ended:
        after_end(change, task_id, state, now)
    return True


def has_ended(reader: Reader, task_id: str, number: int) -> bool:
    """Whether the end of an attempt is recorded."""
    row = reader.execute(_ENDED, (task_id, number)).fetchone()
    return row is not None and row["finished_at"] is not None


def remark(change: Change, task_id: str, number: int, sentences: Sequence[str]) -> bool:
    """Add what we noticed about an attempt, running or ended, to its remarks; each sentence once.

    False: there is no such attempt any more, or nothing new was said.
    """
    row = change.execute(_REMARKS, (task_id, number)).fetchone()
    if row is None:
        return False
    known = from_json(row["remarks"]) or []
    cut = [storable(sentence[:REMARK_LIMIT]) for sentence in sentences]
    remarks = list(dict.fromkeys([*known, *cut]))[:REMARKS_LIMIT]
    if remarks == known:
        return False
    change.execute(_REMARK, (to_json(remarks), task_id, number))
    task = change.execute(_TASK, (task_id,)).fetchone()
    if task is not None:
        write_event(change, task)
    return True


def cause(reader: Reader, task_id: str, number: int) -> Cause | None:
    """How an attempt ended; None if it has not, or nobody knows it any more."""
    row = reader.execute(_CAUSE, (task_id, number)).fetchone()
    return Cause(row["cause"]) if row is not None and row["cause"] else None


def open_of_worker(reader: Reader, worker_id: str) -> list[dict[str, Any]]:
    """The attempt that a worker holds the claim of, if any: a list of none or one row of `attempt`."""
    found = reader.execute(f"{_OPEN} AND task.worker_id = ?", (worker_id,)).fetchall()
    return [dict(row) for row in found]


def open_attempts(reader: Reader) -> list[dict[str, Any]]:
    """Every attempt that holds a claim, as rows of `attempt`: at start, what the last run left behind."""
    return [dict(row) for row in reader.execute(_OPEN).fetchall()]


def history(
    reader: Reader, task_id: str, ended_now: Outcome | None = None, now: float | None = None
) -> list[PastAttempt]:
    """The attempts that have ended, oldest first, since the user last retried the task.

    ended_now: the outcome of the one that runs, about to be finished: it comes last. now: Unix s of its end.
    """
    rows = reader.execute(_HISTORY, (task_id,)).fetchall()
    past = [
        PastAttempt(
            cause=Cause(row["cause"]),
            checkpointed=bool(row["checkpointed"]),
            duration=row["duration"],
            progressed=bool(row["progressed"]),
            peak=row["peak_memory"],
            claim=row["claim"],
        )
        for row in rows
        if row["finished_at"] is not None
    ]
    if ended_now is not None and rows and rows[-1]["finished_at"] is None:
        moment = now if now is not None else reader.now if isinstance(reader, Change) else None
        past.append(
            PastAttempt(
                cause=ended_now.cause,
                checkpointed=bool(rows[-1]["checkpointed"]),
                duration=_duration(ended_now, rows[-1]["started_at"], moment),
                progressed=_progressed(rows, ended_now),
                peak=ended_now.peak_memory,
                started=ended_now.started,
                claim=rows[-1]["claim"],
            )
        )
    return past


def _duration(outcome: Outcome, started_at: float, now: float | None) -> float:
    if outcome.duration is not None:
        return outcome.duration
    if now is None:
        raise ValueError("without the outcome's duration, history() needs to know when it ended")
    return max(0.0, now - started_at)


def _progressed(attempts: Sequence[Row], outcome: Outcome) -> bool:
    """Whether the last of these attempts wrote a checkpoint, or got further than any one before it."""
    if outcome.orderly or attempts[-1]["checkpointed"]:
        return True
    furthest = max((row["progress"] or 0.0 for row in attempts[:-1]), default=0.0)
    return (outcome.progress or 0.0) > furthest
