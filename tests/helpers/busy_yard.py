"""A whole Steelyard at work, from a stand-in of main down to grandchildren, kept busy while it is hit.

Its tasks bear witness (tests/helpers/witness.py). Processes are found by what the database and the runtime
record say, and by a mark in their environment; a PID always comes with its identity.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from steelyard.machine import identity
from tests.helpers import evidence, invariants, main_process, witness
from tests.helpers.reach import client_of
from tests.helpers.sidecar import environment
from tests.helpers.waiting import eventually

PATIENCE = 60.0
QUEUED = 6
"""Tasks that wait, at least."""
SHORT_OF_WORKERS = 2.0
"""Seconds after which a missing worker is asked for: after too many crashes in a row none comes by itself."""


class Process(NamedTuple):
    """A process that cannot be taken for another."""

    pid: int
    identity: str

    @property
    def lives(self) -> bool:
        """Whether it is there, and no zombie."""
        return identity.is_same(self.pid, self.identity)

    def send(self, number: signal.Signals) -> None:
        """A signal, if it lives."""
        if self.lives:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Attempt(NamedTuple):
    """An attempt that runs, with its task process, its agent, and all that inherited its environment."""

    task_id: str
    number: int
    worker_id: str
    task: Process
    agent: Process
    tree: frozenset[Process]


def process_of(pid: int | None) -> Process | None:
    """The process that has this PID now."""
    known = identity.identity_of(pid) if pid else None
    return Process(pid, known) if pid and known else None


class BusyYard:
    """A context manager that leaves no process behind."""

    def __init__(self, folder: Path, seed: int, workers: int) -> None:
        self.data, self.notes_folder = folder / "data", folder / "notes"
        self.notes_folder.mkdir(parents=True)
        self.workers = workers
        self.acknowledged: set[str] = set()
        self.added = 0
        """Workers that had to be asked for."""
        self._mark = uuid.uuid4().hex
        self._rng = random.Random(seed)
        self._submitted = 0
        self._main: subprocess.Popen[bytes] | None = None
        self._short_since: float | None = None

    # processes

    def start_main(self) -> None:
        """Start main, once an earlier one is gone."""
        if self._main is not None:
            self._main.wait(PATIENCE)
        command = main_process.command(self.data, self.workers)
        marked = environment(**{evidence.MARK: self._mark, "WORKER_MAX_COUNT": str(self.workers + 1)})
        self._main = subprocess.Popen(command, env=marked, stdin=subprocess.DEVNULL)

    @property
    def main(self) -> Process | None:
        """Main, if it lives."""
        return process_of(self._main.pid) if self._main is not None and self._main.poll() is None else None

    @property
    def sidecar(self) -> Process | None:
        """The sidecar that is ready; None between two."""
        record = self._record()
        process = Process(record.get("pid", 0), record.get("identity", ""))
        return process if process.lives else None

    def everybody(self) -> set[Process]:
        """All of ours that live."""
        return {process for pid in evidence.environments(self._mark) if (process := process_of(pid))}

    def running(self) -> list[Attempt]:
        """What runs, the longest-running first; waits until nearly every worker has something."""

        def found() -> list[Attempt] | None:
            self.keep_busy()
            rows = self.query(
                "SELECT task_id, number, attempt.worker_id, attempt.pid, worker.pid AS agent FROM attempt "
                "JOIN worker ON worker.id = worker_id WHERE finished_at IS NULL AND attempt.pid IS NOT NULL "
                "AND state = 'RUNNING' ORDER BY attempt.started_at"
            )
            begun = [row for row in rows if self.begun(row["task_id"], row["number"]) is not None]
            attempts = [attempt for row in begun if (attempt := self._attempt(row))]
            return attempts if len(attempts) >= self.workers - 1 else None

        return eventually(found, within=PATIENCE)

    def _attempt(self, row: dict[str, Any]) -> Attempt | None:
        mine = {"STEELYARD_TASK_ID": row["task_id"], "STEELYARD_ATTEMPT": str(row["number"])}
        everybody = evidence.environments(self._mark).items()
        tree = {process_of(pid) for pid, variables in everybody if mine.items() <= variables.items()}
        task, agent = process_of(row["pid"]), process_of(row["agent"])
        if task is None or agent is None:
            return None
        found = frozenset(process for process in tree if process is not None)
        return Attempt(row["task_id"], row["number"], row["worker_id"], task, agent, found)

    # what is known

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the database; none before there is one."""
        return evidence.query(self.data, sql, *values)

    def begun(self, task_id: str, number: int) -> float | None:
        """When an attempt began, by its own word (CLOCK_MONOTONIC); None if it has not."""
        notes = evidence.journal(self.notes_folder / task_id)
        return next((note.at for note in notes if (note.word, note.attempt) == ("begin", number)), None)

    def judge(self) -> dict[str, list[str]]:
        """Let all tasks come to their end; the invariants that do not hold then."""
        eventually(self._is_at_rest, within=4 * PATIENCE)
        known = {process.pid for process in (self.main, self.sidecar) if process is not None}
        with self._client() as client:
            record = evidence.at_rest(
                self.data, self.notes_folder, self.acknowledged, self._mark, client, known=known
            )
        return invariants.broken(record)

    def _is_at_rest(self) -> bool:
        self._keep_workers()
        return not self.query("SELECT 1 FROM task WHERE state IN ('READY', 'RUNNING') LIMIT 1")

    # work

    def keep_busy(self) -> None:
        """See that enough tasks wait, and that the workers are there; what fails now comes later."""
        waiting = self.query("SELECT count(*) AS n FROM task WHERE state = 'READY' AND held_until IS NULL")
        with contextlib.suppress(httpx.TransportError):
            for _ in range(QUEUED - (waiting[0]["n"] if waiting else 0)):
                if not self._submit():
                    break
        self._keep_workers()

    def _submit(self) -> bool:
        """One more task, under the key of the last try if that was not answered."""
        if self.sidecar is None:
            return False
        how = ["children"] if self._submitted % 3 else []
        argv = witness.argv(self.notes_folder, round(self._rng.uniform(0.5, 2.0), 2), *how)
        # A killed task that comes back after its back-off has an earlier place than those that run, and would
        # take it when they start again: few do, so that what is measured is recovery and not the queue.
        attempts = 3 if self._submitted % 5 == 0 else 1
        parameters, key = {"argv": argv}, str(self._submitted)
        body = {"simulation": "command", "parameters": parameters, "key": key, "attempts": attempts}
        with self._client() as client:
            answer = client.post("/api/tasks/", json=body)
        if answer.status_code not in (200, 201):
            return False
        self._submitted += 1
        self.acknowledged.add(answer.json()["task_id"])
        return True

    def _keep_workers(self) -> None:
        live = self.query("SELECT count(*) AS n FROM worker WHERE state IN ('STARTING', 'RUNNING')")
        now = time.monotonic()
        if self.sidecar is None or (live and live[0]["n"] >= self.workers):
            self._short_since = None
        elif self._short_since is None:
            self._short_since = now
        elif now - self._short_since > SHORT_OF_WORKERS:
            self._short_since = None
            with contextlib.suppress(httpx.TransportError), self._client() as client:
                self.added += client.post("/api/workers/add/").status_code == 201

    def _record(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads((self.data / "runtime" / "sidecar.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return record

    def _client(self) -> httpx.Client:
        return client_of(eventually(lambda: self.sidecar and self._record(), within=PATIENCE))

    def __enter__(self) -> BusyYard:
        self.start_main()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._main is not None
        if self._main.poll() is None:
            self._main.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._main.wait(PATIENCE)
        for process in self.everybody():
            process.send(signal.SIGKILL)
        self._main.wait(PATIENCE)
