"""All at once: a long queue, many submissions, many listeners of whom some never read, a flood of output.

A real sidecar has 100,000 tasks queued; then for a minute 200 tasks a second are submitted, 32 WebSocket
clients follow (8 of them never read), and one task writes 1 GB. Meanwhile the API is asked what pages ask.
Printed are the sidecar's memory, the API's times, and what was lost. To reach: memory under 150 MB, p99
under 100 ms, nothing lost. The listeners have a process of their own (`listeners.py`), so that what they cost
is not taken for the sidecar's. Run it with `.venv/bin/python scripts/bench/load.py`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.helpers import api  # noqa: E402
from tests.helpers.reach import bearer  # noqa: E402
from tests.helpers.sidecar import RunningSidecar  # noqa: E402

MB = 1_000_000
BATCH = 10_000
SUBMITTERS = 8
QUEUED = {"simulation": "command", "queue": "nobody", "parameters": {"argv": ["true"]}, "label": "queued"}
FLOOD = """
import os, sys
line = b"%07d " + b"x" * 91 + b"\\n"
for block in range(int(sys.argv[1])):
    os.write(1, b"".join(line % (block * 1000 + n) for n in range(1000)))
"""
BLOCK = 100_000
"""Bytes of one block of FLOOD."""
ASKED = ("/api/workers/status/", "/api/tasks/?limit=50", "/api/tasks/?q=queued&limit=50", "/healthz", "/")
PAUSE = 0.1
"""Seconds between two of these."""


@dataclass(frozen=True)
class Load:
    """How much of everything."""

    queued: int = 100_000
    rate: int = 200
    """Submissions a second."""
    seconds: float = 60.0
    listeners: int = 24
    deaf: int = 8
    """Listeners that never read, besides the others."""
    output_mb: int = 1000


@dataclass
class Seen:
    """What was measured, and what must be found again."""

    submitted: list[str] = field(default_factory=list)
    submit_s: list[float] = field(default_factory=list)
    asked_s: dict[str, list[float]] = field(default_factory=dict)
    uss: list[int] = field(default_factory=list)
    late_s: float = 0.0
    """How far the submitters fell behind their rate."""
    heard: dict[str, Any] = field(default_factory=dict)
    """What listeners.py reports."""


class Lean:
    """One kept connection; a client that costs next to nothing beside what it measures."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._connection = http.client.HTTPConnection(record["url"].split("/")[2], timeout=60)
        self._headers = {**bearer(record), "Content-Type": "application/json"}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, method: str, path: str, body: object = None) -> tuple[float, bytes]:
        """Seconds, and the answer. RuntimeError for a refusal."""
        text = None if body is None else json.dumps(body)
        began = time.perf_counter()
        self._connection.request(method, path, text, self._headers)
        answer = self._connection.getresponse()
        data = answer.read()
        took = time.perf_counter() - began
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:200]!r}")
        return took, data


def submit_share(record: dict[str, Any], load: Load, share: int, began: float, seen: Seen) -> None:
    """Every SUBMITTERS-th submission at its moment, however long the one before took."""
    with closing(Lean(record)) as client:
        for number in range(share, int(load.rate * load.seconds), SUBMITTERS):
            wait = began + number / load.rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            seen.late_s = max(seen.late_s, -wait)
            body = {**QUEUED, "label": f"submitted {number}", "key": f"load-{number}"}
            took, data = client.ask("POST", "/api/tasks/", body)
            seen.submit_s.append(took)
            seen.submitted.append(json.loads(data)["task_id"])


def ask_all(record: dict[str, Any], seen: Seen, done: threading.Event) -> None:
    """What pages ask, one after the other."""
    with closing(Lean(record)) as client:
        while not done.is_set():
            for path in ASKED:
                seen.asked_s.setdefault(path, []).append(client.ask("GET", path)[0])
                done.wait(PAUSE)


def weigh(process: psutil.Process, seen: Seen, done: threading.Event) -> None:
    """The sidecar's own memory, twice a second."""
    while not done.wait(0.5):
        seen.uss.append(process.memory_full_info().uss)


