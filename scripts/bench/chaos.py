"""Random kills of a running Steelyard, and what they cost: `scripts/bench/chaos.py --rounds 1000`.

Each round hits one of main (a stand-in that speaks the hello protocol and starts the sidecar again, as
Electron's does), sidecar, worker, task and grandchild, or sidecar and worker at once: kill -9, SIGSTOP and
then SIGCONT or kill -9, or SIGTERM. Every 100 rounds all tasks come to their end, and the invariants of
tests/helpers/invariants.py must hold. A round takes about a second. Exit status 1 if anything was wrong.

To reach: lost 0, doubled 0, orphans 0; from kill to the task running again at most 1 s for a worker or a
task, 3 s for the sidecar (p95, its restart included). A killed task is an error, which is tried again after a
back-off of 2 s and more: its row tells when its worker ran the next task. Linux only.
"""

from __future__ import annotations

import argparse
import math
import platform
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.helpers.busy_yard import BusyYard  # noqa: E402
from tests.helpers.chaos import VICTIMS, Chaos  # noqa: E402
from tests.helpers.invariants import INVARIANTS  # noqa: E402

LOOK_EVERY = 100
TARGETS = {"worker": 1.0, "task": 1.0, "sidecar": 3.0}
"""Seconds, p95, after a kill -9."""
KILLS = ("kill", "stop, then kill")
WORDS = {"no_task_is_lost": "lost", "one_live_claim": "doubled", "no_orphan": "orphans"}
"""Invariant -> how the issue calls its violations."""


def main() -> int:
    """Run, and print; 0 if every invariant held at every look."""
    parser = argparse.ArgumentParser(description="Random kills of a running Steelyard, and what they cost.")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--workers", type=int, default=3)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    console = Console(width=120)
    console.print(f"seed {seed}, {options.rounds} rounds, {options.workers} workers, {platform.platform()}")
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="steelyard-chaos-") as folder,
        BusyYard(Path(folder), seed, options.workers) as yard,
    ):
        chaos = Chaos(yard, seed)
        chaos.run(
            options.rounds,
            LOOK_EVERY,
            lambda number: console.print(
                f"  round {number}, {time.monotonic() - begun:.0f} s: {chaos.complaints.total()} complaints"
            ),
        )
        report(console, chaos, yard)
    return 1 if chaos.words else 0


def report(console: Console, chaos: Chaos, yard: BusyYard) -> None:
    """The figures: what was done, what was wrong, how long it took."""
    by_victim: Counter[str] = Counter()
    for (victim, _), count in chaos.blows.items():
        by_victim[victim] += count
    console.print(
        f"\n{chaos.blows.total()} rounds, {len(yard.acknowledged)} tasks, judged {chaos.looks} times"
    )
    console.print(", ".join(f"{WORDS.get(name, name)} {chaos.complaints[name]}" for name in INVARIANTS))
    console.print(f"workers that had to be asked for by hand: {yard.added}")
    for words in chaos.words[:20]:
        console.print(f"  {words}", style="red")
    kinds = Table("hit", *(deed for deed in dict.fromkeys(deed for _, deed in sorted(chaos.blows))), "all")
    for victim in VICTIMS:
        counts = [str(chaos.blows[victim, str(column.header)]) for column in kinds.columns[1:-1]]
        kinds.add_row(victim, *counts, str(by_victim[victim]))
    console.print(kinds)
    times = Table("from the blow until ...", "n", "p50", "p95", "max", "p95 to reach")
    for victim in VICTIMS:
        killed = [each for deed in KILLS for each in chaos.recoveries[victim, deed]]
        name = (
            "the worker of the killed task runs the next one" if victim == "task" else "its task runs again"
        )
        row(times, f"{victim} killed: {name}", killed, TARGETS.get(victim))
        if victim == "task":
            row(
                times,
                "task killed: it runs again, its back-off and the queue included",
                chaos.comebacks(),
                None,
            )
        row(times, f"{victim} terminated: the same", chaos.recoveries[victim, "terminate"], None)
        row(times, f"{victim} killed: nobody of his lives", chaos.endings[victim], None)
    console.print(times)


def row(table: Table, name: str, seconds: list[float], target: float | None) -> None:
    """One line of the table, if there is anything to tell."""
    if seconds:
        # The nearest rank: a second that was measured.
        p95 = sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]
        middle = statistics.median(seconds)
        shown = [f"{each:.2f} s" for each in (middle, p95, max(seconds))]
        table.add_row(name, str(len(seconds)), *shown, f"{target:g} s" if target else "")


if __name__ == "__main__":
    sys.exit(main())
