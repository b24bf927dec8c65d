"""Collects what tests/helpers/invariants.py judges: from the database file, the process table, and the API.

Processes of ours are known by a mark in their environment that the test chose, never by a name. Linux.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import httpx

from tests.helpers.invariants import Memory, Note, Record
from tests.helpers.waiting import eventually

MARK = "YARD_MARK"
"""The variable whose value tells one test's processes; everything that the sidecar starts inherits it."""


def environments(mark: str) -> dict[int, dict[str, str]]:
    """PID -> environment of every process, zombies aside, that carries this mark."""
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            entries = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
            if wanted in entries and not _is_dead(int(name)):
                pairs = (entry.decode(errors="replace").partition("=") for entry in entries)
                found[int(name)] = {key: value for key, _, value in pairs}
    return found


def living(mark: str) -> dict[int, str]:
    """PID -> command line of every process, zombies aside, that carries this mark."""
    found = {}
    for pid in environments(mark):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            found[pid] = command.decode(errors="replace").strip()
    return found


def _is_dead(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    return stat[stat.rfind(b")") + 2 :][:1] in b"ZXx"


def connect(data: Path, *, read_only: bool = True) -> sqlite3.Connection:
    """The database beside the sidecar. Read-only: a crash's write-ahead log is the next sidecar's to heed."""
    mode = "ro" if read_only else "rw"
    return sqlite3.connect(f"file:{data}/steelyard.db?mode={mode}", uri=True, timeout=30)


def query(data: Path, sql: str, *values: object) -> list[dict[str, Any]]:
    """Rows of the database, read beside the sidecar or after it; none while there is no such table yet."""
    if not (data / "steelyard.db").exists():
        return []
    with contextlib.closing(connect(data)) as connection:
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(sql, values)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def journal(path: Path) -> list[Note]:
    """What one task wrote of itself; nothing if it never began."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    return [
        Note(int(number), word, int(pid), float(at))
        for number, word, pid, at in (line.split() for line in lines)
    ]


def journals(folder: Path) -> dict[str, list[Note]]:
    """What every task wrote of itself."""
    return {path.name: journal(path) for path in folder.iterdir()}


def history(data: Path, witnesses: Path, acknowledged: set[str]) -> Record:
    """What the files say; no sidecar is needed."""
    checks = [str(row["integrity_check"]) for row in query(data, "PRAGMA integrity_check")]
    strays = query(data, "PRAGMA foreign_key_check")
    tasks = query(data, "SELECT * FROM task")
    events = query(data, "SELECT seq, kind, subject, data FROM event ORDER BY seq")
    return Record(
        acknowledged=acknowledged,
        tasks=[{**task, "result": json.loads(task["result"] or "null")} for task in tasks],
        attempts=query(data, "SELECT * FROM attempt"),
        workers=query(data, "SELECT * FROM worker"),
        events=[{**event, "data": json.loads(event["data"])} for event in events],
        integrity=[line for line in checks if line != "ok"]
        + [f"a row lacks its parent: {row}" for row in strays],
        journals=journals(witnesses),
    )


def at_rest(
    data: Path, witnesses: Path, acknowledged: set[str], mark: str, client: httpx.Client, *, known: set[int]
) -> Record:
    """All that there is to judge while a sidecar runs idly. known: PIDs of ours that are no agents."""
    status, memory = eventually(lambda: _weighed(client), within=30)
    record = history(data, witnesses, acknowledged)
    record.held = [one["task"]["task_id"] for one in status["workers"] if one["task"] is not None]
    record.memory = memory
    record.wanted = known | {
        one["pid"] for one in status["workers"] if one["state"] in ("RUNNING", "STARTING")
    }
    record.living = living(mark)
    return record


def _weighed(client: httpx.Client) -> tuple[dict[str, Any], Memory] | None:
    """Status and headroom of one weighing; None if the machine was weighed again between the questions, or a
    worker is still coming or going.
    """
    before = client.get("/api/workers/status/").json()
    startup = client.get("/api/startup/").json()
    status = client.get("/api/workers/status/").json()
    limits, memory = status["limits"], status["memory"]
    states = [one["state"] for one in status["workers"]]
    if before["memory"] != memory or states.count("RUNNING") != limits["active"]:
        return None
    return status, Memory(
        memory["available"], memory["guard"], startup["headroom"], limits["peak_per_worker"], limits["active"]
    )
