"""Races of workers that real processes meet too seldom: a start amid a sweep, amid the way out, an abort."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from steelyard.machine import containment
from steelyard.rules import messages
from steelyard.rules.errors import AtCapacity, Conflict, ShuttingDown, StorageFull
from steelyard.rules.states import Cause, WorkerState
from steelyard.store import workers as rows
from steelyard.store.claims import Outcome
from steelyard.supervisor import hearing, leaving, outcomes, spawn, startup, worker_end, workers
from steelyard.supervisor.supervisor import Supervisor
from steelyard.supervisor.worker_handle import WorkerHandle
from tests.helpers.waiting import eventually_async
from tests.unit.supervisor.making import Made


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[int]]:
    """Every end_orphans() of the supervisor: whom it spared."""
    calls: list[frozenset[int]] = []
    monkeypatch.setattr(containment, "end_orphans", lambda keep: calls.append(keep))
    return calls


def runs(worker: WorkerHandle) -> None:
    """Let its process have no exit status yet."""
    assert worker.process is not None
    worker.process.returncode = None  # type: ignore[misc]


async def test_no_sweep_while_a_worker_is_being_started(made: Made, swept: list[frozenset[int]]) -> None:
    """Its process is a descendant already, and its PID is not known: the sweep would end it."""
    old, new = await made.worker(), await made.worker(WorkerState.STARTING)
    process, new.process = new.process, None
    old.gone, old.fault = True, "it crashed"
    worker_end.on_end(made.yard, old)
    await old.ended.wait()
    assert swept == []
    new.process = process
    runs(new)
    worker_end.sweep(made.yard)
    assert swept == [frozenset({new.pid})]
    worker_end.sweep(made.yard)
    assert len(swept) == 1


async def test_a_sweep_leaves_the_status_of_another_that_has_just_left_to_whoever_started_it(
    made: Made, swept: list[frozenset[int]]
) -> None:
    """Its pipe is closed and its status is not read yet: reaped here, it would count as crashed."""
    first, second = await made.worker(), await made.worker()
    runs(second)
    first.gone = second.gone = True
    worker_end.on_end(made.yard, first)
    await first.ended.wait()
    assert swept == [frozenset({second.pid})]


async def test_an_add_that_meets_the_way_out_leaves_no_worker(
    made: Made, swept: list[frozenset[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(spawn, "spawn", never)
    adding = asyncio.create_task(workers.add(made.yard, force=False))
    await asyncio.sleep(0)
    made.yard.departure.leave("stop", 10)
    with pytest.raises(ShuttingDown):
        await adding
    await leaving.dismiss_all(made.yard)
    [row] = rows.listed(made.yard.database)
    assert (row["state"], row["reason"], made.yard.handles) == ("DEAD", "the program was closed", {})


async def test_a_worker_that_is_aborted_before_it_has_a_process_is_ended_when_it_has(
    made: Made, swept: list[frozenset[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = []
    go = asyncio.Event()

    async def slowly(yard: Any, handle: Any, on_message: Any, on_end: Any) -> None:
        await go.wait()

    def kill(handle: Any) -> None:
        killed.append(handle.process is None and not go.is_set())
        if go.is_set():
            handle.gone = True
            worker_end.on_end(made.yard, handle)

    monkeypatch.setattr(spawn, "spawn", slowly)
    monkeypatch.setattr(worker_end, "kill", kill)
    adding = asyncio.create_task(workers.add(made.yard, force=False))
    while not made.yard.handles:
        await asyncio.sleep(0)
    [worker_id] = made.yard.handles
    aborting = asyncio.create_task(workers.abort(made.yard, worker_id, confirm=True))
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(5):
        assert await adding == await aborting == worker_id
    assert killed == [True, False]
    assert rows.row(made.yard.database, worker_id)["reason"] == "aborted by the user"  # type: ignore[index]


async def test_the_task_of_an_aborted_worker_fails_even_if_it_was_claimed_in_that_moment(
    made: Made, swept: list[frozenset[int]]
) -> None:
    worker, task_id = await made.worker(), await made.submit()
    await made.attempt(worker, task_id)
    worker.attempt = None  # claimed and committed, and the dispatcher has not come back yet
    aborting = asyncio.create_task(workers.abort(made.yard, worker.worker_id, confirm=True))
    await asyncio.sleep(0)
    worker.gone = True
    worker_end.on_end(made.yard, worker)
    await aborting
    found = made.yard.database.execute("SELECT state, cause FROM task").fetchone()
    assert tuple(found) == ("FAILED", "aborted")


async def test_a_drain_in_the_same_breath_as_the_handshake_is_no_conflict(made: Made) -> None:
    """Both are of one transaction: the row is RUNNING already while the handle still says STARTING."""
    worker = await made.worker(WorkerState.STARTING)
    ready = {"type": "ready", "v": 1, "worker_id": worker.worker_id, "token": worker.token}
    hearing.on_message(made.yard, worker, {**ready, "pid": 1, "identity": "x"})
    assert str(worker.state) == "STARTING"
    await workers.drain(made.yard, worker.worker_id)
    assert rows.row(made.yard.database, worker.worker_id)["state"] == "DRAINING"  # type: ignore[index]
    assert str(worker.state) == "DRAINING"
    assert made.sent[-1][1]["type"] == "exit"


@pytest.mark.parametrize(
    "changes",
    [{"token": "0" * 64}, {"token": ""}, {"token": None}, {"worker_id": "other"}, {"v": 2}],
    ids=str,
)
async def test_security_23_a_handshake_that_is_not_right_is_a_fault(
    made: Made, changes: dict[str, Any]
) -> None:
    worker = await made.worker(WorkerState.STARTING)
    ready = {"type": "ready", "v": 1, "worker_id": worker.worker_id, "token": worker.token}
    right = dict(ready)
    hearing.on_message(made.yard, worker, {**ready, **changes})
    assert worker.fault is not None and "refused" in worker.fault
    # The right one comes too late: the token was used up by the wrong one.
    worker.fault = None
    hearing.on_message(made.yard, worker, right)
    assert worker.fault and str(worker.state) == "STARTING"


async def test_crashes_in_a_row_end_when_a_task_ends(made: Made, swept: list[frozenset[int]]) -> None:
    made.yard.crashes_in_a_row = 5
    worker, task_id = await made.worker(), await made.submit()
    attempt = await made.attempt(worker, task_id)
    outcomes.finish(made.yard, worker, attempt, Outcome(cause=Cause.SUCCEEDED))
    await made.yard.database.change(lambda change: None)
    assert made.yard.crashes_in_a_row == 0


async def test_many_by_force_are_as_many_as_the_cap_lets_in(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(yard: Any, handle: Any, on_message: Any, on_end: Any) -> None:
        return None

    monkeypatch.setattr(spawn, "spawn", at_once)
    assert len(await workers.add_as_admitted(made.yard, 9, force=True)) == 4
    with pytest.raises(AtCapacity):
        await workers.add(made.yard, force=True)


async def test_a_startup_answer_counts_once_and_a_refusal_is_none(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    added: list[bool] = []

    async def add(yard: Any, force: bool) -> str:
        added.append(force)
        await asyncio.sleep(0)
        if len(added) == 1:
            raise AtCapacity("No.")
        return "w"

    monkeypatch.setattr(workers, "add", add)
    both = [asyncio.create_task(startup.answer(made.yard, "start")) for _ in range(2)]
    with pytest.raises(AtCapacity):
        await both[0]
    with pytest.raises(Conflict):
        await both[1]
    assert made.yard.answered is False
    assert await startup.answer(made.yard, "start_anyway") == {"status": "success", "worker_id": "w"}
    assert added == [False, True]
    with pytest.raises(Conflict):
        await startup.answer(made.yard, "without_workers")


async def test_a_handshake_that_the_disk_refuses_is_recorded_once_it_takes_it(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker shakes hands once: forgotten, it would be STARTING for ever and never get a task."""
    handle = await made.worker(WorkerState.STARTING)
    ready = {"v": messages.VERSION, "worker_id": handle.worker_id, "token": handle.token}

    def refused(*_: Any, **__: Any) -> bool:
        raise StorageFull("The disk is full.", reason="full")

    with monkeypatch.context() as patched:
        patched.setattr(rows, "move", refused)
        hearing.on_message(made.yard, handle, {"type": "ready", **ready, "pid": 1, "identity": "x"})
        await eventually_async(lambda: made.yard.unrecorded)
    assert handle.state is WorkerState.STARTING
    made.yard.unrecorded.pop()()
    await eventually_async(lambda: handle.state is WorkerState.RUNNING)


