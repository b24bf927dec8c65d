"""Whoever is killed, in whatever phase, and whatever kind of children a task has: soon nothing of ours lives.

A table: phases by victims, each with a task that has a child of every kind. That it takes less than a second
is what the bench prints; here the end is waited for with patience, and the slowest one printed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from steelyard.machine import identity
from tests.helpers import api, evidence, main_process
from tests.helpers.reach import client_of
from tests.helpers.sidecar import PATIENCE, environment
from tests.helpers.waiting import eventually
from tests.process import family

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are known by /proc/<pid>/environ here"),
    pytest.mark.timeout(180),
]

KINDS = ("plain", "setsid", "daemon", "stubborn", "stopped")
"""Of children: in the session, out of it, forked away twice, deaf to signals, standing still."""
VICTIMS = ("main", "sidecar", "worker", "task")


class Scene:
    """Main, sidecar, one worker; a task whose first process ignores SIGTERM, with a child of every kind."""

    def __init__(self, folder: Path) -> None:
        self.data, self.folder = folder / "data", folder / "family"
        self.folder.mkdir()
        self.mark = uuid.uuid4().hex
        command = main_process.command(self.data, 1, once=True)
        marked = environment(**{evidence.MARK: self.mark})
        self.main = subprocess.Popen(command, env=marked, stdin=subprocess.DEVNULL)

    @property
    def sidecar(self) -> psutil.Process | None:
        """Main's one child."""
        return _first_child(self.main.pid)

    @property
    def worker(self) -> psutil.Process | None:
        """The agent: the sidecar's one child."""
        return self.sidecar and _first_child(self.sidecar.pid)

    @property
    def task(self) -> psutil.Process | None:
        """The agent's first child: the task, for the scene is young."""
        return self.worker and _first_child(self.worker.pid)

    def query(self, sql: str) -> list[dict[str, Any]]:
        return evidence.query(self.data, sql)

    @contextlib.contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """HTTP with the token of the sidecar that is there."""
        eventually(lambda: self.query("SELECT 1 FROM worker WHERE state = 'RUNNING'"), within=PATIENCE)
        path = self.data / "runtime" / "sidecar.json"
        eventually(path.exists, within=PATIENCE)
        with client_of(json.loads(path.read_bytes())) as client:
            client.patch("/api/preferences/", json={"replace_crashed_workers": False}).raise_for_status()
            yield client

    def submit(self, client: httpx.Client) -> str:
        """Queue the family."""
        argv = [sys.executable, family.__file__, str(self.folder), "ignore", *KINDS]
        return api.submit(client, argv, attempts=1)

    def run(self, client: httpx.Client) -> str:
        """Queue the family, and wait until everybody is there, and known to the sidecar; the task's id."""
        task_id = self.submit(client)
        eventually(lambda: all((self.folder / f"{kind}.pid").exists() for kind in KINDS), within=PATIENCE)
        eventually(lambda: self.query("SELECT 1 FROM attempt WHERE pid IS NOT NULL"), within=PATIENCE)
        return task_id

    def of_first_attempt(self) -> dict[int, str]:
        """What lives of the task."""
        everybody = evidence.environments(self.mark)
        return {pid: self.kind(pid) for pid, its in everybody.items() if its.get("STEELYARD_ATTEMPT") == "1"}

    def kind(self, pid: int) -> str:
        """Which child that is."""
        told = {path.read_text(): path.stem for path in self.folder.glob("*.pid")}
        return told.get(str(pid), "somebody else")

    def close(self) -> None:
        """The end, whatever the test has done."""
        if self.main.poll() is None:
            self.main.kill()
        self.main.wait(PATIENCE)
        for pid in evidence.living(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def running(argv: list[str], **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, ended whatever comes."""
    process = subprocess.Popen(
        argv, env=environment(**variables), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


def _first_child(pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return next(iter(psutil.Process(pid).children()), None)
    return None


# phases: each brings a scene there, and is left in it


def sidecar_starts(scene: Scene) -> None:
    eventually(lambda: scene.sidecar, within=PATIENCE, every=0.001)


def database_is_there(scene: Scene) -> None:
    eventually((scene.data / "steelyard.db").exists, within=PATIENCE, every=0.001)


def worker_starts(scene: Scene) -> None:
    eventually(lambda: scene.worker, within=PATIENCE, every=0.001)


def task_starts(scene: Scene) -> None:
    with scene.client() as client:
        scene.submit(client)
        eventually(lambda: scene.task, within=PATIENCE, every=0.001)


def task_runs(scene: Scene) -> None:
    with scene.client() as client:
        scene.run(client)


def task_is_suspended(scene: Scene) -> None:
    with scene.client() as client:
        task_id = scene.run(client)
        client.post(f"/api/tasks/{task_id}/suspend/").raise_for_status()


def task_is_stopping(scene: Scene) -> None:
    """Cancelled, and deaf: until the grace is over it goes on."""
    with scene.client() as client:
        task_id = scene.run(client)
        client.post(f"/api/tasks/{task_id}/cancel/").raise_for_status()
        eventually((scene.data / "tasks" / task_id / "attempt-1" / "stop").exists, within=PATIENCE)


def sidecar_is_leaving(scene: Scene) -> None:
    """Main has asked for an orderly shutdown, and the task takes its time."""
    with scene.client() as client:
        task_id = scene.run(client)
    scene.main.terminate()
    eventually((scene.data / "tasks" / task_id / "attempt-1" / "stop").exists, within=PATIENCE)


Phase = Callable[[Scene], None]
PHASES: dict[Phase, tuple[str, ...]] = {
    sidecar_starts: ("main", "sidecar"),
    database_is_there: ("main", "sidecar"),
    worker_starts: ("main", "sidecar", "worker"),
    task_starts: VICTIMS,
    task_runs: VICTIMS,
    task_is_suspended: VICTIMS,
    task_is_stopping: VICTIMS,
    sidecar_is_leaving: VICTIMS,
}
CELLS = [
    pytest.param(phase, who, id=f"{phase.__name__}-{who}") for phase, all_ in PHASES.items() for who in all_
]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.close()


@pytest.mark.parametrize(("phase", "victim"), CELLS)
def test_nobody_is_left_behind(
    scene: Scene, phase: Phase, victim: str, record_property: Callable[[str, object], None]
) -> None:
    phase(scene)
    hit = psutil.Process(scene.main.pid) if victim == "main" else getattr(scene, victim)
    assert hit is not None
    known = identity.identity_of(hit.pid)
    hit.kill()
    died = time.monotonic()
    if victim == "main":
        scene.main.wait(PATIENCE)

    def left() -> object:
        """Who should not live any more."""
        if victim in ("main", "sidecar"):
            # Main goes when its sidecar has gone.
            return scene.main.poll() is None or evidence.living(scene.mark)
        return scene.of_first_attempt() or (known and identity.is_same(hit.pid, known))

    try:
        eventually(lambda: not left(), within=PATIENCE)
    except AssertionError:
        raise AssertionError(
            f"{scene.of_first_attempt()} and {evidence.living(scene.mark)} live on"
        ) from None
    record_property("end after", time.monotonic() - died)
    if scene.main.poll() is None:
        scene.main.terminate()
        assert scene.main.wait(PATIENCE) == 0
    eventually(lambda: not evidence.living(scene.mark), within=PATIENCE)


@pytest.mark.parametrize("phase", [task_runs, task_is_suspended, task_is_stopping])
def test_what_survives_the_death_of_sidecar_and_worker_at_once_ends_at_the_next_start(
    scene: Scene, phase: Phase
) -> None:
    """The kernel ends the task; of its children those that left its session come up to nobody of ours."""
    phase(scene)
    sidecar, agent = scene.sidecar, scene.worker
    assert sidecar is not None and agent is not None
    sidecar.suspend()  # so that both are dead before either could do anything
    agent.kill()
    sidecar.kill()
    scene.main.wait(PATIENCE)
    eventually(lambda: "first" not in scene.of_first_attempt().values(), within=PATIENCE)
    assert scene.of_first_attempt(), "nobody survived, so there is nothing to see"
    decoys_own = {"STEELYARD_ATTEMPT": "1", "STEELYARD_OUTPUT_DIR": "/another/output"}
    with (
        running(["sleep", "600"], **decoys_own) as decoy,
        running(main_process.command(scene.data, 0, once=True), **{evidence.MARK: scene.mark}),
    ):
        eventually(lambda: not scene.of_first_attempt(), within=PATIENCE)
        state = "CANCELLED" if phase is task_is_stopping else "READY"
        eventually(lambda: scene.query(f"SELECT 1 FROM task WHERE state = '{state}'"), within=PATIENCE)
        assert decoy.poll() is None


@pytest.mark.parametrize("table", ["worker", "attempt"])
def test_a_foreign_process_under_a_recorded_pid_is_not_touched(scene: Scene, table: str) -> None:
    """Whoever has the PID of a dead worker or task now, with an identity that is not the recorded one."""
    task_runs(scene)
    assert scene.sidecar is not None
    scene.sidecar.kill()
    scene.main.wait(PATIENCE)
    with running(["sleep", "600"]) as decoy:
        _write(scene.data, f"UPDATE {table} SET pid = {decoy.pid}")
        record = scene.data / "runtime" / "sidecar.json"
        record.write_text(json.dumps({**json.loads(record.read_bytes()), "pid": decoy.pid}))
        with running(main_process.command(scene.data, 0, once=True), **{evidence.MARK: scene.mark}) as again:
            eventually(lambda: scene.query("SELECT 1 FROM task WHERE state = 'READY'"), within=PATIENCE)
            assert decoy.poll() is None
            again.terminate()
            assert again.wait(PATIENCE) == 0
        assert decoy.poll() is None


def _write(data: Path, sql: str) -> None:
    with contextlib.closing(evidence.connect(data, read_only=False)) as connection:
        assert connection.execute(sql).rowcount == 1
        connection.commit()
