"""The memory batch, really run: by us and by our peers, in a control group whose kernel would really kill.

24 tasks of 0.3 to 4 GiB and 2 to 6 s share 10 GiB (scripts/bench/data/memory_batch.json); 8 workers, 16
cores stated, since these tasks mostly sleep. The group has 1.5 GiB more: 1 GiB is our guard, the rest is for
interpreters and schedulers. Run it as root on Linux, on a machine with 16 GiB and more, with the program's
own Python:

    .venv/bin/python scripts/bench/makespan.py                       # us alone
    .venv/bin/python scripts/bench/makespan.py --peers FOLDER        # and the peers, installed into FOLDER

To reach: told the peaks, in given order, no later than Ray; told the peaks and free to order, 0.85 of Ray
and 1.35 times the lower bound; told nothing, a second run 1.5 times the bound; told nothing, the first run:
nothing lost, nothing killed, sooner than Dask with even limits.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steelyard.client import Client
from steelyard.rules.timestamps import iso, unix

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.limited import CannotLimit, Limited, limited

HERE = Path(__file__).resolve().parent
BATCH = HERE / "data" / "memory_batch.json"
BUDGET, GUARD, SLACK, WORKERS = 10.0, 1.0, 0.5, 8
"""GiB that tasks share, that we keep, that interpreters take; workers at a time."""

PEERS = (
    "sequential",
    "pool of 4",
    "GNU parallel --memfree",
    "Dask, memory resources",
    "Dask, even limits",
    "Ray, memory=",
)
LIMIT = 300.0
"""Seconds that any of them may take."""

SIMULATION = """[simulation]
name = "batch"
title = "Memory batch"
command = [{python}, "-I", "-S", {job}, "{{gib}}", "{{seconds}}"]
[run]
workspace = "shared"
[parameters.gib]
type = "number"
[parameters.seconds]
type = "number"
"""


@dataclass
class Row:
    """What one of them did."""

    name: str
    seconds: float
    lost: int
    killed: int
    again: int = 0
    """Attempts beyond the first."""


@contextmanager
def sidecar(group: Limited, folder: Path) -> Iterator[Client]:
    """A sidecar with all its workers inside the group."""
    simulations = folder / "simulations"
    simulations.mkdir(parents=True, exist_ok=True)
    text = SIMULATION.format(
        python=json.dumps(sys.executable), job=json.dumps(str(HERE / "peers" / "job.py"))
    )
    (simulations / "batch.toml").write_text(text, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WORKER_", "STEELYARD_"))}
    environment |= {
        "WORKER_CORES": "16",
        "WORKER_MAX_COUNT": str(WORKERS),
        "WORKER_MEMORY_GUARD": f"{GUARD}GiB",
    }
    command = [*group.enter, sys.executable, "-m", "steelyard", "serve", "--data-dir", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        if not any('"ready"' in line for line in process.stdout):
            raise SystemExit("the sidecar did not start")
        try:
            with Client.find(folder) as client:
                client.add_workers(WORKERS, force=True)
                while sum(one["state"] == "RUNNING" for one in client.status()["workers"]) < WORKERS:
                    time.sleep(0.05)
                yield client
        finally:
            process.terminate()
            process.wait()


def ours(
    client: Client, group: Limited, name: str, batch: list[dict[str, Any]], *, told: bool, ordered: bool
) -> Row:
    """The batch as one sweep through our own queue. Told the peaks, or not; in the given order, or free."""
    before = group.oom_kills
    rows = [{"gib": one["P_gib"], "seconds": one["D_s"]} for one in batch]
    # So that every claim is stated before the first task starts: a sweep has one for all.
    begins = time.time() + (2.0 if told else 0.2)
    sweep = client.sweep("batch", rows=rows, ordered=ordered, not_before=iso(begins), attempts=3)
    if told:
        for task_id, one in zip(sweep["task_ids"], batch, strict=True):
            client.edit(task_id, memory=f"{one['P_gib']}GiB")
    tasks = [client.wait(task_id, timeout=LIMIT) for task_id in sweep["task_ids"]]
    ended = max(unix(str(task["finished_at"])) for task in tasks)
    lost = sum(task["state"] != "SUCCEEDED" for task in tasks)
    again = sum(len(task["attempts"]) - 1 for task in tasks)
    return Row(name, ended - begins, lost, group.oom_kills - before, again)


def all_of_ours(group: Limited, batch: list[dict[str, Any]], repeat: int) -> Iterator[Row]:
    """Each way to use us; a new data directory for each, so that nothing is known before."""
    for _ in range(repeat):
        for ordered in (True, False):
            with tempfile.TemporaryDirectory() as folder, sidecar(group, Path(folder)) as client:
                name = f"Steelyard, told the peaks, {'given order' if ordered else 'free order'}"
                yield ours(client, group, name, batch, told=True, ordered=ordered)
                if not ordered:
                    name += ", again"
                    yield ours(client, group, name, batch, told=True, ordered=False)
        with tempfile.TemporaryDirectory() as folder, sidecar(group, Path(folder)) as client:
            yield ours(client, group, "Steelyard, told nothing, first run", batch, told=False, ordered=False)
            yield ours(client, group, "Steelyard, told nothing, second run", batch, told=False, ordered=False)


def peer(group: Limited, python: Path, name: str) -> Row:
    """One peer, in the same group."""
    before = group.oom_kills
    command = [*group.enter, str(python), str(HERE / "peers" / "run.py"), name, str(BATCH), str(BUDGET)]
    try:
        done = subprocess.run(
            [*command, str(WORKERS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT,
            check=False,
        )
        said = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError):
        # It did not end, or the kernel ended it.
        return Row(name, math.nan, -1, group.oom_kills - before)
    return Row(name, said["seconds"], said["lost"], group.oom_kills - before)


def install(folder: Path) -> Path:
    """The peers' own environment; its interpreter."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "dask", "distributed", "ray"], check=True
        )
    return python


