"""A fault of ours in any call on an attempt's way costs no outcome and no other start, and is told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from steelyard.machine import containment, identity
from steelyard.machine.processes import TreeUse
from steelyard.rules import messages
from steelyard.rules.states import Cause, TaskState
from steelyard.store import events, tasks
from steelyard.supervisor import (
    attempts,
    claiming,
    dispatch,
    following,
    guarding,
    hearing,
    housekeeping,
    launch,
    outcomes,
    progress,
    spawn,
    submission,
    turn,
    worker_end,
    workers,
    workspaces,
)
from steelyard.supervisor.worker_handle import WorkerHandle
from steelyard.supervisor.yard import Yard
from tests.helpers.injecting import Broken, Place, places, watch
from tests.helpers.waiting import eventually_async
from tests.unit.supervisor.making import GIB, Made, make

PLACES = [
    *places(attempts, "on_ended", "_outcome", "on_started", "on_output"),
    *places(progress, "on_progress", "on_checkpointed"),
    *places(outcomes, "conclude", "_finish_with_result", "_readable", "finish", "end_attempt", "_decide"),
    *places(outcomes._Recording, "write", "_end", "_done"),
    *places(following, "teach"),
    *places(following.Following, "keep", "_keep_stages", "_count", "_then"),
    *places(dispatch, "dispatch", "_begin", "_start", "relearn"),
    *places(claiming, "claim", "room", "_candidate", "_attempt"),
    *places(claiming._Turn, "choose", "_choose_of", "_line", "_refresh", "_take"),
    *places(launch, "start_message", "_program", "_python_for"),
    *places(hearing, "on_message", "_hear", "_greet"),
    *places(worker_end, "on_end", "check", "_reap", "_ending"),
    *places(worker_end._WorkersEnd, "write", "_apply", "_outcome_of", "_done"),
    *places(workers, "add", "make_good"),
    *places(
        workspaces,
        "begin",
        "_start",
        "_prepare",
        "_look_and_fill",
        "over",
        "_tidy_up",
        "_tidy_folder",
        "_compare",
    ),
    *places(workspaces, "_remark"),
    *places(housekeeping.Housekeeper, "keep_house", "_note_executables", "_let_go_overheld"),
    *places(turn.Turns, "_turn", "_observe", "_record", "_publish", "_until_next"),
]

TASKS = {"works": "watched", "fails": "command", "crashes": "command", "works too": "fresh"}
"""What their programs do, and their simulations; the worker of the one that crashes is killed with its first
attempt. Before and after some runs their directory is looked at, others get a folder of their own.
"""


class Agent:
    """An agent that is not there: it hears what is written to it, and says what a real one would."""

    def __init__(self, model: Model, handle: WorkerHandle, pid: int) -> None:
        self.model, self.handle, self.pid = model, handle, pid
        self.stdin, self.stdout = self, asyncio.StreamReader()
        self.returncode: int | None = None
        self._gone = asyncio.Event()

    # the process

    async def wait(self) -> int:
        await self._gone.wait()
        return self.returncode or 0

    def end(self, returncode: int) -> None:
        if self.returncode is None:
            self.returncode = returncode
            self.stdout.feed_eof()
            self._gone.set()

    # its standard input

    def is_closing(self) -> bool:
        return self.returncode is not None

    def close(self) -> None:
        self.end(1)

    def write(self, line: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._hear, json.loads(line))

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            self._say("ready", v=messages.VERSION, worker_id=message["worker_id"], token=message["token"])
        elif message["type"] == "exit":
            self.end(0)
        elif message["type"] == "start":
            asyncio.get_running_loop().create_task(self._run(message))

    async def _run(self, message: dict[str, Any]) -> None:
        fence = {"task_id": message["task_id"], "attempt": message["attempt"]}
        name = message["argv"][0]
        self._say("started", **fence)
        self._say("progress", **fence, fraction=0.5, message="half")
        self._say("checkpointed", **fence)
        self._say("output", **fence, size=1)
        await asyncio.sleep(0.05)
        if name == "crashes" and fence["attempt"] == 1:
            self.end(-9)
        if self.returncode is not None:
            return
        Path(message["environment"]["STEELYARD_OUTPUT_DIR"], "result.json").write_text('{"cost": 7}')
        code = 1 if name == "fails" else 0
        self.model.ended[fence["task_id"], fence["attempt"]] = code
        how = {"exit_code": code, "signal": None, "stopped": None, "error": None, "tail": ""}
        self._say("ended", **fence, **how, left_over=0, peak_memory=GIB, cpu_seconds=1.0)

    def _say(self, type_: str, **fields: Any) -> None:
        if self.returncode is None:
            self.stdout.feed_data(messages.encode(type_, **fields, pid=self.pid, identity="it"))


class Model:
    """The machine around a yard: agents, and a process table of them."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.agents: dict[int, Agent] = {}
        self.ended: dict[tuple[str, int], int] = {}
        """Attempts whose agent said how they ended -> exit code."""

    async def spawn(self, yard: Yard, handle: WorkerHandle, on_message: Any, on_end: Any) -> None:
        agent = Agent(self, handle, 1_000_000 + len(self.agents))
        self.agents[agent.pid] = agent
        handle.process, handle.identity = cast("asyncio.subprocess.Process", agent), "it"
        handle.send("hello", v=1, worker_id=handle.worker_id, token=handle.token, heartbeat=30)
        handle.reader = asyncio.create_task(spawn._listen(handle, on_message, on_end))
        spawn.watch(handle.reader, "listening", lambda why: yard.hurry())

    def sample(self, roots: dict[str, int], counted: Collection[str] = ()) -> dict[str, TreeUse]:
        return {worker_id: TreeUse(GIB, 50.0, 1, 1.0) for worker_id in roots}

    rest = 0.0

    def wants_closer_look(self, *, in_need: bool = False) -> bool:
        return True

    def look_closer(self) -> None:
        raise OSError("a closer look fails; nothing else does")

    def lives(self, pid: int, known: str) -> bool:
        return pid in self.agents and self.agents[pid].returncode is None


