"""Short runs a second, in fresh processes and in one warm process, for a function that imports numpy.

A real agent, one run after the other, as fast as `ended` comes back; the sidecar's share (a claim, a commit)
is left out: `scripts/bench/core.py` measures that. Run it with the program's own Python: `.venv/bin/python
scripts/bench/reuse.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.process.agent_harness import Agent, start  # noqa: E402

MODEL = """
import numpy

def run():
    return float(numpy.linalg.solve(numpy.eye(50) + 0.01, numpy.ones(50)).sum())
"""


def run(agent: Agent, folder: Path, number: int, function: str, *, reuse: bool) -> tuple[float, int]:
    """(seconds from the start message to `ended`, pid) of one attempt."""
    place = folder / f"t{number}"
    module = ["-m", "steelyard_task", *(["--serve"] if reuse else []), function]
    message = start(folder, [sys.executable, *module], task_id=f"t{number}", folder=str(place))
    message["environment"] = {
        "PYTHONPATH": str(folder / "helper"),
        "PYTHONUNBUFFERED": "1",
        "STEELYARD_TASK_ID": f"t{number}",
        "STEELYARD_ATTEMPT": "1",
        "STEELYARD_OUTPUT_DIR": str(place / "output"),
    }
    if reuse:
        message["reuse"] = {"key": function, "memory": 2**30}
    began = time.perf_counter()
    agent.say(message)
    ended = agent.expect("ended", within=60)
    took = time.perf_counter() - began
    if ended["exit_code"] != 0:
        raise SystemExit(f"a run failed: {ended['tail'] or ended['error']}")
    return took, int(str(agent.of("started")[-1]["pid"]))


def series(folder: Path, function: str, count: int, *, reuse: bool) -> tuple[list[float], int]:
    """(seconds of each of so many runs, how many processes they had)."""
    with Agent(folder) as agent:
        agent.expect("ready")
        found = [run(agent, folder, number, function, reuse=reuse) for number in range(count)]
    shutil.rmtree(folder / "t0")
    return [took for took, _ in found], len({pid for _, pid in found})


def measure(count: int) -> dict[str, str]:
    """Every figure by its name."""
    figures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "helper").mkdir()
        shutil.copy(ROOT / "backend" / "steelyard_task.py", folder / "helper")
        (folder / "model.py").write_text(MODEL)
        (folder / "empty.py").write_text("def run(): pass\n")
        # The first of all writes what is compiled.
        series(folder, "model:run", 1, reuse=False)
        for function, what in (("model:run", "solves with numpy"), ("empty:run", "imports nothing")):
            for reuse in (False, True):
                took, processes = series(folder, function, count, reuse=reuse)
                kind = "warm" if reuse else "fresh"
                figures[f"{kind}, {what}: runs a second"] = f"{count / sum(took):.1f}"
                figures[f"{kind}, {what}: median"] = f"{1e3 * statistics.median(took):.1f} ms"
                figures[f"{kind}, {what}: slowest"] = f"{1e3 * max(took):.1f} ms"
                figures[f"{kind}, {what}: processes"] = str(processes)
    figures["load of the machine (1 min)"] = f"{os.getloadavg()[0]:.1f}"
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.runs)
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:45} {value:>15}")


if __name__ == "__main__":
    main()
