"""The fence: a claim is given once, and only who holds it ends the attempt."""

from __future__ import annotations

import asyncio

import pytest

from steelyard.rules.retry import PastAttempt
from steelyard.rules.states import Cause, IllegalTransition, TaskState
from steelyard.store import claims, events, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Database
from tests.unit.store.making import NOW, decision, end, new, run, state, submit, view


def test_a_claim_makes_an_attempt(database: Database) -> None:
    (task_id,) = submit(database, new())
    assert run(database, task_id, "w1", NOW + 1) == 1
    found = view(database, task_id)
    assert (found["state"], found["worker_id"], found["attempt"]) == ("RUNNING", "w1", 1)
    assert found["started_at"] == "2026-01-15T10:30:01.000Z"
    assert found["attempts"] == [
        {
            "number": 1,
            "worker_id": "w1",
            "pid": None,
            "started_at": "2026-01-15T10:30:01.000Z",
            "finished_at": None,
            "cause": None,
            "exit_code": None,
            "signal": None,
            "evidence": "",
            "error_tail": "",
            "peak_memory": None,
            "cpu_seconds": None,
            "seconds": None,
            "remarks": [],
        }
    ]
    assert events.since(database, 1, 10)[0].data == found


async def test_two_workers_in_one_turn_and_one_gets_it(database: Database) -> None:
    (task_id,) = submit(database, new())
    got = await asyncio.gather(
        *(
            database.change(lambda change, worker=worker: claims.claim(change, task_id, worker, NOW))
            for worker in ("w1", "w2")
        )
    )
    assert got == [1, None]
    assert view(database, task_id)["worker_id"] == "w1"


def test_what_may_not_start_is_not_claimed(database: Database) -> None:
    before, held = submit(database, new(), new(not_before=NOW + 60))
    (blocked,) = submit(database, new(after=[before]))
    for task_id in (held, blocked, "nothere"):
        assert database.change_now(lambda change, t=task_id: claims.claim(change, t, "w1", NOW)) is None
    assert tasks.counts(database)["RUNNING"] == 0


def test_those_that_are_passed_are_counted_until_they_start(database: Database) -> None:
    first, second, third = submit(database, new(), new(), new())
    database.change_now(lambda change: claims.claim(change, third, "w1", NOW, passed=(first,)))
    database.change_now(lambda change: claims.claim(change, second, "w2", NOW, passed=[first, third]))
    rows = {task_id: tasks.row(database, task_id) for task_id in (first, third)}
    assert [row["passes"] for row in rows.values() if row] == [2, 0]
    run(database, first)
    row = tasks.row(database, first)
    assert row is not None and row["passes"] == 0


