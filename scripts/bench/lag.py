"""How long the sidecar does nothing else: what a request waits for, while much is asked of it.

Each scenario has a real sidecar of its own. Its meter (`loop` in GET /api/system/) says how long its event
loop was busy at one go, and how much of that it computed: the rest is the machine's. A client asks /healthz
all the while. To reach: 100 ms at the most, 300 ms on a machine that is busy; and random rows as a sweep
within 20 % of the rate of the same rows as a batch. Nothing is asserted, but each line says whether it was
met. Run it with `.venv/bin/python scripts/bench/lag.py --repeat 3`, or with the names of some scenarios.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "scripts"))

from bench.load import Lean  # noqa: E402
from tests.helpers import api  # noqa: E402
from tests.helpers.reach import websocket_address  # noqa: E402
from tests.helpers.sidecar import RunningSidecar  # noqa: E402

PARAMETERS = 11
SIMULATION = '[simulation]\nname = "random"\ncommand = ["sleep", "0.05"]\n[parameters]\n' + "".join(
    f'p{n} = {{type = "number", minimum = 0, maximum = 1, default = 0.5}}\n' for n in range(PARAMETERS)
)
WRITES = "import os, steelyard_task as t\nfor n in range({}): open(t.output_dir() / f'{{n}}.{}', 'w')"
MIB = 2**20
ASKED_EVERY = 0.02
READ_EVERY = 15.0
LIMIT, BUSY_LIMIT = 0.1, 0.3
"""Seconds that /healthz may take; on a machine that others keep busy as well."""
BUSY = 0.5
"""Load of others for each processor, from which on it is busy."""
SWEEP_BY_BATCH = 0.8
"""The rate of random rows as a sweep, by that of the same rows as a batch, at the least."""
PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds: the longest hold and the most processor time in one, the 99th percentile, the longest wait of
    a client for /healthz; and a word on how it went.
    """

    most: float
    most_cpu: float
    p99: float
    health: float
    note: str


def limit() -> float:
    """The limit for what begins now, by what others do."""
    if not hasattr(os, "getloadavg"):
        return LIMIT
    return BUSY_LIMIT if os.getloadavg()[0] > BUSY * (os.cpu_count() or 1) else LIMIT


class Asker:
    """A client that asks /healthz all the time, and reads the meter now and then."""

    def __init__(self, sidecar: RunningSidecar) -> None:
        self._record = sidecar.record
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.health = self.most_cpu = self.most = self.p99 = 0.0

    def _ask(self) -> None:
        with closing(Lean(self._record)) as client:
            read = time.monotonic()
            while not self._done.wait(ASKED_EVERY):
                self.health = max(self.health, client.ask("GET", "/healthz")[0])
                if time.monotonic() - read > READ_EVERY:
                    self._read(client)
                    read = time.monotonic()
            self._read(client)

    def _read(self, client: Lean) -> None:
        loop = json.loads(client.ask("GET", "/api/system/")[1])["loop"]
        self.most = max(self.most, loop["most"])
        self.most_cpu = max(self.most_cpu, loop["most_cpu"])
        self.p99 = max(self.p99, loop["p99"])

    def __enter__(self) -> Asker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


@contextmanager
def polling(sidecar: RunningSidecar, *paths: str, every: float = 1.0) -> Iterator[list[float]]:
    """Somebody looks at these again and again, as an open page does; the seconds that each answer took."""
    done, took = threading.Event(), list[float]()

    def look() -> None:
        with closing(Lean(sidecar.record)) as client:
            while not done.is_set():
                for path in paths:
                    took.append(client.ask("GET", path)[0])
                done.wait(every)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()


def random_rows(count: int, seed: int = 1) -> list[dict[str, float]]:
    """Rows that share no value: a Monte Carlo sample."""
    chance = random.Random(seed)
    return [{f"p{n}": chance.random() for n in range(PARAMETERS)} for _ in range(count)]


def all_end(client: httpx.Client, count: int) -> float:
    """Wait until so many tasks have succeeded; seconds."""
    began = time.monotonic()
    while client.get("/api/workers/status/").json()["queue"]["succeeded"] < count:
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError("the tasks did not end")
        time.sleep(0.2)
    return time.monotonic() - began


