"""Two runs with threads on a machine's cores: side by side, against one after the other.

Real tasks of a real sidecar with two workers. `numpy` multiplies matrices with the threads of its OpenBLAS;
`openmp` is a small C program whose threads meet a thousand times a second and spin meanwhile, as those of
GROMACS do (needs gcc).

- side by side: each claims half of the cores, and Steelyard tells it as many threads;
- one after the other: each claims all cores;
- untold: side by side, each with as many threads as there are cores, as such programs do by themselves.

`.venv/bin/python scripts/bench/threads.py [--repeat 3] [--cores 2]`; the least of the repeats counts. Exits
with 1 if side by side takes over a tenth longer than one after the other.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.helpers import api  # noqa: E402
from tests.helpers.sidecar import RunningSidecar  # noqa: E402
from tests.helpers.waiting import eventually  # noqa: E402

SLACK = 1.1
NUMPY = """
import numpy
a = numpy.random.default_rng(1).random((1500, 1500))
for _ in range(ROUNDS):
    a = a @ a
    a /= a.max()
"""
OPENMP = """
#include <stdio.h>
int main(void) {
    double sum = 0;
    for (int step = 0; step < ROUNDS; step++) {
        #pragma omp parallel for reduction(+ : sum)
        for (int i = 0; i < 300000; i++) sum += 1.0 / (1.0 + i + step);
    }
    printf("%f\\\\n", sum);
}
"""
SIMULATION = """
[simulation]
name = "{name}"
command = {command}
[resources]
cores = "{{cores_claimed}}"
memory = "256MiB"
[parameters]
cores_claimed = {{type = "integer", default = 1}}
"""


def programs(folder: Path) -> dict[str, list[str]]:
    """Command by name, of those that this machine can run."""
    found = {}
    model = folder / "model.py"
    model.write_text(NUMPY.replace("ROUNDS", "30"))
    if subprocess.run([sys.executable, "-c", "import numpy"], capture_output=True).returncode == 0:
        found["numpy"] = [sys.executable, str(model)]
    if shutil.which("gcc"):
        source, binary = folder / "spin.c", folder / "spin"
        source.write_text(OPENMP.replace("ROUNDS", "3000").replace("\\\\n", "\\n"))
        subprocess.run(["gcc", "-O2", "-fopenmp", "-o", str(binary), str(source)], check=True)
        found["openmp"] = [str(binary)]
    return found


def ended(client: httpx.Client, task_id: str) -> api.Json | None:
    """The task once it has ended."""
    task = api.task(client, task_id)
    return task if task["state"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None


def two(client: httpx.Client, name: str, cores: int, environment: dict[str, str]) -> float:
    """Seconds from the start of the first of two tasks to the end of the last."""
    client.patch("/api/preferences/", json={"task_environment": environment}).raise_for_status()
    body = {"simulation": name, "parameters": {"cores_claimed": cores}, "attempts": 1}
    began = time.perf_counter()
    for task_id in [client.post("/api/tasks/", json=body).json()["task_id"] for _ in range(2)]:
        done = eventually(functools.partial(ended, client, task_id), within=600)
        if done["state"] != "SUCCEEDED":
            raise SystemExit(f"{name} failed: {api.log(client, task_id)}")
    return time.perf_counter() - began


def measure(cores: int, repeat: int) -> dict[str, dict[str, float]]:
    """Seconds by program and manner."""
    half = max(1, cores // 2)
    manners: dict[str, tuple[int, dict[str, str]]] = {
        "side by side": (half, {}),
        "one after the other": (cores, {}),
        "untold": (half, {"OMP_NUM_THREADS": str(cores), "OPENBLAS_NUM_THREADS": str(cores)}),
    }
    with tempfile.TemporaryDirectory() as folder:
        simulations = Path(folder) / "data" / "simulations"
        simulations.mkdir(parents=True)
        simulations.parent.chmod(0o700)
        found = programs(Path(folder))
        for name, command in found.items():
            text = SIMULATION.format(name=name, command=command).replace("'", '"')
            (simulations / f"{name}.toml").write_text(text)
        with (
            RunningSidecar(simulations.parent, "--workers", "2", WORKER_CORES=str(cores)) as sidecar,
            sidecar.client() as client,
        ):
            api.all_run(client, 2)
            return {
                name: {
                    manner: min(two(client, name, *how) for _ in range(repeat))
                    for manner, how in manners.items()
                }
                for name in found
            }


def main() -> int:
    """Print the figures; 1 if what Steelyard does by itself is slower than one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    slow = False
    for name, figures in measure(options.cores, options.repeat).items():
        print(name, *(f"{manner} {seconds:.1f} s" for manner, seconds in figures.items()), sep=" · ")
        slow |= figures["side by side"] > SLACK * figures["one after the other"]
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
