"""Programs whose memory has an awkward shape, beside each other in a control group whose kernel would kill.

Four workers share 6 GiB, 1 of them is the guard. Each profile prints the least memory that was left, what the
guard ended, what failed, what the kernel killed, and the seconds. Run it as root on Linux, on a machine with
8 GiB to spare, with the program's own Python: `.venv/bin/python scripts/bench/profiles.py [NAME ...]`.

To reach: nothing killed and nothing failed, in any of them; sawtooth: nothing ended.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.in_group import sidecar
from bench.limited import V2, CannotLimit, Limited, limited

TOTAL, GUARD = 6.0, 1.0
"""GiB of the group, and of our guard."""
WITHIN = 300.0
"""Seconds that a profile may take."""
JOB = Path(__file__).resolve().parent / "memory_job.py"


@dataclass(frozen=True)
class Profile:
    """Tasks (phases, claim in MiB; None: told nothing), and what other programs take meanwhile.

    others: MiB, seconds that they hold it, seconds until they take it again, how often. They begin once all
    that fit have started. leaks: the last task never ends by itself.
    """

    tasks: Sequence[tuple[Sequence[str], int | None]]
    others: tuple[int, float, float, int] | None = None
    leaks: bool = False


STEADY = (["1000:15"], 1050)
FULL = [(["900:15"], 950)] * 4
PROFILES = {
    "late": Profile([(["500:3", "2000:4"], 600)] * 4),
    "late, slowly": Profile([(["600:2", "2400:4:150"], 700)] * 4),
    "sawtooth": Profile([(["160:1", "1600:0.5:1000"] * 6, 500)] * 4),
    "leak": Profile([*[STEADY] * 3, (["10:1", "9000:600:200"], 512)], leaks=True),
    "early peak": Profile([(["2000:1", "200:8"], None)] * 6),
    "spikes at one moment": Profile([(["100:3", "1800:0.5", "100:3"] * 2, 500)] * 4),
    "a child's spike": Profile([(["100:3", "child:2200:0.05", "100:3"], 300)] * 4),
    "browser of 10 s": Profile(FULL, (1900, 10.0, 0.0, 1)),
    "browser 2 s on, 2 s off": Profile(FULL * 2, (1500, 2.0, 2.0, 6)),
    "browser of 4 s": Profile([(["3500:15"], 3600), (["900:15"], 950)], (1000, 4.0, 0.0, 1)),
}


class Watch(threading.Thread):
    """Reads every 20 ms how much the processes of a group hold, page cache aside."""

    def __init__(self, group: Limited) -> None:
        super().__init__(daemon=True)
        self._file = group.folder / "memory.stat"
        self._names = ("anon ", "shmem ") if group.version == V2 else ("total_rss ", "total_shmem ")
        self.most = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            lines = self._file.read_text().splitlines()
            held = sum(int(line.split()[1]) for line in lines if line.startswith(self._names))
            self.most = max(self.most, held)


def take(group: Limited, others: tuple[int, float, float, int]) -> None:
    """What the other programs do."""
    size, held, off, times = others
    for _ in range(times):
        argv = [*group.enter, sys.executable, "-I", "-S", str(JOB), f"{size}:{held}"]
        subprocess.run(argv, check=False)
        time.sleep(off)


def play(group: Limited, profile: Profile) -> str:
    """One profile: its line of figures."""
    kills, watch = group.oom_kills, Watch(group)
    with sidecar(group, GUARD) as client:
        watch.start()
        began = time.monotonic()
        ids = [
            client.submit(
                "command",
                {"argv": [sys.executable, "-I", "-S", str(JOB), *phases]},
                memory=None if claim is None else f"{claim}MiB",
            )
            for phases, claim in profile.tasks
        ]
        if profile.others is not None:
            time.sleep(4.0)
            take(group, profile.others)
        tasks = [client.wait(one, timeout=WITHIN) for one in (ids[:-1] if profile.leaks else ids)]
        took = time.monotonic() - began
        attempts = [attempt for task in tasks for attempt in task["attempts"]]
        ended = [str(one["evidence"]) for one in attempts if one["cause"] == "memory_guard"]
        failed = sum(task["state"] != "SUCCEEDED" for task in tasks)
        if profile.leaks:
            client.cancel(ids[-1])
        watch.over.set()
    left = TOTAL - watch.most / 2**30
    line = f"{left:5.2f} GiB left, {len(ended)} ended, {failed} failed, "
    line += f"{group.oom_kills - kills} killed by the kernel, {took:5.1f} s"
    return "\n    ".join([line, *ended])


def main() -> None:
    """Prints a line for each profile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROFILES))
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in PROFILES]
    if unknown:
        parser.error(f"there is no profile {unknown[0]!r}")
    try:
        with limited(int(TOTAL * 2**30)) as group:
            for name in options.names or PROFILES:
                print(f"{name}: {play(group, PROFILES[name])}", flush=True)
    except CannotLimit as error:
        raise SystemExit(f"Not run: {error}.") from error


if __name__ == "__main__":
    main()