@asynccontextmanager
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Model]:
    """A yard whose turns are made, with three tasks for two workers that are about to start."""
    made = make(tmp_path, WORKER_CORES="4")
    model = Model(made)
    monkeypatch.setattr(spawn, "spawn", model.spawn)
    monkeypatch.setattr(containment, "end_orphans", lambda keep: None)
    monkeypatch.setattr(containment, "end_tree", lambda pid: model.agents[pid].end(-9))
    monkeypatch.setattr(identity, "is_same", model.lives)
    monkeypatch.setattr(identity, "executable_of", lambda pid: "/bin/agent")
    monkeypatch.setattr(turn, "BEAT", 0.02)
    monkeypatch.setattr(turn, "BEAT_WITH_TASKS", 0.02)
    made.yard.scale._sampler = model
    made.yard.feed.listen(lambda message: None)
    for name, kind in TASKS.items():
        if kind == "command":
            await made.submit(name, memory="1GiB", attempts=1, label=name)
        else:
            simulation(made, kind, name)
            spec = {"simulation": kind, "memory": "1GiB", "attempts": 1, "label": name}
            await submission.submit(made.yard, [spec])
    made.yard.owed = 2
    turns = turn.Turns(made.yard)
    going = [asyncio.create_task(turns.run()), asyncio.create_task(_time(made))]
    guarding.watch(going[0], "the supervisor's turn", lambda why: made.yard.lost(why))
    try:
        yield model
    finally:
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        for agent in model.agents.values():
            agent.end(0)
        readers = [h.reader for h in made.yard.handles.values() if h.reader is not None]
        await asyncio.gather(*readers, return_exceptions=True)
        made.yard.database.close()


def simulation(made: Made, name: str, program: str) -> None:
    """Write the file of a simulation that needs one, and its directory."""
    directory = made.yard.data.path / name
    directory.mkdir()
    (directory / "deck").write_text("input")
    run = '[run]\nworkspace = "fresh"\n' if name == "fresh" else ""
    made.yard.data.simulations.mkdir(parents=True, exist_ok=True)
    (made.yard.data.simulations / f"{name}.toml").write_text(
        f'[simulation]\nname = "{name}"\ncommand = ["{program}"]\ndirectory = "{directory}"\n{run}'
    )