@contextmanager
def listening(record: dict[str, Any], load: Load, seen: Seen) -> Iterator[None]:
    """Everybody who listens; afterwards `seen.heard` is what they report, having read all there was."""
    program = [sys.executable, str(Path(__file__).with_name("listeners.py")), str(load.listeners)]
    deaf = [deaf_socket(record) for _ in range(load.deaf)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as others:
        assert others.stdin is not None and others.stdout is not None
        others.stdin.write(json.dumps(record) + "\n")
        others.stdin.flush()
        others.stdout.readline()
        try:
            yield
            with closing(Lean(record)) as client:
                status = json.loads(client.ask("GET", "/api/workers/status/")[1])
            seen.heard = json.loads(others.communicate(f"{status['seq']}\n", timeout=120)[0])
        finally:
            others.kill()
            for connection in deaf:
                connection.close()


def deaf_socket(record: dict[str, Any]) -> socket.socket:
    """A WebSocket that is opened and never read."""
    host = record["url"].split("/")[2]
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", int(host.split(":")[1])))
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {record['token']}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return connection


def strain(sidecar: RunningSidecar, load: Load) -> Seen:
    """Everything at once, until all is submitted and the flood has ended. RuntimeError: output is missing."""
    seen, done, record = Seen(), threading.Event(), sidecar.record
    flood = {"argv": [sys.executable, "-c", FLOOD, str(load.output_mb * MB // BLOCK)]}
    with closing(Lean(record)) as client, listening(record, load, seen):
        body = {"simulation": "command", "parameters": flood}
        flood_id = json.loads(client.ask("POST", "/api/tasks/", body)[1])["task_id"]
        began = time.perf_counter() + 0.5
        aside = [
            threading.Thread(target=ask_all, args=(record, seen, done)),
            threading.Thread(target=weigh, args=(psutil.Process(sidecar.process.pid), seen, done)),
        ]
        submitters = [
            threading.Thread(target=submit_share, args=(record, load, share, began, seen))
            for share in range(SUBMITTERS)
        ]
        for thread in (*aside, *submitters):
            thread.start()
        for thread in submitters:
            thread.join()
        while json.loads(client.ask("GET", f"/api/tasks/{flood_id}/")[1])["state"] in ("READY", "RUNNING"):
            time.sleep(0.5)
        done.set()
        for thread in aside:
            thread.join()
        written = json.loads(client.ask("GET", f"/api/tasks/{flood_id}/log/?tail=100")[1])
    if written["size"] != load.output_mb * MB or not written["text"].endswith("x\n"):
        raise RuntimeError(f"of the output {written['size']} bytes are known")
    return seen


def fill(client: httpx.Client, count: int) -> None:
    """The queue, in batches."""
    for start in range(0, count, BATCH):
        tasks = [QUEUED] * min(BATCH, count - start)
        client.post("/api/tasks/batch/", json={"tasks": tasks}, timeout=120).raise_for_status()


def lost(client: httpx.Client, load: Load, seen: Seen) -> tuple[int, int]:
    """Tasks that were acknowledged and are not there, and those that the careful listener was not told of."""
    counts = client.get("/api/tasks/", params={"limit": 1}).json()["counts"]
    missing = load.queued + len(seen.submitted) - counts["READY"]
    return missing, len(set(seen.submitted) - set(seen.heard["tasks"]))


def quantile(values: list[float], share: float) -> str:
    """What so large a share of these seconds does not pass."""
    return f"{1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))]:.1f} ms"


def measure(load: Load, folder: Path) -> list[tuple[str, str, str]]:
    """Every figure with what it is to reach."""
    with RunningSidecar(folder / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        api.all_run(client, 1)
        process = psutil.Process(sidecar.process.pid)
        before = process.memory_full_info().uss
        fill(client, load.queued)
        filled = process.memory_full_info().uss
        cpu = sum(process.cpu_times()[:2])
        began = time.monotonic()
        seen = strain(sidecar, load)
        share = (sum(process.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
        missing, unheard = lost(client, load, seen)
    every = [one for times in seen.asked_s.values() for one in times] + seen.submit_s
    return [
        ("sidecar, USS at the start", f"{before / MB:.1f} MB", ""),
        (f"sidecar, USS with {load.queued:,} tasks queued", f"{filled / MB:.1f} MB", ""),
        ("sidecar, USS under load, median", f"{statistics.median(seen.uss) / MB:.1f} MB", ""),
        ("sidecar, USS under load, most", f"{max(seen.uss) / MB:.1f} MB", "< 150 MB"),
        ("sidecar, share of a core under load", f"{100 * share:.0f} %", ""),
        (f"all {len(every):,} requests, p50", quantile(every, 0.5), ""),
        ("all requests, p99", quantile(every, 0.99), "< 100 ms"),
        ("all requests, the longest", quantile(every, 1.0), ""),
        (f"submit, {load.rate} a second, p99", quantile(seen.submit_s, 0.99), ""),
        *((f"GET {path}, p99", quantile(times, 0.99), "") for path, times in seen.asked_s.items()),
        ("submitters behind their rate, the most", f"{1000 * seen.late_s:.0f} ms", ""),
        ("listeners sent away as too slow, and back again", str(seen.heard["sent_away"]), ""),
        ("submitted and acknowledged", f"{len(seen.submitted):,}", ""),
        ("of these lost", str(missing), "0"),
        ("of these not told to a careful listener", str(unheard), "0"),
        ("gaps or repetitions in its `seq`", str(seen.heard["gaps"]), "0"),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=Load.queued, help="tasks in the queue (100000)")
    parser.add_argument("--seconds", type=float, default=Load.seconds, help="of submissions (60)")
    parser.add_argument("--output", type=int, default=Load.output_mb, help="MB that the task writes (1000)")
    options = parser.parse_args()
    load = Load(queued=options.tasks, seconds=options.seconds, output_mb=options.output)
    folder = Path(tempfile.mkdtemp(prefix="steelyard-bench-"))
    try:
        rows = measure(load, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = Table("figure", "measured", "to reach", title="Load")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