def show(rows: list[Row], bound: float) -> None:
    """A table; of several runs of the same the medians."""
    print(f"24 tasks, {BUDGET:g} GiB to share, {WORKERS} workers; lower bound {bound:.1f} s\n")
    print(f"{'':42}{'seconds':>9}{'x bound':>9}{'lost':>6}{'killed':>8}{'again':>7}")
    for name in dict.fromkeys(row.name for row in rows):
        mine = [row for row in rows if row.name == name]
        seconds = statistics.median(row.seconds for row in mine)
        lost, killed, again = (
            max(column) for column in zip(*((r.lost, r.killed, r.again) for r in mine), strict=True)
        )
        shown = f"{seconds:9.1f}{seconds / bound:9.2f}" if not math.isnan(seconds) else f"{'did not end':>18}"
        print(f"{name:42}{shown}{'all' if lost < 0 else lost:>6}{killed:>8}{again:>7}")


def main() -> None:
    """Runs us, and the peers that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peers", type=Path, help="where the peers are, or are installed to")
    parser.add_argument("--only", action="append", help="of the peers only this one; again for more")
    parser.add_argument("--repeat", type=int, default=1, help="how often each way of ours is run")
    options = parser.parse_args()
    batch = json.loads(BATCH.read_text(encoding="utf-8"))
    bound = max(max(one["D_s"] for one in batch), sum(one["P_gib"] * one["D_s"] for one in batch) / BUDGET)
    rows: list[Row] = []
    try:
        with limited(int((BUDGET + GUARD + SLACK) * 2**30)) as group:
            if options.peers:
                python = install(options.peers.absolute())
                for name in options.only or PEERS:
                    if name.startswith("GNU") and shutil.which("parallel") is None:
                        print("GNU parallel is not installed, so it is left out", file=sys.stderr)
                        continue
                    rows.append(peer(group, python, name))
                    print(f"{rows[-1].name}: {rows[-1].seconds:.1f} s", file=sys.stderr)
            for row in all_of_ours(group, batch, options.repeat):
                rows.append(row)
                print(f"{row.name}: {row.seconds:.1f} s", file=sys.stderr)
    except CannotLimit as error:
        raise SystemExit(f"Not run: {error}.") from error
    show(rows, bound)


if __name__ == "__main__":
    main()
