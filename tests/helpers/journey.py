"""A data directory's journey through many crashes: the real sidecar, started again whenever it has died.

The plan (tests/helpers/armed.py) says where it or its agent dies; work() and its like lead it there.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.helpers import armed, evidence, invariants, witness
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

T = TypeVar("T")
Entry = tuple[str, str, int, str]
"""step, moment, n-th time, action (kill, exit, full)."""


class Journey:
    """A context manager that leaves no process behind, and checks nothing by itself: see settle()."""

    def __init__(self, folder: Path, plan: Iterable[Entry] = (), **environment: str) -> None:
        self.data, self.witnesses, self._plan_folder = (folder / name for name in ("data", "notes", "plan"))
        for path in (self.witnesses, self._plan_folder):
            path.mkdir(parents=True)
        self.plan = list(plan)
        (self._plan_folder / "plan.json").write_text(json.dumps(self.plan))
        self.mark = uuid.uuid4().hex
        self.environment = {
            armed.PLAN: str(self._plan_folder),
            evidence.MARK: self.mark,
            "WORKER_MAX_COUNT": "2",
            **environment,
        }
        self.acknowledged: set[str] = set()
        self.lives = 0
        self.slowest_end = 0.0
        """The longest that anything of ours has lived after a sidecar's death, in seconds."""
        self._submitted = 0
        self._sidecar: RunningSidecar | None = None

    @property
    def fired(self) -> int:
        """How many entries of the plan have been carried out."""
        return sum(1 for _ in self._plan_folder.glob("fired-*"))

    @property
    def is_done(self) -> bool:
        """Whether the whole plan has been carried out."""
        return self.fired == len(self.plan)

    # the sidecar

    def sidecar(self) -> RunningSidecar:
        """The living sidecar that is ready, started as often as it takes."""
        while True:
            if self._sidecar is None or self._sidecar.process.poll() is not None:
                self.bury()
                program = (sys.executable, str(Path(armed.__file__)))
                self._sidecar = RunningSidecar(
                    self.data, "--workers", "1", program=program, **self.environment
                )
                self.lives += 1
            if _is_ready(self._sidecar):
                return self._sidecar

    def bury(self) -> None:
        """After the death of a sidecar: all of ours ends, and that by itself."""
        if self._sidecar is not None:
            self._sidecar.process.wait(PATIENCE)
            died = time.monotonic()
            self._nobody_lives()
            self.slowest_end = max(self.slowest_end, time.monotonic() - died)
            self._sidecar.__exit__()
            self._sidecar = None

    def _nobody_lives(self) -> None:
        try:
            eventually(lambda: not evidence.living(self.mark), within=PATIENCE)
        except AssertionError:
            raise AssertionError(
                f"after entry {self.fired - 1} of {self.plan} these live on: {evidence.living(self.mark)}"
            ) from None

    def kill(self) -> None:
        """kill -9 for the sidecar."""
        self.sidecar().kill()

    def ask(self, question: Callable[[httpx.Client], T]) -> T:
        """What a client does, again after each death of the sidecar."""
        while True:
            sidecar = self.sidecar()
            try:
                with sidecar.client() as client:
                    return question(client)
            except (httpx.TransportError, OSError):
                # It died under the question; anything else that breaks a connection fails here.
                sidecar.process.wait(PATIENCE)

    def until(self, probe: Callable[[], T | None]) -> T:
        """Wait for something, keeping the sidecar alive."""

        def look() -> T | None:
            if self._sidecar is None or self._sidecar.process.poll() is not None:
                self.sidecar()
            return probe()

        return eventually(look, within=4 * PATIENCE)

    # work

    def submit(self, seconds: float = 0.0, *how: str, **more: Any) -> str:
        """Queue a task that bears witness; its id. The same key after a crash: at most one is queued."""
        self._submitted += 1
        body = {
            "simulation": "command",
            "parameters": {"argv": witness.argv(self.witnesses, seconds, *how)},
            "key": f"{self._submitted}",
            **more,
        }
        answer = self.ask(lambda client: client.post("/api/tasks/", json=body))
        assert answer.status_code in (200, 201), answer.text
        task_id = str(answer.json()["task_id"])
        self.acknowledged.add(task_id)
        return task_id

    def row(self, task_id: str) -> dict[str, Any]:
        """The task's row, read from the file: no request is made."""
        return evidence.query(self.data, "SELECT * FROM task WHERE id = ?", task_id)[0]

    def ends(self, task_id: str) -> dict[str, Any]:
        """The task's row, once it has ended."""
        return self.until(lambda: _if(self.row(task_id), lambda row: row["state"] in invariants.ENDED))

    def runs(self, task_id: str) -> dict[str, Any]:
        """The task's row, once it has begun, or ended."""

        def begun() -> dict[str, Any] | None:
            row = self.row(task_id)
            notes = evidence.journals(self.witnesses).get(task_id, [])
            running = any(n.attempt == row["attempt"] and n.word == "begin" for n in notes)
            return (
                row if row["state"] in invariants.ENDED or (row["state"] == "RUNNING" and running) else None
            )

        return self.until(begun)

    def settle(self) -> invariants.Record:
        """Let everything come to its end; all that there is to judge."""
        for task_id in list(self.acknowledged):
            self.ends(task_id)
        self.until(
            lambda: not evidence.query(self.data, "SELECT 1 FROM task WHERE state IN ('READY', 'RUNNING')")
        )
        # The last entry of the plan is marked a moment before its process dies: so this too is asked again.
        return self.ask(self._evidence)

    def _evidence(self, client: httpx.Client) -> invariants.Record:
        assert self._sidecar is not None
        known = {self._sidecar.process.pid}
        return evidence.at_rest(self.data, self.witnesses, self.acknowledged, self.mark, client, known=known)

    def __enter__(self) -> Journey:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sidecar is not None:
            with self._sidecar:
                pass
        for pid in evidence.living(self.mark):
            os.kill(pid, 9)


def _is_ready(sidecar: RunningSidecar) -> bool:
    """Whether it is ready, waiting for that; False if it died meanwhile."""

    def settled() -> bool:
        return _said(sidecar, "ready") or _said(sidecar, "fatal") or sidecar.process.poll() is not None

    eventually(settled, within=PATIENCE)
    assert not _said(sidecar, "fatal"), sidecar.events
    return _said(sidecar, "ready") and sidecar.process.poll() is None


def _said(sidecar: RunningSidecar, name: str) -> bool:
    return any(event["event"] == name for event in sidecar.events)


def _if(value: T, holds: Callable[[T], bool]) -> T | None:
    return value if holds(value) else None
