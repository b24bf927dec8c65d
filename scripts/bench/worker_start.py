"""What a worker costs: spawn to `ready`, idle memory and CPU, start to `started`, a flood of output.

To reach: ready within 60 ms (a bare interpreter is shown beside it), at most 8 MB USS idle. It prints a
table; nothing is asserted, machines differ. Run it with the program's own Python: `.venv/bin/python
scripts/bench/worker_start.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from tests.process.agent_harness import Agent, python, start  # noqa: E402

MB = 1_000_000
FLOOD = 1000
"""Megabytes."""


def bare() -> float:
    """Seconds of a Python that does nothing, with the options of the agent."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-X", "utf8", "-c", ""], check=True)
    return time.perf_counter() - began


def ready(folder: Path) -> tuple[float, float]:
    """(seconds from spawn to `ready`, CPU seconds of the agent until then)."""
    began = time.perf_counter()
    with Agent(folder) as agent:
        agent.expect("ready")
        took = time.perf_counter() - began
        return took, sum(psutil.Process(agent.process.pid).cpu_times()[:2])


def started(agent: Agent, folder: Path) -> float:
    """Seconds from the start message to `started`."""
    began = time.perf_counter()
    agent.say(start(folder, ["true"]))
    agent.expect("started")
    took = time.perf_counter() - began
    agent.expect("ended")
    return took


def idle(agent: Agent, seconds: float) -> tuple[float, float, float]:
    """(USS, PSS in bytes, per cent of one core) of an agent that waits."""
    process = psutil.Process(agent.process.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    memory = process.memory_full_info()
    return memory.uss, memory.pss, 100 * (sum(process.cpu_times()[:2]) - before) / seconds


def flood(agent: Agent, folder: Path) -> tuple[float, float, int]:
    """(seconds, CPU seconds of the agent, its USS afterwards) for FLOOD MB of short lines."""
    process = psutil.Process(agent.process.pid)
    before = sum(process.cpu_times()[:2])
    code = (
        f"import os\nblock = b'some line of output\\n' * 50_000\nfor _ in range({FLOOD}): os.write(1, block)"
    )
    began = time.perf_counter()
    agent.say(start(folder, python(code)))
    agent.expect("ended", within=300)
    took = time.perf_counter() - began
    return took, sum(process.cpu_times()[:2]) - before, process.memory_full_info().uss


def measure(rounds: int, seconds: float) -> dict[str, str]:
    """Every figure by its name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ready(folder)
        starts = [ready(folder) for _ in range(rounds)]
        bares = [bare() for _ in range(rounds)]
        with Agent(folder) as agent, Agent(folder) as other:
            other.expect("ready")
            agent.expect("ready")
            uss, pss, cpu = idle(agent, seconds)
            begins = [started(agent, folder) for _ in range(rounds)]
            took, cost, after = flood(agent, folder)
    return {
        "spawn to ready, median": f"{1e3 * statistics.median(each[0] for each in starts):.1f} ms",
        "the fastest of them": f"{1e3 * min(each[0] for each in starts):.1f} ms",
        "its CPU time": f"{1e3 * statistics.median(each[1] for each in starts):.0f} ms",
        "a bare interpreter, median": f"{1e3 * statistics.median(bares):.1f} ms",
        "idle agent (one of two): USS": f"{uss / MB:.1f} MB",
        "idle agent (one of two): PSS": f"{pss / MB:.1f} MB",
        "idle agent: CPU": f"{cpu:.2f} % of one core",
        "start to started, median": f"{1e3 * statistics.median(begins):.1f} ms",
        f"flood of {FLOOD} MB: rate": f"{FLOOD / took:.0f} MB/s",
        f"flood of {FLOOD} MB: CPU of the agent": f"{cost:.1f} s",
        f"flood of {FLOOD} MB: USS afterwards": f"{after / MB:.1f} MB",
        "load of the machine (1 min)": f"{os.getloadavg()[0]:.1f}",
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=6.0, help="how long the idle agent is watched")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds, options.seconds)
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:42} {value:>20}")


if __name__ == "__main__":
    main()
