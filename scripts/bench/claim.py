"""What a long queue costs: submit, claim, finish, pages of the task list, group commit, what was learned.

To reach with 100,000 queued tasks: a claim under 1 ms, a page of the task list within 20 ms, a batch of
10,000 within 2 s. Run it with the program's own Python: `.venv/bin/python scripts/bench/claim.py`. It prints
medians of one run; nothing is asserted, machines and disks differ. Everything is synchronous=FULL, as in use.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from steelyard.rules.footprint import Experience, PastRun
from steelyard.rules.retry import Decision
from steelyard.rules.states import Cause, TaskState
from steelyard.store import claims, task_pages, tasks
from steelyard.store.claims import Outcome
from steelyard.store.database import Change, Database
from steelyard.store.tasks import NewTask

BATCH = 10_000
LEAST = 30_000
OUTCOME = Outcome(Cause.SUCCEEDED, exit_code=0, evidence="exit code 0", peak_memory=2**30, cpu_seconds=1.0)
DONE = Decision(TaskState.SUCCEEDED, 0.0, None, False, "succeeded")
Row = tuple[str, str, str]


class Wall:
    """The wall clock."""

    def wall(self) -> float:
        """Unix seconds."""
        return time.time()


def task(number: int) -> NewTask:
    """A task like one of a sweep."""
    return NewTask(
        simulation=f"simulation-{number % 5}",
        parameters={"pathway": "net-zero", "carbon_price_2050": number, "scrap_collection": 0.9},
        claim=8 * 2**30,
        claim_source="default",
        label=f"carbon_price_2050 {number}",
        tags=["sweep", "night"] if number % 3 == 0 else [],
        sweep_id=f"s{number // 1000}",
    )


def timed(work: Callable[[], object], times: int) -> float:
    """Median seconds of a call."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def milliseconds(seconds: float) -> str:
    """As the table shows it."""
    return f"{seconds * 1000:.3f} ms"


async def submit(database: Database, count: int) -> Row:
    """Fill the queue, in batches."""
    spent = []
    for start in range(0, count, BATCH):
        wanted = [task(number) for number in range(start, min(start + BATCH, count))]
        begun = time.perf_counter()
        await database.change(partial(tasks.insert, new=wanted))
        spent.append(time.perf_counter() - begun)
    return f"submit a batch of {min(BATCH, count):,}", f"{statistics.median(spent):.2f} s", "2 s"


def claim_next(change: Change) -> tuple[str, int]:
    """The head of the queue, claimed."""
    task_id = str(tasks.runnable(change, "default", 1)[0]["id"])
    number = claims.claim(change, task_id, "w1", time.time())
    assert number is not None
    return task_id, number


def finish(change: Change, task_id: str, number: int) -> None:
    """The end of a claimed attempt."""
    claims.finish(change, task_id, number, "w1", OUTCOME, DONE, time.time())


def claim_and_finish(change: Change) -> None:
    """A whole life of an attempt."""
    finish(change, *claim_next(change))


async def one_by_one(database: Database, times: int) -> list[Row]:
    """Claims and finishes in transactions of their own, and claims without the wait for the disk."""
    claiming, finishing = [], []
    for _ in range(times):
        start = time.perf_counter()
        task_id, number = await database.change(claim_next)
        claimed = time.perf_counter()
        await database.change(partial(finish, task_id=task_id, number=number))
        claiming.append(claimed - start)
        finishing.append(time.perf_counter() - claimed)

    def without_commit(change: Change) -> float:
        return timed(lambda: claim_next(change), times)

    look = timed(lambda: tasks.runnable(database, "default", 64), times)
    return [
        ("choose among the next 64", milliseconds(look), "1 ms"),
        ("choose and claim", milliseconds(await database.change(without_commit)), "1 ms"),
        ("choose and claim, committed", milliseconds(statistics.median(claiming)), ""),
        ("finish, committed", milliseconds(statistics.median(finishing)), ""),
    ]


