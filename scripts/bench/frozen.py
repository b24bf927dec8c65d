"""The frozen program beside the program from source: size, start, workers, memory, end; medians as a table.

Builds it first if its sources have changed. Nothing is asserted, machines differ (tests/frozen does that with
the bounds that are to be kept). `.venv/bin/python scripts/bench/frozen.py`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import psutil  # noqa: E402

import freeze  # noqa: E402
from tests.helpers import api, family  # noqa: E402
from tests.helpers.sidecar import RunningSidecar, environment  # noqa: E402
from tests.helpers.waiting import eventually  # noqa: E402

WORKERS = 4
Program = Sequence[str]


def median_ms(measure: Callable[[], float], rounds: int) -> float:
    """The median of some measurements in seconds, after one that warms the caches, as milliseconds."""
    measure()
    return 1000 * statistics.median(measure() for _ in range(rounds))


def call(program: Program, *arguments: str) -> float:
    """Seconds of one command."""
    began = time.perf_counter()
    subprocess.run([*program, *arguments], env=environment(), capture_output=True, check=True)
    return time.perf_counter() - began


def life(program: Program, folder: Path) -> tuple[float, float]:
    """(seconds from spawn to the ready line, seconds from SIGTERM to the end) of an idle sidecar."""
    began = time.perf_counter()
    with RunningSidecar(folder, program=program) as sidecar:
        assert sidecar.event("ready")
        ready = time.perf_counter() - began
        began = time.perf_counter()
        sidecar.terminate()
        return ready, time.perf_counter() - began


def workers(program: Program, folder: Path, rounds: int) -> tuple[float, float, float]:
    """(milliseconds from spawn to RUNNING by the event log, USS and PSS of one of four idle agents)."""
    with RunningSidecar(folder, program=program) as sidecar, sidecar.client() as client:
        for _ in range(rounds):
            worker_id = client.post("/api/workers/add/").json()["worker_id"]
            api.worker_reaches(client, worker_id, "RUNNING")
            client.post(f"/api/workers/{worker_id}/drain/").raise_for_status()
            api.worker_reaches(client, worker_id, "DEAD")
        took: dict[str, dict[str, float]] = {}
        for event in client.get("/api/events/", params={"limit": 1000}).json()["events"]:
            if event["kind"] == "worker":
                at = datetime.fromisoformat(event["at"]).timestamp()
                took.setdefault(event["subject"], {}).setdefault(event["data"]["state"], at)
        running = statistics.median(each["RUNNING"] - each["STARTING"] for each in took.values())
        client.post("/api/workers/cleanup/").raise_for_status()
        added = [client.post("/api/workers/add/").json()["worker_id"] for _ in range(WORKERS)]
        pids = [api.worker_reaches(client, worker_id, "RUNNING")["pid"] for worker_id in added]
        memory = [psutil.Process(pid).memory_full_info() for pid in pids]
    uss, pss = (statistics.median(getattr(one, name) for one in memory) for name in ("uss", "pss"))
    return 1000 * running, uss, pss


def gone(program: Program, folder: Path) -> float:
    """Seconds from kill -9 of a sidecar to the end of its agent and of a task's every grandchild."""
    pids = folder / "pids"
    pids.mkdir(parents=True)
    with (
        RunningSidecar(folder / "data", "--workers", "1", program=program) as sidecar,
        sidecar.client() as client,
    ):
        agent = psutil.Process(api.all_run(client, 1)[0]["pid"])
        api.submit(client, family.argv(pids))
        people = eventually(lambda: family.members(pids), within=20)
        began = time.perf_counter()
        os.kill(sidecar.process.pid, 9)
        eventually(lambda: not family.living(people) and not family.lives(agent), within=10, every=0.001)
        return time.perf_counter() - began


def measure(program: Program, folder: Path, rounds: int) -> list[str]:
    """Every figure of one program, in the order of FIGURES."""
    lives = [life(program, folder / "life") for _ in range(rounds + 2)][2:]
    running, uss, pss = workers(program, folder / "workers", rounds)
    ends = [gone(program, folder / f"gone-{number}") for number in range(3)]
    return [
        f"{median_ms(lambda: call(program, '--help'), rounds):.0f} ms",
        f"{1000 * statistics.median(each[0] for each in lives):.0f} ms",
        f"{1000 * statistics.median(each[1] for each in lives):.0f} ms",
        f"{running:.0f} ms",
        f"{uss / 1e6:.1f} MB",
        f"{pss / 1e6:.1f} MB",
        f"{1000 * statistics.median(ends):.0f} ms",
    ]


FIGURES = (
    "steelyard --help",
    "spawn to the ready line, warm",
    "SIGTERM to the end, idle",
    "worker: spawn to RUNNING",
    f"idle worker (one of {WORKERS}): USS",
    f"idle worker (one of {WORKERS}): PSS",
    "kill -9 of the sidecar: all gone after",
)
BOUNDS = ("", "800 ms", "1000 ms", "120 ms", "12 MB", "", "1000 ms")


def main() -> int:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    status = freeze.main([])
    if status != 0:
        return status
    size = sum(path.lstat().st_size for path in freeze.PROGRAM.parent.rglob("*") if not path.is_dir())
    print(f"\n{'':42}{'frozen':>10}{'source':>10}{'to reach':>10}")
    print(f"{'size, without the libraries of simulations':42}{size / 1e6:>7.1f} MB{'':>10}{'60 MB':>10}")
    with tempfile.TemporaryDirectory() as name:
        frozen = measure([str(freeze.PROGRAM)], Path(name) / "frozen", rounds)
        source = measure([sys.executable, "-m", "steelyard"], Path(name) / "source", rounds)
    for row in zip(FIGURES, frozen, source, BOUNDS, strict=True):
        print(f"{row[0]:42}{row[1]:>10}{row[2]:>10}{row[3]:>10}")
    print(f"{'load of the machine (1 min)':42}{os.getloadavg()[0]:>10.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
