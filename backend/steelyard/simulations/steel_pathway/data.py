"""Reads the input figures (`inputs/*.csv`) and turns them into yearly series by region.

Everything here is in million tonnes (Mt) a year. Sources stand in `inputs/README.md`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INPUTS = Path(__file__).resolve().parent / "inputs"
FIRST_YEAR = 2020
LAST_YEAR = 2050
YEARS = np.arange(FIRST_YEAR, LAST_YEAR + 1)
KNOTS = np.arange(FIRST_YEAR, LAST_YEAR + 1, 5)
"""The years for which MPP gives demand and scrap."""


@dataclass(frozen=True)
class Region:
    """One row of `regions.csv`: an area of demand, its place on the map, and its energy prices."""

    name: str
    capacity_region: str
    dri_host: bool
    latitude: float
    longitude: float
    radius_km: float
    gas_usd_gj: float
    power_usd_mwh: float
    hydrogen_factor: float
    capex_factor: float


@dataclass(frozen=True)
class Market:
    """Demand and scrap of every region and year (arrays `[year, region]`), and production of 2020
    (`[region]`)."""

    demand: Floats
    scrap: Floats
    production_2020: Floats


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one input file, as text."""
    with open(INPUTS / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def regions() -> list[Region]:
    """The 11 demand regions, in the order of `regions.csv`; every other array of the model follows it."""
    return [
        Region(
            name=row["region"],
            capacity_region=row["capacity_region"],
            dri_host=row["dri_host"] == "yes",
            latitude=float(row["latitude"]),
            longitude=float(row["longitude"]),
            radius_km=float(row["radius_km"]),
            gas_usd_gj=float(row["gas_usd_gj"]),
            power_usd_mwh=float(row["power_usd_mwh"]),
            hydrogen_factor=float(row["hydrogen_factor"]),
            capex_factor=float(row["capex_factor"]),
        )
        for row in rows("regions.csv")
    ]


def market(pathway: str, areas: list[Region], scrap_collection: float) -> Market:
    """Demand and scrap by year: straight lines between MPP's five-yearly figures.

    The year 2020 is the measured one: MPP's demand of that year adds up to more than the world made
    (1,952 against 1,880 Mt in the reference pathway), so its figures are scaled, all regions alike, to
    the world production that the World Steel Association counted. From 2025 on demand is MPP's.
    `scrap_collection` scales scrap in 2050, and not at all in 2020.
    """
    index = {area.name: number for number, area in enumerate(areas)}
    demand = np.zeros((len(KNOTS), len(areas)))
    scrap = np.zeros_like(demand)
    production = np.zeros(len(areas))
    for row in rows("steel_regions.csv"):
        if row["pathway"] != pathway:
            continue
        knot, area = (int(row["year"]) - FIRST_YEAR) // 5, index[row["region"]]
        demand[knot, area] = float(row["demand_mt"])
        scrap[knot, area] = float(row["scrap_mt"])
        production[area] = float(row["production_2020_mt"])
    demand[0] *= production.sum() / demand[0].sum()
    collection = straight_line(1.0, scrap_collection)[:, None]
    return Market(_yearly(demand), _yearly(scrap) * collection, production)


def capacity_2020(areas: list[Region], columns: list[str], production: Floats) -> Floats:
    """Capacity of 2020 by demand region and `columns` of `capacity_2020.csv`, an array `[region, column]`.

    MPP's plants are summed over 7 regions. Each demand region gets the part of its capacity region's
    total that it has of the production in 2020, so utilisation in 2020 is one figure throughout a
    capacity region. DRI goes to the regions that host it (in Asia Pacific: India), by production; blast
    furnaces and scrap EAFs fill up the total, in the capacity region's proportion. The sums over each
    capacity region and route stay what MPP gives.
    """
    result = np.zeros((len(areas), len(columns)))
    for row in rows("capacity_2020.csv"):
        members = np.array([area.capacity_region == row["capacity_region"] for area in areas])
        hosts = members & np.array([area.dri_host for area in areas])
        bf, dri, eaf = (float(row[name]) for name in ("bf_bof_mt", "dri_eaf_mt", "scrap_eaf_mt"))
        total = (bf + dri + eaf) * production * members / production[members].sum()
        direct = dri * production * hosts / production[hosts].sum()
        other = total - direct
        parts = {
            "dri_eaf_mt": direct,
            "bf_bof_mt": other * bf / (bf + eaf),
            "scrap_eaf_mt": other * eaf / (bf + eaf),
        }
        for number, name in enumerate(columns):
            if name:
                result[:, number] += parts[name]
    return result


def straight_line(first: float, last: float) -> Floats:
    """Values of all years (`[year]`) on the line from `first` in 2020 to `last` in 2050."""
    return first + (last - first) * (YEARS - FIRST_YEAR) / (LAST_YEAR - FIRST_YEAR)


def _yearly(knots: Floats) -> Floats:
    return np.stack([np.interp(YEARS, KNOTS, column) for column in knots.T], axis=1)