def submit_sweep(client: httpx.Client, rows: list[dict[str, float]], **more: Any) -> dict[str, Any]:
    """The answer to a sweep of rows."""
    body = {"simulation": "random", "rows": rows, **more}
    answer = client.post("/api/sweeps/", json=body, timeout=PATIENCE).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def submit_batch(client: httpx.Client, rows: list[dict[str, float]], **more: Any) -> None:
    """The same rows as single tasks of one request."""
    tasks = [{"simulation": "random", "parameters": row, **more} for row in rows]
    client.post("/api/tasks/batch/", json={"tasks": tasks}, timeout=PATIENCE).raise_for_status()


# the scenarios: each is given a sidecar with two workers, and does `size` times its work


def random_sweep(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """600 runs of random parameters as a sweep, while the list and the forecast are open."""
    rows = random_rows(int(600 * size))
    with polling(sidecar, "/tasks/", "/api/forecast/", every=5.0):
        submit_sweep(client, rows)
        return f"{len(rows) / all_end(client, len(rows)):.1f} tasks/s"


def random_batch(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """The same rows as a batch: what the rate of the sweep is held against."""
    rows = random_rows(int(600 * size))
    with polling(sidecar, "/tasks/", "/api/forecast/", every=5.0):
        submit_batch(client, rows)
        return f"{len(rows) / all_end(client, len(rows)):.1f} tasks/s"


def other_programs(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """256 tasks that wait for memory which other programs hold, with all of their list open."""
    total = client.get("/api/system/").json()["memory"]["total"]
    one = {"simulation": "command", "parameters": {"argv": ["true"]}, "memory": f"{total - 64 * MIB}B"}
    with polling(sidecar, "/api/tasks/?limit=1000", "/tasks/", "/", every=0.2) as took:
        tasks = [one] * int(256 * size)
        client.post("/api/tasks/batch/", json={"tasks": tasks}).raise_for_status()
        time.sleep(8 * size + 4)
    waiting = client.get("/api/tasks/?limit=1").json()["tasks"][0]["waiting_for"]
    return f"{len(took)} answers, the slowest {1000 * max(took):.0f} ms; {waiting[:60]}"


def large_sweep(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """A sweep of 10,000 of the bundled model."""
    side = int(100 * size**0.5)
    grid = {
        "carbon_price_2050": [n * 5.0 for n in range(side)],
        "scrap_collection": [0.7 + n / 250 for n in range(side)],
    }
    body = {"simulation": "steel-pathway", "grid": grid, "queue": "nobody"}
    began = time.monotonic()
    answer = client.post("/api/sweeps/", json=body, timeout=PATIENCE).raise_for_status()
    took = time.monotonic() - began
    return f"{len(answer.json()['task_ids']):,} tasks in {took:.1f} s"


def large_batch(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """A batch of 10,000 random rows, most of them with keys."""
    began = time.monotonic()
    submit_batch(client, random_rows(int(10_000 * size)), queue="nobody", tags=["one", "two"])
    return f"in {time.monotonic() - began:.1f} s"


def replay(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """Eight clients that missed 10,000 messages each."""
    from websockets.sync.client import connect

    count = int(10_000 * size)
    submit_batch(client, random_rows(count - 100), queue="nobody")
    last = client.get("/api/workers/status/").json()["seq"]
    since = max(0, last - count)
    heard = []
    token = {"Authorization": f"Bearer {sidecar.record['token']}"}

    def listen() -> None:
        address = f"{websocket_address(sidecar.record)}?resume_from={since}"
        with connect(address, additional_headers=token, max_size=None) as socket:
            seq = since
            while seq < last:
                message = json.loads(socket.recv(timeout=60))
                assert message["seq"] == seq + 1, message
                seq = message["seq"]
            heard.append(seq - since)

    listeners = [threading.Thread(target=listen) for _ in range(8)]
    began = time.monotonic()
    for one in listeners:
        one.start()
    for one in listeners:
        one.join()
    return f"{sum(heard):,} messages in {time.monotonic() - began:.1f} s"


def open_forecast(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """20,000 tasks wait with the forecast open, while runs of their kind end."""
    for part in range(2):
        submit_batch(client, random_rows(int(9_800 * size), seed=2 + part), queue="nobody")
    rows = random_rows(int(200 * size))
    submit_sweep(client, rows)
    paths = ("/api/forecast/", "/htmx/forecast/")
    with polling(sidecar, *paths, every=0.5) as took:
        all_end(client, len(rows))
    return f"{len(took)} forecasts, the slowest {1000 * max(took):.0f} ms"


def many_files(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """A task that wrote 60,000 files, with its page open."""
    task_id = api.submit_python(client, WRITES.format(int(60_000 * size), "txt"))
    api.reaches(client, task_id, "SUCCEEDED")
    paths = (f"/tasks/{task_id}/", f"/api/tasks/{task_id}/files/", f"/htmx/tasks/{task_id}/files/")
    with polling(sidecar, *paths, every=0.2) as took:
        time.sleep(6 * size + 2)
    return f"{len(took)} answers, the slowest {1000 * max(took):.0f} ms"


def files_of_a_sweep(sidecar: RunningSidecar, client: httpx.Client, size: float) -> str:
    """A sweep of ten tasks with 2,000 pictures each, with its page open."""
    argv = [[sys.executable, "-c", f"{WRITES.format(int(2_000 * size), 'png')}\n#{n}"] for n in range(10)]
    body = {"simulation": "command", "grid": {"argv": argv}}
    sweep_id = client.post("/api/sweeps/", json=body).raise_for_status().json()["sweep_id"]
    all_end(client, 10)
    with polling(sidecar, f"/sweeps/{sweep_id}/", f"/htmx/sweeps/{sweep_id}/pictures/", every=0.2) as took:
        time.sleep(6 * size + 2)
    return f"{len(took)} answers, the slowest {1000 * max(took):.0f} ms"


SCENARIOS: dict[str, tuple[Callable[[RunningSidecar, httpx.Client, float], str], dict[str, str]]] = {
    "random-sweep": (random_sweep, {}),
    "random-batch": (random_batch, {}),
    "other-programs": (other_programs, {"WORKER_MEMORY_GUARD": "0"}),
    "large-sweep": (large_sweep, {}),
    "large-batch": (large_batch, {}),
    "replay": (replay, {}),
    "forecast": (open_forecast, {}),
    "files": (many_files, {}),
    "files-of-a-sweep": (files_of_a_sweep, {}),
}


def measure(name: str, folder: Path, size: float = 1.0) -> Measured:
    """One scenario; size: how much of it, 1 for all."""
    scenario, settings = SCENARIOS[name]
    simulations = folder / "data" / "simulations"
    simulations.mkdir(parents=True)
    (simulations / "random.toml").write_text(SIMULATION)
    with (
        RunningSidecar(folder / "data", "--workers", "2", hello=False, **settings) as sidecar,
        sidecar.client() as client,
    ):
        api.all_run(client, 2)
        with Asker(sidecar) as asker:
            note = scenario(sidecar, client, size)
    for line in (folder / "data" / "logs" / "sidecar.log").read_text().splitlines():
        if "nothing else was done" in line:
            print(f"  {name}: {line.partition('loop_meter: ')[2]}")
    return Measured(asker.most, asker.most_cpu, asker.p99, asker.health, note)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help=f"scenarios (all): {', '.join(SCENARIOS)}")
    parser.add_argument("--size", type=float, default=1.0, help="how much of each (1)")
    parser.add_argument("--repeat", type=int, default=1, help="how often; then median, most (1)")
    options = parser.parse_args()
    table = Table("scenario", "longest hold", "computed", "p99", "/healthz", "limit", "", title="Lag, ms")
    rates: dict[str, float] = {}
    for name in options.names or SCENARIOS:
        limits, runs = list[float](), list[Measured]()
        for _ in range(options.repeat):
            limits.append(limit())
            with tempfile.TemporaryDirectory(prefix="steelyard-bench-") as folder:
                runs.append(measure(name, Path(folder), options.size))
        met = all(run.health <= most for run, most in zip(runs, limits, strict=True))
        columns = [[getattr(run, what) for run in runs] for what in ("most", "most_cpu", "p99", "health")]
        said = f"{1000 * max(limits):.0f}, {'met' if met else 'NOT MET'}"
        table.add_row(name, *map(_median_and_most, columns), said, runs[-1].note)
        rates[name] = statistics.median(_rate(run.note) for run in runs)
    Console(width=max(120, Console().width)).print(table)
    if rates.keys() >= {"random-sweep", "random-batch"}:
        share = rates["random-sweep"] / rates["random-batch"]
        said = f"{SWEEP_BY_BATCH} at the least, {'met' if share >= SWEEP_BY_BATCH else 'NOT MET'}"
        print(f"random rows as a sweep: {share:.2f} of their rate as a batch ({said})")


def _median_and_most(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f}, {1000 * max(seconds):.0f}"


def _rate(note: str) -> float:
    """Tasks a second, where a note says so."""
    return float(note.removesuffix(" tasks/s")) if note.endswith(" tasks/s") else 0.0


if __name__ == "__main__":
    main()
