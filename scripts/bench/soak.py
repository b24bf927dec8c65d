"""Whether anything grows: memory and descriptors of sidecar and workers over half an hour of short tasks.

A real sidecar with two workers runs short tasks of every kind (one that succeeds, fails, prints much, uses
a helper process, writes files), with listeners that come and go, pages, searches and logs that are asked
for. The database is large from the start, as after weeks. A line is fitted through what each process holds
at the least in each minute (memory, descriptors), from a third of the time on; its slope is printed with
its standard error, and beside it the most that was held. To reach: no slope that is above three of these
errors, also above what would matter in a week of it (10 MB, 10 descriptors), and that has led further than
a heap goes at a time.
`.venv/bin/python scripts/bench/soak.py --minutes 30`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import websockets
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.helpers import api  # noqa: E402
from tests.helpers.reach import bearer, websocket_address  # noqa: E402
from tests.helpers.sidecar import RunningSidecar  # noqa: E402

MB = 1_000_000
WEEK_H = 7 * 24
READINGS, APART_S = 3, 0.01
MATTERS = {"MB": 10.0, "descriptors": 10.0}
"""What a process may grow by in a week of this load before it is called growth."""
TOLD_APART = {"MB": 0.26, "descriptors": 1.0}
"""Less than this is none: Python's allocator takes 256 KiB at a time (1 MiB in later versions), glibc 128."""
SHORTEST = 5
"""Minutes of a run, at the least."""
MINUTE_H = 1 / 60
"""Readings of a minute follow each other, and a minute is how often the sidecar gives memory back."""
HELD, BATCH = 100_000, 1_000
"""Tasks of a queue that no worker serves: some 50 MB of database, many times the caches."""
KINDS = (
    "print('done')",
    "raise SystemExit(3)",
    "print('x' * 200_000)",
    "import subprocess; subprocess.run(['true'])",
    "import os, pathlib; pathlib.Path(os.environ['STEELYARD_OUTPUT_DIR'], 'a.csv').write_text('a,b' * 1000)",
    "for year in range(50): print(f'::steelyard progress {year / 50} year {year}', flush=True)",
)


@dataclass
class Series:
    """A figure of a process over time: hours, and MB or a number of descriptors."""

    name: str
    unit: str
    hours: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, hours: float, value: float) -> None:
        """One reading."""
        self.hours.append(hours)
        self.values.append(value)


def slope(hours: list[float], values: list[float]) -> tuple[float, float]:
    """Least squares: growth an hour, and its standard error. At least 3 readings."""
    n = len(hours)
    middle, mean = sum(hours) / n, sum(values) / n
    spread = sum((hour - middle) ** 2 for hour in hours)
    growth = sum((h - middle) * (v - mean) for h, v in zip(hours, values, strict=True)) / spread
    left = sum((v - mean - growth * (h - middle)) ** 2 for h, v in zip(hours, values, strict=True))
    return growth, math.sqrt(left / max(1, n - 2) / spread)


def memory(process: psutil.Process) -> float:
    """What a process holds for itself, MB: the most of some readings, as its pages are shared while it forks.

    On Linux without the clean pages of its programs' files: they count as its own or not, some 2.5 MB,
    depending on whether another Python happens to run.
    """
    readings = [_own(process)]
    while len(readings) < READINGS:
        time.sleep(APART_S)
        readings.append(_own(process))
    return max(readings) / MB


def _own(process: psutil.Process) -> int:
    if sys.platform != "linux":
        return int(process.memory_full_info().uss)
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return sum(
        int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Private_Dirty")
    )


def minutes(series: Series) -> tuple[list[float], list[float]]:
    """The least of each minute from a third of the time on: hours, values.

    The least, for once in a minute the sidecar empties SQLite's cache and gives memory back. What it holds
    just then it holds for good; the cache fills anew, more of it the longer the history is, up to its bound.
    """
    found: dict[int, float] = {}
    first, end = (round(part * series.hours[-1] / MINUTE_H) for part in (1 / 3, 1))
    for hour, value in zip(series.hours, series.values, strict=True):
        minute = int(hour / MINUTE_H)
        # A last minute of a few seconds may be one without that moment.
        if first <= minute < end:
            found[minute] = min(value, found.get(minute, value))
    return [minute * MINUTE_H for minute in found], list(found.values())


def descriptors(process: psutil.Process) -> int:
    """Open files and sockets. (This benchmark is for Linux and macOS.)"""
    return process.num_fds()