async def test_a_handshake_that_cannot_be_recorded_is_the_end_of_the_worker_with_the_reason(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STARTING for ever, it would be neither late nor of any use."""
    killed: list[WorkerHandle] = []
    monkeypatch.setattr(worker_end, "kill", killed.append)
    handle = await made.worker(WorkerState.STARTING)
    ready = {"v": messages.VERSION, "worker_id": handle.worker_id, "token": handle.token}

    def breaks(*_: Any, **__: Any) -> bool:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(rows, "move", breaks)
    hearing.on_message(made.yard, handle, {"type": "ready", **ready, "pid": 1, "identity": "x"})
    await eventually_async(lambda: killed == [handle])
    assert handle.fault == "its handshake could not be recorded: a fault of ours"


async def test_whatever_keeps_a_worker_from_being_started_leaves_no_handle(
    made: Made, swept: list[frozenset[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: Any) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(spawn, "spawn", breaks)
    worker_id = await workers.add(made.yard, force=False)
    await eventually_async(lambda: not made.yard.handles)
    row = rows.row(made.yard.database, worker_id)
    assert row is not None
    assert (row["state"], row["reason"]) == ("FAILED", "the worker could not be started: a fault of ours")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the workers that are started: none has a process."""
    ids: list[str] = []

    async def at_once(yard: Any, handle: Any, on_message: Any, on_end: Any) -> None:
        ids.append(handle.worker_id)

    monkeypatch.setattr(spawn, "spawn", at_once)
    return ids


def notices_of(made: Made) -> list[str]:
    found = made.yard.database.execute("SELECT data FROM event WHERE kind = 'prompt' ORDER BY seq").fetchall()
    return [json.loads(data)["text"] for (data,) in found]


async def test_workers_that_memory_has_no_room_for_start_when_it_has(made: Made, started: list[str]) -> None:
    yard, room = made.yard, made.machine.available
    made.machine.available = 0
    yard.owed = 2
    for _ in range(3):
        await workers.make_good(yard)
        made.clocks.advance(workers.LOOK_AGAIN)
    assert (started, yard.owed) == ([], 2)
    await yard.database.change(lambda change: None)
    [said] = notices_of(made)
    assert said.startswith("Another 2 workers are started when there is room: One more worker needs ")
    made.machine.available = room
    await workers.make_good(yard)
    assert (len(started), yard.owed) == (1, 1), "there is room for one of 8 GiB"
    await workers.make_good(yard)
    assert len(started) == 1, "it is asked about every few seconds only"


async def test_whoever_says_how_many_workers_there_are_is_owed_none(made: Made, started: list[str]) -> None:
    supervisor = Supervisor(made.yard)
    made.yard.owed = 3
    await supervisor.add_worker()
    assert made.yard.owed == 2
    await supervisor.drain_worker(started[0])
    assert made.yard.owed == 0


@pytest.mark.parametrize("setting", ["worker_max_count", "worker_cores"])
async def test_workers_that_there_is_no_place_for_are_not_owed(
    made: Made, started: list[str], setting: str
) -> None:
    made.yard.owed = 9
    made.yard.read_settings = lambda: replace(made.yard.settings, **{setting: 1})
    await workers.make_good(made.yard)
    assert (len(started), made.yard.owed, notices_of(made)) == (1, 0, [])
