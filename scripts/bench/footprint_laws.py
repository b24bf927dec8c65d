"""What is learned of made-up laws of memory: how often a claim is too small, and how much it wastes.

Each law takes bytes by one or two of four parameters, with some noise, one word that may matter, and
perhaps a cliff. A few runs of it are seen, and then tasks inside and beyond what was seen are asked about.
A second table is of small trials, a half to a twentieth of the size, of laws with a fixed part that hides
them: a claim is read off the laws that agree, is the most that they say where they differ and that is less
than the default, or is the default. Short: the claim is less than such a task takes; the memory guard has the
last word then. Nothing is asserted.
Run it with the program's own Python: `.venv/bin/python scripts/bench/footprint_laws.py`.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from rich.console import Console
from rich.table import Table

from steelyard.rules.footprint import Experience, PastRun
from steelyard.rules.quantities import GIB, KIB, MIB

Parameters = Mapping[str, float | str]
Law = Callable[[Parameters, random.Random], float]
SPANS = {"years": (5.0, 30.0), "mesh": (8.0, 96.0), "price": (0.0, 300.0), "share": (0.05, 0.95)}
SEEN = (4, 8, 16, 32)
"""How many runs are seen."""
ASKED = 8
"""Tasks that are asked about, for each law and number of runs, inside; and as many beyond."""


@dataclass
class Tally:
    """Claims over what the tasks take."""

    ratios: list[float] = field(default_factory=list)

    def row(self) -> tuple[str, str, str]:
        """Short, by how much then, and claim over need where it suffices (medians)."""
        short = [ratio for ratio in self.ratios if ratio < 1.0]
        enough = [ratio for ratio in self.ratios if ratio >= 1.0]
        return (
            f"{len(short)} of {len(self.ratios)}",
            f"{1 - statistics.median(short):.0%}" if short else "",
            f"{statistics.median(enough):.2f}" if enough else "",
        )


def power(exponent: float, name: str) -> Law:
    """A power of one number."""
    low, high = SPANS[name]
    return lambda p, rng: 4 * GIB * (float(p[name]) / high) ** exponent if low else 1.0


def plus(fixed: float, law: Law) -> Law:
    """A part that never changes beside it."""
    return lambda p, rng: fixed * GIB + law(p, rng)


def times(one: Law, other: Law) -> Law:
    """Two that multiply."""
    return lambda p, rng: one(p, rng) * other(p, rng) / (4 * GIB)


def noisy(law: Law, noise: float) -> Law:
    """Each run is off by up to so much."""
    return lambda p, rng: law(p, rng) * rng.uniform(1 - noise, 1 + noise)


def by_word(law: Law) -> Law:
    """One solver takes three times as much as the other."""
    return lambda p, rng: law(p, rng) * (3.0 if p["solver"] == "thorough" else 1.0)


def cliff(law: Law) -> Law:
    """Half as much again from the middle of the mesh on."""
    return lambda p, rng: law(p, rng) * (1.5 if float(p["mesh"]) > 52 else 1.0)


LAWS: dict[str, Law] = {
    "linear in years": power(1, "years"),
    "linear, 0.5 GiB fixed": plus(0.5, power(1, "years")),
    "square of the mesh": power(2, "mesh"),
    "square, 1 GiB fixed": plus(1.0, power(2, "mesh")),
    "cube of the mesh": power(3, "mesh"),
    "years x mesh": times(power(1, "years"), power(1, "mesh")),
    "years x mesh squared": times(power(1, "years"), power(2, "mesh")),
    "square, 5 % noise": noisy(power(2, "mesh"), 0.05),
    "linear, 20 % noise": noisy(power(1, "years"), 0.2),
    "square, by solver": by_word(power(2, "mesh")),
    "linear with a cliff": cliff(power(1, "mesh")),
    "one for all, 10 % noise": noisy(lambda p, rng: 2.0 * GIB, 0.1),
}


def drawn(rng: random.Random, times_more: float = 1.0) -> dict[str, float | str]:
    """Parameters anywhere inside, or of the first two numbers so many times the most."""
    found: dict[str, float | str] = {name: rng.uniform(*span) for name, span in SPANS.items()}
    if times_more > 1.0:
        found |= {name: SPANS[name][1] * rng.uniform(1.05, times_more) for name in ("years", "mesh")}
    return found | {"solver": rng.choice(["quick", "thorough"])}


def ask(law: Law, count: int, rng: random.Random, inside: Tally, beyond: Tally) -> None:
    """See so many runs of a law, then ask."""
    runs = []
    for _ in range(count):
        parameters = drawn(rng)
        runs.append(PastRun(parameters, int(law(parameters, rng)), 60.0))
    known = Experience(runs)
    for tally, far in ((inside, 1.0), (beyond, 1.5)):
        for _ in range(ASKED):
            parameters = drawn(rng, far)
            found = known.of(parameters)
            assert found is not None
            tally.ratios.append(found.claim / law(parameters, rng))


@dataclass
class Far:
    """Claims of big runs after small trials: read off, the most of several laws, how many defaults."""

    read_off: Tally = field(default_factory=Tally)
    most: Tally = field(default_factory=Tally)
    default: int = 0

    def row(self) -> tuple[str, ...]:
        """As Tally.row() for both, and how many defaults."""
        return (*self.read_off.row(), *self.most.row(), str(self.default))


DEFAULT = 8 * GIB
SMALLER = (2, 5, 10, 20)
TRIALS = (3, 4, 6, 8, 12)
PAIRS = [(k, m) for k in (1, 2, 3) for m in (1, 2, 3) if k >= m]
FAR_LAWS: dict[str, Callable[[float, float], float]] = {
    **{f"x^{k:g}": lambda x, y, k=k: x**k for k in (1, 1.5, 2, 3)},  # type: ignore[misc]
    **{f"x^{k} y^{m}": lambda x, y, k=k, m=m: x**k * y**m for k, m in PAIRS},  # type: ignore[misc]
    **{f"x^{k} + y^{m}": lambda x, y, k=k, m=m: (x**k + y**m) / 2 for k, m in PAIRS},  # type: ignore[misc]
}
"""Shares of what grows, by shares of the full size."""


def ask_far(batches: int, noise: float, rng: random.Random) -> Iterator[tuple[str, int, int, float, str]]:
    """Law, how much smaller the trials were, how many; claim over need, and where it came from."""
    for name, law in FAR_LAWS.items():
        for smaller, trials in product(SMALLER, TRIALS):
            for _ in range(batches):
                fixed, grows = rng.uniform(30, 400) * MIB, rng.uniform(0.2, 12) * GIB
                runs = []
                for _ in range(trials):
                    x, y = (rng.uniform(0.3, 1) / smaller for _ in range(2))
                    took = (fixed + grows * law(x, y)) * rng.gauss(1, noise) + rng.gauss(0, 64 * KIB)
                    runs.append(PastRun(_sized(name, x, y, rng), int(took), 60.0))
                found = Experience(runs).of(_sized(name, 1.0, 1.0, rng))
                assert found is not None
                ratio = found.claim / (fixed + grows * law(1.0, 1.0))
                sure = found.beyond is None or found.beyond.sure
                kind = "default" if found.unknown(DEFAULT) is not None else "read off" if sure else "most"
                yield name, smaller, trials, ratio, kind


def _sized(name: str, x: float, y: float, rng: random.Random) -> Parameters:
    return {"x": 100 * x, "y": 40 * y if "y" in name else 5.0, "price": rng.uniform(0, 300)}


def far_table(batches: int, noise: float, rng: random.Random) -> Table:
    """By law, by how much smaller the trials were, and by how many there were."""
    rows: dict[str, Far] = defaultdict(Far)
    for name, smaller, trials, ratio, kind in ask_far(batches, noise, rng):
        for label in (name, f"{smaller} times smaller", f"{trials} trials", "all"):
            row = rows[label]
            row.default += kind == "default"
            if kind != "default":
                (row.read_off if kind == "read off" else row.most).ratios.append(ratio)
    table = Table("", "read off: short", "by", "claim / need", "most: short", "by", "claim / need", "default")
    for label in sorted(rows, key=lambda label: (label == "all", "trials" in label, "times" in label)):
        table.add_row(label, *rows[label].row())
    return table


def main() -> None:
    """A table by law, and one by how many runs were seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--batches", type=int, default=10, help="how often each law is drawn anew (10)")
    parser.add_argument("--noise", type=float, default=0.002, help="of small trials, a share (0.002)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    by_law = {name: (Tally(), Tally()) for name in LAWS}
    by_count = {count: (Tally(), Tally()) for count in SEEN}
    for name, law in LAWS.items():
        for count in SEEN * options.batches:
            tallies = (Tally(), Tally())
            ask(law, count, rng, *tallies)
            for mine, law_s, count_s in zip(tallies, by_law[name], by_count[count], strict=True):
                law_s.ratios += mine.ratios
                count_s.ratios += mine.ratios
    table = Table("", "inside: short", "by", "claim / need", "beyond: short", "by", "claim / need")
    for label, pair in [*by_law.items(), *((f"{count} runs seen", pair) for count, pair in by_count.items())]:
        table.add_row(label, *pair[0].row(), *pair[1].row())
    total = [Tally([r for pair in by_law.values() for r in pair[side].ratios]) for side in (0, 1)]
    table.add_row("all", *total[0].row(), *total[1].row())
    console = Console()
    console.print(table)
    console.print(far_table(options.batches, options.noise, rng))


if __name__ == "__main__":
    main()