def pages(database: Database, times: int) -> list[Row]:
    """Pages of 50, encoded as the API sends them."""

    def page(filters: dict[str, str], cursor: str | None = None) -> dict[str, Any]:
        found = task_pages.page(database, filters, 50, cursor)
        msgspec.json.encode(found)
        return found

    rows = []
    second = page({})["next"]
    rows.append(("page of 50: the newest", milliseconds(timed(lambda: page({}), times)), "20 ms"))
    rows.append(("page of 50: the next one", milliseconds(timed(lambda: page({}, second), times)), "20 ms"))
    for filters in (
        {"state": "READY"},
        {"state": "SUCCEEDED", "simulation": "simulation-2"},
        {"sweep": "s7"},
        {"tag": "night"},
        {"q": "price"},
        {"q": "nowhere to be found"},
    ):
        words = ", ".join(f"{name}={value}" for name, value in filters.items())
        rows.append((f"page of 50: {words}", milliseconds(timed(partial(page, filters), times)), ""))
    rows.append(("counts by state", milliseconds(timed(lambda: tasks.counts(database), times)), ""))
    return rows


async def group_commit(database: Database, size: int, seconds: float) -> Row:
    """Claim and finish, `size` of them asked for in one turn of the loop."""
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        await asyncio.gather(*(database.change(claim_and_finish) for _ in range(size)))
        done += size
    rate = done / (time.perf_counter() - start)
    return f"claim + finish, {size} in one commit", f"{rate:,.0f} tasks a second", ""


def learned(waiting: int, times: int) -> Row:
    """What the tasks of a sweep are expected to take, asked once more because a run of it has ended."""
    rng = random.Random(1)

    def parameters() -> dict[str, float]:
        return {f"p{number}": rng.choice([1, 2, 5, 9]) for number in range(10)} | {
            "years": rng.uniform(1, 50)
        }

    runs = [
        PastRun(one, int(2**30 * one["years"]), 60 * one["years"] * rng.uniform(0.9, 1.1))
        for one in (parameters() for _ in range(200))
    ]
    asked = [parameters() for _ in range(waiting)]

    def answer() -> None:
        known = Experience(runs)
        for one in asked:
            known.of(one)

    words = f"what {waiting} tasks of 11 parameters take, by 200 runs"
    return words, milliseconds(timed(answer, times)), ""


async def measure(path: Path, count: int, times: int) -> list[Row]:
    """Every figure, on a new database."""
    database = Database.open(path, Wall(), lambda name, detail: None)
    try:
        rows = [await submit(database, count)]
        rows += await one_by_one(database, times)
        rows += pages(database, max(5, times // 10))
        rows.append(learned(256, max(3, times // 40)))
        rows += [await group_commit(database, size, 1.0) for size in (1, 8, 128)]
    finally:
        database.close()
    start = time.perf_counter()
    Database.open(path, Wall(), lambda name, detail: None).close()
    size = path.stat().st_size / 2**20
    return [
        *rows,
        (f"open and close a file of {size:,.0f} MiB", milliseconds(time.perf_counter() - start), ""),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=100_000, help="queued tasks (100000)")
    parser.add_argument("--times", type=int, default=200, help="repetitions that a median is of (200)")
    parser.add_argument("--folder", type=Path, help="where the database goes; its disk is what is measured")
    arguments = parser.parse_args()
    if arguments.tasks < LEAST:
        parser.error(f"fewer than {LEAST:,} tasks would be done before all is measured")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        rows = asyncio.run(measure(Path(folder) / "steelyard.db", arguments.tasks, arguments.times))
    print(f"with {arguments.tasks:,} tasks queued")
    for what, figure, goal in [("what", "median", "to reach"), *rows]:
        print(f"{what:<58}{figure:>24}{goal:>12}")


if __name__ == "__main__":
    main()