def test_the_fence(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    seq = events.last_seq(database)
    assert not end(database, task_id, number, worker="w2")
    assert not end(database, task_id, number + 1)
    assert not end(database, "nothere", number)
    assert events.last_seq(database) == seq and state(database, task_id) == "RUNNING"
    assert end(database, task_id, number)
    assert not end(database, task_id, number, TaskState.FAILED)
    assert state(database, task_id) == "SUCCEEDED"


def test_a_late_finisher_of_an_earlier_attempt_changes_nothing(database: Database) -> None:
    (task_id,) = submit(database, new())
    first = run(database, task_id)
    assert end(database, task_id, first, TaskState.READY, cause=Cause.WORKER_LOST)
    second = run(database, task_id, "w2")
    assert not end(database, task_id, first, result="too late")
    found = view(database, task_id)
    assert (found["state"], found["attempt"], found["result"]) == ("RUNNING", second, None)


def test_success_is_kept_with_its_figures(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    assert end(
        database,
        task_id,
        number,
        exit_code=0,
        evidence="exit code 0",
        peak_memory=500,
        cpu_seconds=1.5,
        progress=1.0,
        message="year 2050",
        result={"cost": 1.25},
        error_tail="x" * 2000,
    )
    found = view(database, task_id)
    assert (found["state"], found["cause"], found["worker_id"]) == ("SUCCEEDED", "succeeded", None)
    assert found["finished_at"] == "2026-01-15T10:31:00.000Z"
    assert (found["progress"], found["message"], found["result"]) == (1.0, "year 2050", {"cost": 1.25})
    assert found["memory"]["peak"] == 500 and found["cpu_seconds"] == 1.5
    (attempt,) = found["attempts"]
    assert (attempt["cause"], attempt["exit_code"], attempt["evidence"]) == ("succeeded", 0, "exit code 0")
    assert len(attempt["error_tail"]) == 1000
    assert events.since(database, 2, 10)[0].data == found


def test_what_was_noticed_stands_with_its_attempt_once_and_as_an_event(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    end(database, task_id, number)

    def note(*sentences: str) -> bool:
        return database.change_now(lambda change: claims.remark(change, task_id, number, sentences))

    assert note("The result is no JSON.", "a\ud800b" + "x" * 999)
    assert not note("The result is no JSON.")
    assert not database.change_now(lambda change: claims.remark(change, task_id, 7, ["No such attempt."]))
    (attempt,) = view(database, task_id)["attempts"]
    assert attempt["remarks"] == ["The result is no JSON.", "a?b" + "x" * 497]
    assert events.since(database, 0, 99)[-1].data["attempts"] == [attempt]
    assert note(*(f"Remark {n}." for n in range(99)))
    assert len(view(database, task_id)["attempts"][0]["remarks"]) == claims.REMARKS_LIMIT


def test_a_retry_keeps_its_place_waits_and_adds_up(database: Database) -> None:
    first, second = submit(database, new(), new())
    number = run(database, first)
    end(database, first, number, TaskState.READY, delay=4.0, raised=2**31, peak_memory=700, cpu_seconds=1.0)
    found = view(database, first)
    assert (found["state"], found["cause"]) == ("READY", "error")
    assert found["started_at"] is None and found["finished_at"] is None
    assert found["memory"] == {"claim": 2**31, "source": "learned", "peak": 700}
    assert tasks.held_until(database, [first]) == {first: NOW + 64}
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [second]
    database.change_now(lambda change: tasks.wake(change, NOW + 64))
    assert [row["id"] for row in tasks.runnable(database, "default", 9)] == [first, second]
    number = run(database, first)
    assert number == 2 and view(database, first)["cause"] is None
    end(database, first, number, peak_memory=300, cpu_seconds=2.0)
    found = view(database, first)
    assert found["memory"]["peak"] == 700 and found["cpu_seconds"] == 3.0
    assert [attempt["number"] for attempt in found["attempts"]] == [1, 2]


def test_what_no_row_can_hold_does_not_keep_an_end_from_being_recorded(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    assert end(
        database, task_id, number, message="a\ud800b", evidence="\udfff", error_tail="\0\ud800", progress=0.5
    )
    found = view(database, task_id)
    assert (found["state"], found["message"]) == ("SUCCEEDED", "a?b")
    assert found["attempts"][0]["error_tail"] == "\0?"


def test_a_state_that_no_table_allows_raises(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    with pytest.raises(IllegalTransition):
        database.change_now(
            lambda change: claims.finish(
                change, task_id, number, "w1", Outcome(Cause.ERROR), decision(TaskState.RUNNING), NOW
            )
        )
    assert state(database, task_id) == "RUNNING"


def test_started_and_checkpointed_hold_only_for_the_running_attempt(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    seq = events.last_seq(database)
    change = database.change_now
    assert change(lambda c: claims.started(c, task_id, number, "w1", 42, "boot/7", "/bin/true"))
    assert not change(lambda c: claims.started(c, task_id, number, "w2", 43, "boot/8"))
    assert change(lambda c: claims.checkpointed(c, task_id, number, NOW + 5))
    assert not change(lambda c: claims.checkpointed(c, task_id, number + 1, NOW + 6))
    (attempt,) = claims.open_attempts(database)
    assert (attempt["pid"], attempt["identity"], attempt["executable"]) == (42, "boot/7", "/bin/true")
    assert view(database, task_id)["checkpoint_at"] == "2026-01-15T10:30:05.000Z"
    assert events.last_seq(database) == seq
    end(database, task_id, number)
    assert not change(lambda c: claims.started(c, task_id, number, "w1", 44, None))
    assert not change(lambda c: claims.checkpointed(c, task_id, number, NOW + 7))


def test_open_attempts_are_those_that_hold_a_claim(database: Database) -> None:
    first, second, _ = submit(database, new(), new(), new())
    run(database, first, "w1")
    number = run(database, second, "w2")
    assert [(a["task_id"], a["worker_id"]) for a in claims.open_attempts(database)] == [
        (first, "w1"),
        (second, "w2"),
    ]
    assert [(a["task_id"], a["number"]) for a in claims.open_of_worker(database, "w2")] == [(second, number)]
    end(database, second, number, worker="w2")
    assert claims.open_of_worker(database, "w2") == []


def test_ask_to_cancel_is_kept_until_the_attempt_ends(database: Database) -> None:
    (task_id,) = submit(database, new())
    assert not database.change_now(lambda change: claims.ask_to_cancel(change, task_id))
    number = run(database, task_id)
    assert database.change_now(lambda change: claims.ask_to_cancel(change, task_id))
    row = tasks.row(database, task_id)
    assert row is not None and row["cancel_requested"] == 1
    end(database, task_id, number, TaskState.READY)
    row = tasks.row(database, task_id)
    assert row is not None and row["cancel_requested"] == 0


def test_history_is_what_the_retry_rule_reads(database: Database) -> None:
    (task_id,) = submit(database, new())
    number = run(database, task_id)
    database.change_now(lambda change: claims.checkpointed(change, task_id, number, NOW))
    end(database, task_id, number, TaskState.READY, duration=7.5, peak_memory=9, progress=0.5)
    for progress, orderly in ((0.4, False), (0.6, False), (None, True)):
        number = run(database, task_id)
        end(
            database,
            task_id,
            number,
            TaskState.READY,
            cause=Cause.SIDECAR_LOST,
            progress=progress,
            orderly=orderly,
        )
    assert claims.history(database, task_id) == [
        PastAttempt(Cause.ERROR, checkpointed=True, duration=7.5, progressed=True, peak=9, claim=2**30),
        PastAttempt(Cause.SIDECAR_LOST, duration=60.0, progressed=False, claim=2**30),
        PastAttempt(Cause.SIDECAR_LOST, duration=60.0, progressed=True, claim=2**30),
        PastAttempt(Cause.SIDECAR_LOST, duration=60.0, progressed=True, claim=2**30),
    ]


def test_history_with_the_end_at_hand_is_what_it_will_be_once_stored(database: Database) -> None:
    (task_id,) = submit(database, new())
    end(database, task_id, run(database, task_id), TaskState.READY, progress=0.5, duration=3.0)
    number = run(database, task_id)
    database.change_now(lambda change: claims.checkpointed(change, task_id, number, NOW))
    outcome = Outcome(Cause.WORKER_LOST, progress=0.2, peak_memory=11)
    assert not claims.history(database, task_id, Outcome(Cause.ERROR, started=False), NOW)[-1].started
    before = claims.history(database, task_id, outcome, NOW + 60)
    assert before == database.change_now(
        lambda change: (
            claims.history(change, task_id, ended_now=outcome)[:1]
            + claims.history(change, task_id, ended_now=outcome, now=NOW + 60)[1:]
        )
    )
    with pytest.raises(ValueError, match="when it ended"):
        claims.history(database, task_id, outcome)
    end(
        database,
        task_id,
        number,
        TaskState.READY,
        cause=Cause.WORKER_LOST,
        progress=0.2,
        peak_memory=11,
    )
    assert claims.history(database, task_id) == before
    assert [(past.progressed, past.duration) for past in before] == [(True, 3.0), (True, 60.0)]
