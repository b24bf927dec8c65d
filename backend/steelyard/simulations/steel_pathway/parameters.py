"""The parameters of one run: names, ranges, defaults. `steel-pathway.toml` says the same to Steelyard; a
test compares.

They come from Steelyard (a JSON file, read by the helper) or from the command line of a run outside it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

PATHWAYS = ("reference", "high-circularity")

RANGES: dict[str, tuple[float, float]] = {
    "carbon_price_2050": (0.0, 500.0),
    "hydrogen_price_2050": (0.5, 8.0),
    "scrap_collection": (0.7, 1.1),
    "discount_rate": (0.0, 0.2),
    "resolution": (1, 64),
}


class BadParameter(ValueError):
    """A parameter is unknown, of the wrong type, or out of range; the message names it and what was
    expected."""


@dataclass(frozen=True)
class Parameters:
    """One scenario. Prices in constant 2020 USD; they run in a straight line from 2020 to the value of
    2050."""

    pathway: str = "reference"
    """Demand and scrap path of MPP 2022."""
    carbon_price_2050: float = 150.0
    """USD per tonne of CO2 in 2050, 0 in 2020."""
    hydrogen_price_2050: float = 1.5
    """USD per kg in 2050, delivered, world average."""
    scrap_collection: float = 1.0
    """Scrap collected in 2050 over the pathway's figure; 1 in 2020, a straight line between."""
    discount_rate: float = 0.08
    """Real rate a year, for annuities of investments."""
    resolution: int = 8
    """Sub-plants and demand centres per region and route."""

    def as_dict(self) -> dict[str, str | float | int]:
        """All values by name, for the checkpoint and the result."""
        return asdict(self)


def checked(values: Mapping[str, object]) -> Parameters:
    """`Parameters` from plain values; what is missing takes its default. Raises `BadParameter`."""
    known = {field.name for field in fields(Parameters)}
    for name in values:
        if name not in known:
            raise BadParameter(f"unknown parameter {name!r}; known are {', '.join(sorted(known))}")
    pathway = values.get("pathway", Parameters.pathway)
    if pathway not in PATHWAYS:
        raise BadParameter(f"pathway is {pathway!r}; expected one of {', '.join(PATHWAYS)}")
    numbers = {name: _number(name, values.get(name, getattr(Parameters, name))) for name in RANGES}
    if numbers["resolution"] != int(numbers["resolution"]):
        raise BadParameter(f"resolution is {numbers['resolution']}; expected a whole number")
    return Parameters(
        pathway=str(pathway),
        carbon_price_2050=numbers["carbon_price_2050"],
        hydrogen_price_2050=numbers["hydrogen_price_2050"],
        scrap_collection=numbers["scrap_collection"],
        discount_rate=numbers["discount_rate"],
        resolution=int(numbers["resolution"]),
    )


def _number(name: str, value: object) -> float:
    low, high = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadParameter(f"{name} is {value!r}; expected a number from {low:g} to {high:g}")
    if not low <= value <= high:
        raise BadParameter(f"{name} is {value:g}; expected {low:g} to {high:g}")
    return float(value)


def from_command_line(arguments: Sequence[str]) -> tuple[dict[str, object], str | None]:
    """What `python model.py --resolution 4 --output DIR` says: the values given, and the output directory
    if given."""
    parser = argparse.ArgumentParser(prog="model.py", description="World steel pathway, 2020 to 2050.")
    parser.add_argument("--pathway", choices=PATHWAYS)
    for name, (low, high) in RANGES.items():
        kind = int if name == "resolution" else float
        help_text = f"{low:g} to {high:g} (default {getattr(Parameters, name):g})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, dest=name, help=help_text)
    parser.add_argument(
        "--output", help="directory for the files (default: Steelyard's, else the current one)"
    )
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    output = given.pop("output", None)
    return given, output