async def _time(made: Made) -> None:
    while True:
        made.clocks.advance(0.1)
        await asyncio.sleep(0.01)


def state(made: Made) -> dict[str, tuple[str, str | None, int]]:
    """State, cause and number of attempts of each task by its label."""
    rows = made.yard.database.execute("SELECT label, state, cause, attempt FROM task").fetchall()
    return {row["label"]: (row["state"], row["cause"], row["attempt"]) for row in rows}


async def all_is_over(model: Model) -> None:
    """Each task has ended, and nothing is left of it with any worker."""

    def over() -> bool:
        yard, found = model.made.yard, state(model.made)
        ended = all(one not in (TaskState.READY, TaskState.RUNNING) for one, *_ in found.values())
        settled = not yard.unrecorded and not yard.workspaces
        return ended and settled and all(h.attempt is None for h in yard.handles.values())

    try:
        await eventually_async(over, within=20)
    except AssertionError:
        yard = model.made.yard
        raise AssertionError(f"{state(model.made)}, {yard.handles}, {yard.workspaces}") from None


@pytest.mark.parametrize("place", PLACES, ids=str)
async def test_a_fault_of_ours_costs_no_outcome_and_is_told(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place.break_it(monkeypatch)
    async with running(tmp_path, monkeypatch) as model:
        await all_is_over(model)
        database = model.made.yard.database
        if not place.reached:
            return  # it is on no way of this yard: that most are, the next test says
        recorded = {
            (row["task_id"], row["number"]): row["cause"]
            for row in database.execute("SELECT task_id, number, cause FROM attempt").fetchall()
        }
        for fence, code in model.ended.items():
            assert recorded[fence] == (Cause.SUCCEEDED if code == 0 else Cause.ERROR), place
        known = {task_id: tasks.view(database, task_id) for task_id, _ in recorded}
        remarks = [json.dumps(view) for view in known.values()]
        remarks += [event.text for event in events.since(database, 0, 10_000)]
        logged = [record.getMessage() + (caplog.handler.format(record)) for record in caplog.records]
        told = [text for text in (*remarks, *logged) if "broken: " in text]
        assert told, f"nobody was told of {place}"
        assert [row[0] for row in database.execute("PRAGMA integrity_check").fetchall()] == ["ok"]


@pytest.mark.parametrize("place", places(turn.Turns, "run"), ids=str)
async def test_turns_go_on_or_the_sidecar_is_told_that_they_have_ended(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.break_it(monkeypatch)
    lost: list[str] = []
    async with running(tmp_path, monkeypatch) as model:
        model.made.yard.lost = lost.append
        going = asyncio.create_task(all_is_over(model))
        await eventually_async(lambda: going.done() or lost, within=30)
        going.cancel()
        assert lost or await going is None


async def test_the_yard_of_these_tests_comes_to_its_end_without_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = [Place(place.owner, place.name, place.nth) for place in PLACES]
    watch(watched, monkeypatch)
    async with running(tmp_path, monkeypatch) as model:
        await all_is_over(model)
        assert state(model.made) == {
            "works": ("SUCCEEDED", "succeeded", 1),
            "works too": ("SUCCEEDED", "succeeded", 1),
            "crashes": ("SUCCEEDED", "succeeded", 2),
            "fails": ("FAILED", "error", 1),
        }
        results = model.made.yard.database.execute("SELECT result FROM task WHERE state = 'SUCCEEDED'")
        assert [json.loads(row["result"]) for row in results.fetchall()] == [{"cost": 7}] * 3
    errors = {record.getMessage() for record in caplog.records if record.levelno > logging.WARNING}
    assert errors <= {"looking at what programs hold together failed"}, "as Model.look_closer says"
    unreached = [str(place) for place in watched if not place.reached]
    assert len(unreached) < len(watched) / 4, "\n".join(unreached)


def test_a_place_raises_once(monkeypatch: pytest.MonkeyPatch) -> None:
    [place] = places(_Sample, "doubled")
    place.break_it(monkeypatch)
    with pytest.raises(Broken, match="abs"):
        _Sample().doubled(-2)
    assert (_Sample().doubled(-2), place.reached) == (4, True)


class _Sample:
    def doubled(self, value: int) -> int:
        return 2 * abs(value)
