"""Is the end where the forecast says? Batches whose durations follow nine laws, under a virtual clock.

The very code of `steelyard.rules` starts the tasks (virtual_yard.py) and says when they will be done, at 10,
25, 50, 75 and 90 % of the time that they take. Beside it a forecaster who knows the law of the durations, and
of each task what has been seen: nobody can be surer than that. Run it with
`.venv/bin/python scripts/bench/forecast_laws.py`.

To reach: over all laws the truth lies between earliest and latest in 75 to 90 % at 10, 25, 50 and 75 % of the
way, and the interval is at most 2.5 times as wide as that of who knows the law (median). Nothing is asserted
here; a smaller run of it is a test.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from steelyard.rules import forecast
from steelyard.rules.durations import DRAWS, Going
from steelyard.rules.forecast import Known, Runs, Waits
from steelyard.rules.playing import Need
from steelyard.rules.quantities import GIB

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.virtual_yard import Job, Machine, Moment, by_events

MACHINE: Final = Machine(10 * GIB, 16, 8)
TASKS: Final = 40
ASKED: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
FIRST_SEED: Final = 9000

NORMAL = statistics.NormalDist()
YEARS: Final = (10, 20, 30, 40, 50)
RESOLUTION: Final = (1.0, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class Law:
    """How long tasks take. quantile: seconds that a share of the runs of some parameters is below."""

    name: str
    quantile: Callable[[Mapping[str, Any], float], float]
    ordered: bool = False
    ascending: bool = False


def _curve(noise: float) -> Callable[[Mapping[str, Any], float], float]:
    def quantile(parameters: Mapping[str, Any], share: float) -> float:
        middle = 3.0 * parameters["years"] * parameters["resolution"] ** 2
        return float(middle * math.exp(noise * NORMAL.inv_cdf(share)))

    return quantile


def _log_normal(parameters: Mapping[str, Any], share: float) -> float:
    return 600.0 * math.exp(0.8 * NORMAL.inv_cdf(share))


def _alike(parameters: Mapping[str, Any], share: float) -> float:
    return 600.0 * (0.9 + 0.2 * share)


def _pareto(parameters: Mapping[str, Any], share: float) -> float:
    return float(300.0 * (1.0 - share) ** (-1 / 1.3))


LAWS: Final = (
    Law("curve, noise 10 %", _curve(0.1)),
    Law("curve, noise 10 %, ordered", _curve(0.1), ordered=True),
    Law("curve, noise 40 %", _curve(0.4)),
    Law("log-normal", _log_normal),
    Law("log-normal, ordered", _log_normal, ordered=True),
    Law("all alike", _alike),
    Law("heavy tail", _pareto),
    Law("shortest first", _curve(0.1), ascending=True),
    Law("shortest first, ordered", _curve(0.1), ordered=True, ascending=True),
)


def jobs_of(law: Law, seed: int) -> list[Job]:
    """A batch by a law: claims are told and kept to."""
    chance = random.Random(seed)
    jobs = []
    for number in range(TASKS):
        parameters = {
            "years": chance.choice(YEARS),
            "resolution": chance.choice(RESOLUTION),
            "price": chance.choice((0, 50, 100, 200)),
        }
        peak = int(0.3 * GIB * parameters["resolution"] * chance.uniform(0.8, 2.0))
        seconds = law.quantile(parameters, chance.random())
        jobs.append(Job(str(number), peak, seconds, claim=peak, parameters=parameters))
    return sorted(jobs, key=lambda job: job.seconds) if law.ascending else jobs


@dataclass(frozen=True)
class Asked:
    """What was said of the rest at a share of the way, and what it was (seconds).

    None: nothing could be said.
    """

    share: float
    rest: float
    said: tuple[float, float, float] | None
    knowing: tuple[float, float] | None = None

    @property
    def inside(self) -> bool:
        return self.said is not None and self.said[0] <= self.rest <= self.said[2]

    @property
    def width(self) -> float:
        """The width of what was said over that of who knows the law."""
        assert self.said is not None and self.knowing is not None
        return (self.said[2] - self.said[0]) / max(1e-9, self.knowing[1] - self.knowing[0])

    @property
    def off(self) -> float:
        """How far off the usual end was, as a share of the rest; positive: it said too soon."""
        assert self.said is not None
        return (self.rest - self.said[1]) / max(1e-9, self.rest)


def ask(law: Law, seed: int, shares: Sequence[float] = ASKED, *, compare: bool = True) -> list[Asked]:
    """Play a batch, and ask on the way; compare: who knows the law too."""
    moments: list[Moment] = []
    took = by_events(
        jobs_of(law, seed), MACHINE, ordered=law.ordered, learning=True, moments=moments
    ).makespan
    found = []
    for share in shares:
        now = share * took
        moment = [one for one in moments if one.time <= now][-1]
        knowing = known_at(law, moment, now, seed) if compare else None
        found.append(Asked(share, took - now, forecast_at(law, moment, now), knowing))
    return found


def forecast_at(law: Law, moment: Moment, now: float) -> tuple[float, float, float] | None:
    """Earliest, usual, latest by the product's rules; None where they say nothing."""
    past = {"law": [(job.parameters, job.seconds) for job in moment.ended]}
    known = forecast.known(past, _waiting(law, moment), _running(moment, now))
    outlooks = forecast.forecast(known, MACHINE.memory, MACHINE.cores, MACHINE.workers)
    if not moment.ended or not outlooks:
        return None
    last = outlooks[-1]
    return last.earliest, last.usual, last.latest


