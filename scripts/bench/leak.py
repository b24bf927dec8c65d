"""A task that leaks 200 MiB a second beside three steady ones, in a control group whose kernel would kill.

To reach: the steady ones finish at their first attempt and the kernel kills nothing, in 20 of 20 runs. Run it
as root on Linux with the program's own Python: `.venv/bin/python scripts/bench/leak.py --runs 20`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.in_group import sidecar
from bench.limited import CannotLimit, Limited, limited

TOTAL, GUARD, STEADY = 6.0, 1.0, 1.0
"""GiB of the group, of our guard, of each steady task."""
SECONDS = 20.0
LEAK = """
import time
held = []
while True:
    began = time.monotonic()
    block = bytearray(20 * 2**20)
    for page in range(0, len(block), 4096):
        block[page] = 1
    held.append(block)
    time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))
"""
JOB = Path(__file__).resolve().parent / "peers" / "job.py"


def one_run(group: Limited) -> tuple[int, int, str]:
    """Steady tasks that finished at their first attempt, kernel kills, and what was done to the leak."""
    before = group.oom_kills
    with sidecar(group, GUARD) as client:
        steady = [
            client.submit(
                "command",
                {"argv": [sys.executable, "-I", "-S", str(JOB), str(STEADY), str(SECONDS)]},
                memory=f"{STEADY + 0.05}GiB",
            )
            for _ in range(3)
        ]
        leak = client.submit("command", {"argv": [sys.executable, "-c", LEAK]}, memory="512MiB", label="leak")
        tasks = [client.wait(task_id, timeout=180) for task_id in steady]
        finished = sum(task["state"] == "SUCCEEDED" and len(task["attempts"]) == 1 for task in tasks)
        found = client.task(leak)
        state = "suspended" if found["suspended"] else str(found["state"]).lower()
        client.cancel(leak) if found["state"] in ("READY", "RUNNING") else None
    return finished, group.oom_kills - before, state


def main() -> None:
    """Prints each run, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    good = kills = 0
    try:
        with limited(int(TOTAL * 2**30)) as group:
            for number in range(1, options.runs + 1):
                began = time.monotonic()
                finished, killed, leak = one_run(group)
                good += finished == 3 and killed == 0
                kills += killed
                took = time.monotonic() - began
                print(
                    f"{number}: {finished} of 3 finished, {killed} killed, the leak was {leak} ({took:.0f} s)"
                )
    except CannotLimit as error:
        raise SystemExit(f"Not run: {error}.") from error
    print(
        f"\nthe steady ones finished and nothing was killed in {good} of {options.runs} runs; kills: {kills}"
    )


if __name__ == "__main__":
    main()