def fill(client: httpx.Client) -> None:
    """The tasks that are there before the others."""
    held = {"simulation": "command", "queue": "nobody", "parameters": {"argv": ["true"]}, "label": "held"}
    for _ in range(HELD // BATCH):
        answer = client.post("/api/tasks/batch/", json={"tasks": [held] * BATCH}, timeout=120)
        answer.raise_for_status()


def work(client: httpx.Client, done: threading.Event, count: list[int]) -> None:
    """Keep a few tasks queued, and look at those that end as a person does."""
    while not done.is_set():
        status = client.get("/api/workers/status/").json()
        if status["queue"]["pending"] < HELD + 4:
            program = KINDS[count[0] % len(KINDS)]
            body = {"argv": [sys.executable, "-c", program]}
            answer = client.post(
                "/api/tasks/",
                json={
                    "simulation": "command",
                    "parameters": body,
                    "attempts": 1,
                    "tags": [f"t{count[0] % 7}"],
                },
            )
            task_id = answer.json()["task_id"]
            count[0] += 1
            for path in (
                f"/api/tasks/{task_id}/log/",
                f"/tasks/{task_id}/",
                "/api/tasks/?q=print",
                "/metrics",
            ):
                client.get(path)
        done.wait(0.05)


async def come_and_go(record: dict[str, Any], done: threading.Event) -> None:
    """A listener that stays for a second, again and again; every other one leaves without a word."""
    url, headers = websocket_address(record), bearer(record)
    turn = 0
    while not done.is_set():
        turn += 1
        connection = await websockets.connect(url, additional_headers=headers)
        await connection.send('{"subscribe": ["memory", "progress", "queue"]}')
        with contextlib.suppress(TimeoutError, websockets.ConnectionClosed):
            async with asyncio.timeout(1.0):
                while True:
                    json.loads(await connection.recv())
        if turn % 2:
            await connection.close()
        else:
            connection.transport.abort()


def measure(minutes: float, folder: Path, every: float) -> tuple[list[Series], int]:
    """The figures of sidecar and workers, and how many tasks ran meanwhile."""
    done, count = threading.Event(), [0]
    with RunningSidecar(folder / "data", "--workers", "2") as sidecar, sidecar.client() as client:
        fill(client)
        api.all_run(client, 2)
        processes = {"sidecar": psutil.Process(sidecar.process.pid)}
        for number, worker in enumerate(api.workers(client), 1):
            processes[f"worker {number}"] = psutil.Process(worker["pid"])
        found = {(name, unit): Series(name, unit) for name in processes for unit in ("MB", "descriptors")}
        record = sidecar.record
        threads = [
            threading.Thread(target=work, args=(client, done, count)),
            threading.Thread(target=lambda: asyncio.run(come_and_go(record, done))),
        ]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        try:
            while (passed := time.monotonic() - began) < minutes * 60:
                for name, process in processes.items():
                    found[name, "MB"].add(passed / 3600, memory(process))
                    found[name, "descriptors"].add(passed / 3600, descriptors(process))
                time.sleep(every)
        finally:
            done.set()
            for thread in threads:
                thread.join()
    return list(found.values()), count[0]


def verdict(series: Series) -> tuple[str, ...]:
    """A row of the table: from, to, the most, slope with its error, and whether that is growth."""
    hours, values = minutes(series)
    growth, error = slope(hours, values)
    grows = (
        growth > 3 * error
        and growth * WEEK_H > MATTERS[series.unit]
        and growth * (hours[-1] - hours[0]) > TOLD_APART[series.unit]
    )
    return (
        series.name,
        series.unit,
        f"{values[0]:.1f}",
        f"{values[-1]:.1f}",
        f"{max(series.values):.1f}",
        f"{growth:+.2f} ± {error:.2f}",
        "GROWS" if grows else "no",
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (30)")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two readings (2)")
    options = parser.parse_args()
    if options.minutes < SHORTEST:
        parser.error(f"A slope wants {SHORTEST} minutes or more.")
    folder = Path(tempfile.mkdtemp(prefix="steelyard-bench-"))
    try:
        found, count = measure(options.minutes, folder, options.every)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = Table("process", "unit", "from", "to", "most", "slope an hour", "grows")
    table.title = f"Soak: {options.minutes:g} min, {count:,} tasks"
    for series in found:
        table.add_row(*verdict(series))
    Console().print(table)


if __name__ == "__main__":
    main()