def known_at(law: Law, moment: Moment, now: float, seed: int) -> tuple[float, float]:
    """Earliest and latest by the law itself, played in the same way."""
    chance = random.Random(seed)
    count = DRAWS

    def longer(job: Job, ran: float) -> list[float]:
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if law.quantile(job.parameters, middle) <= ran else (low, middle)
        shares = [high + (1 - high) * chance.uniform(1e-9, 1 - 1e-9) for _ in range(count)]
        return [law.quantile(job.parameters, min(share, 1 - 1e-12)) - ran for share in shares]

    waiting, running = _waiting(law, moment), _running(moment, now)
    takes = [longer(job, 1e-9) for job in moment.waiting]
    left = [longer(job, now - started) for job, started in moment.running]
    known = Known(waiting, takes, running, left)
    last = forecast.forecast(known, MACHINE.memory, MACHINE.cores, MACHINE.workers)[-1]
    return last.earliest, last.latest


def _waiting(law: Law, moment: Moment) -> list[Waits]:
    group = None if law.ordered else "sweep"
    return [Waits(Need(job.claim, job.cores), "law", job.parameters, group) for job in moment.waiting]


def _running(moment: Moment, now: float) -> list[Runs]:
    return [
        Runs(Need(job.claim, job.cores), "law", Going(job.parameters, now - started))
        for job, started in moment.running
    ]


def _asked(one: tuple[int, int]) -> list[Asked]:
    return ask(LAWS[one[0]], one[1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batches", type=int, default=20, help="of each law (20)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help=f"of the first batch ({FIRST_SEED})")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    work = [(n, options.seed + seed) for n in range(len(LAWS)) for seed in range(options.batches)]
    with ProcessPoolExecutor(options.processes) as pool:
        answers = list(pool.map(_asked, work))
    table = Table(
        "law", *(f"{share:.0%}" for share in ASKED), title="Inside / median off / width over knowing"
    )
    by_law: dict[int, list[Asked]] = {}
    for (number, _), found in zip(work, answers, strict=True):
        by_law.setdefault(number, []).extend(found)
    for number, law in enumerate(LAWS):
        table.add_row(law.name, *(_cell([o for o in by_law[number] if o.share == share]) for share in ASKED))
    everything = [one for found in answers for one in found]
    table.add_row("all", *(_cell([one for one in everything if one.share == share]) for share in ASKED))
    Console(width=150).print(table)
    print(f"{len(work)} batches in {time.perf_counter() - began:.0f} s")


def _cell(found: Sequence[Asked]) -> str:
    said = [one for one in found if one.said is not None]
    if not said:
        return "-"
    inside = sum(one.inside for one in said)
    return (
        f"{inside}/{len(said)} {inside / len(said):3.0%} {statistics.median(one.off for one in said):+.2f} "
        f"{statistics.median(one.width for one in said):.1f}"
    )


if __name__ == "__main__":
    main()
