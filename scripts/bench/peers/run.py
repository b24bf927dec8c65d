"""One peer plays the batch: `python run.py PEER BATCH.json BUDGET_GIB WORKERS`. Prints a line of JSON.

{"seconds": makespan, "lost": tasks that did not end well}. Runs in an environment of the peer's own; nothing
of Steelyard is imported.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCRIPTS = str(HERE.parent.parent)
sys.path.insert(0, SCRIPTS)
JOB = str(HERE / "job.py")

Batch = list[dict[str, Any]]


def run_job(one: dict[str, Any]) -> bool:
    """One task as a process of its own; whether it ended well."""
    command = [sys.executable, "-I", "-S", JOB, str(one["P_gib"]), str(one["D_s"])]
    return subprocess.run(command, check=False).returncode == 0


def sequential(batch: Batch, budget: float, workers: int) -> int:
    """One after the other."""
    return sum(not run_job(one) for one in batch)


def pool_of_4(batch: Batch, budget: float, workers: int) -> int:
    """Four at a time, whatever they take."""
    with multiprocessing.Pool(4) as pool:
        return sum(not good for good in pool.imap_unordered(run_job, batch))


def gnu_parallel(batch: Batch, budget: float, workers: int) -> int:
    """--memfree looks at the whole machine: 1 GiB of the budget is kept, below half one is killed."""
    with open("/proc/meminfo") as file:
        free = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    keep = max(2**30, free - int((budget - 1) * 2**30))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        lines = "\n".join(f"{one['P_gib']} {one['D_s']}" for one in batch)
        command = ["parallel", "--will-cite", f"-j{workers}", "--memfree", str(keep), "--retries", "20"]
        command += ["--delay", "0.1", "--colsep", " ", "--joblog", str(log)]
        subprocess.run(
            [*command, sys.executable, "-I", "-S", JOB, "{1}", "{2}"], input=lines, text=True, check=False
        )
        ended = [line.split("\t") for line in log.read_text().splitlines()[1:]]
    return len(batch) - sum(fields[6] == "0" and fields[7] == "0" for fields in ended)


def dask_resources(batch: Batch, budget: float, workers: int) -> int:
    """Told the peaks: one pool of threads with a resource of so many GiB; each task runs as a process."""
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=workers, resources={"GIB": budget}, memory_limit=None,
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        began = time.monotonic()
        asked = [client.submit(run_job, one, resources={"GIB": one["P_gib"]}, pure=False) for one in batch]
        lost = sum(not one.result() for one in asked)
        _say(time.monotonic() - began, lost)
    return -1


def dask_limits(batch: Batch, budget: float, workers: int) -> int:
    """Told nothing: an even share of the memory for each worker, which its nanny enforces."""
    from dask.distributed import Client, LocalCluster

    from bench.peers import job

    share = int(budget * 2**30 / workers)
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit=share, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(sys.path.insert, 0, SCRIPTS)
        cluster_began = time.monotonic()
        asked = [client.submit(job.grow, one["P_gib"], one["D_s"], pure=False) for one in batch]
        lost = sum(one.exception() is not None for one in asked)
        _say(time.monotonic() - cluster_began, lost)
    return -1


def ray_memory(batch: Batch, budget: float, workers: int) -> int:
    """Told the peaks: `memory=` of each task."""
    # Its own monitor looks at the whole machine and would end what is none of its business.
    os.environ.update(RAY_memory_monitor_refresh_ms="0")
    import ray

    ray.init(
        num_cpus=workers, _memory=int(budget * 2**30), object_store_memory=100 * 2**20,
        include_dashboard=False, log_to_driver=False,
    )  # fmt: skip
    remote = ray.remote(run_job)
    ray.get([remote.options(memory=2**20).remote({"P_gib": 0.01, "D_s": 0.01}) for _ in range(workers)])
    began = time.monotonic()
    asked = [remote.options(memory=int(one["P_gib"] * 2**30)).remote(one) for one in batch]
    lost = sum(not good for good in ray.get(asked))
    _say(time.monotonic() - began, lost)
    ray.shutdown()
    return -1


PEERS: dict[str, Callable[[Batch, float, int], int]] = {
    "sequential": sequential,
    "pool of 4": pool_of_4,
    "GNU parallel --memfree": gnu_parallel,
    "Dask, memory resources": dask_resources,
    "Dask, even limits": dask_limits,
    "Ray, memory=": ray_memory,
}


def _say(seconds: float, lost: int) -> None:
    print(json.dumps({"seconds": seconds, "lost": lost}), flush=True)


def main() -> None:
    """Plays the batch; a peer that times itself (its start does not count) answers -1."""
    name, path, budget, workers = sys.argv[1:5]
    batch = json.loads(Path(path).read_text())
    began = time.monotonic()
    lost = PEERS[name](batch, float(budget), int(workers))
    if lost >= 0:
        _say(time.monotonic() - began, lost)


if __name__ == "__main__":
    main()
