"""What a run remembers of each year, and the tables and numbers that it hands over.

Every table is written from arrays that the checkpoint holds, with a fixed number of decimals, so equal
runs write equal files.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .data import FIRST_YEAR, YEARS, Floats, Region
from .technologies import Route

OUTPUT = ("production_mt", "capacity_mt", "built_mt", "renewed_mt", "converted_mt", "scrap_mt")
EMISSIONS = ("emissions_mt", "captured_mt")
COSTS = ("materials_energy", "scrap", "operations", "capital", "freight", "carbon")
BALANCE = (
    "demand_mt",
    "production_mt",
    "exports_mt",
    "imports_mt",
    "scrap_collected_mt",
    "scrap_used_mt",
    "scrap_exports_mt",
    "scrap_imports_mt",
    "scrap_price_usd_t",
)


@dataclass
class Records:
    """Yearly results. `output` and `emissions` `[year, region, route, quantity]`; `costs` (million USD)
    and `balance` `[year, region, quantity]`."""

    output: Floats
    emissions: Floats
    costs: Floats
    balance: Floats

    @classmethod
    def empty(cls, region_count: int, route_count: int) -> Records:
        years = len(YEARS)
        return cls(
            output=np.full((years, region_count, route_count, len(OUTPUT)), np.nan),
            emissions=np.full((years, region_count, route_count, len(EMISSIONS)), np.nan),
            costs=np.full((years, region_count, len(COSTS)), np.nan),
            balance=np.full((years, region_count, len(BALANCE)), np.nan),
        )

    def of_routes(self, quantity: str) -> Floats:
        """The world's `quantity` (of `OUTPUT` or `EMISSIONS`) by year and route, Mt: `[year, route]`."""
        source, names = (self.output, OUTPUT) if quantity in OUTPUT else (self.emissions, EMISSIONS)
        total: Floats = source[..., names.index(quantity)].sum(axis=1)
        return total

    def cost_per_tonne(self) -> Floats:
        """World average cost by year and part, USD per tonne of crude steel: `[year, part]`."""
        made = self.of_routes("production_mt").sum(axis=1)
        parts: Floats = self.costs.sum(axis=1) / made[:, None]
        return parts


def write_tables(records: Records, areas: list[Region], table: list[Route], directory: Path) -> None:
    """Writes production.csv, emissions.csv, costs.csv and balance.csv."""
    by_route = [(area.name, route.key) for area in areas for route in table]
    by_region = [(area.name,) for area in areas]
    years = len(YEARS)
    output = records.output.reshape(years, len(by_route), -1)
    emissions = records.emissions.reshape(years, len(by_route), -1)
    _write(directory / "production.csv", ("region", "route", *OUTPUT), by_route, output)
    _write(directory / "emissions.csv", ("region", "route", *EMISSIONS), by_route, emissions)
    made = records.balance[..., [BALANCE.index("production_mt")]]
    total = records.costs.sum(axis=2, keepdims=True)
    average = np.divide(total, made, out=np.zeros_like(total), where=made > 0)
    names = ("region", *(f"{part}_musd" for part in COSTS), "total_musd", "production_mt", "usd_per_t")
    costs = np.concatenate([records.costs, total, made, average], axis=2)
    _write(directory / "costs.csv", names, by_region, costs)
    _write(directory / "balance.csv", ("region", *BALANCE), by_region, records.balance)


def _write(path: Path, names: tuple[str, ...], labels: Sequence[tuple[str, ...]], values: Floats) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("year", *names))
        for year, block in zip(YEARS, values, strict=True):
            for label, numbers in zip(labels, block, strict=True):
                writer.writerow((int(year), *label, *(f"{number:.6f}" for number in numbers)))


def summary(records: Records, table: list[Route]) -> dict[str, float]:
    """The numbers of a scenario: Gt, Mt, USD per tonne, shares from 0 to 1."""
    keys = [route.key for route in table]
    production = records.of_routes("production_mt")
    emissions = records.of_routes("emissions_mt")
    last = production[-1]
    cost = records.cost_per_tonne().sum(axis=1)
    invested = records.of_routes("built_mt").sum() + records.of_routes("converted_mt").sum()

    def share(*routes: str) -> float:
        return float(sum(last[keys.index(key)] for key in routes) / last.sum())

    return {
        "cumulative_emissions_gt": float(emissions.sum() / 1000.0),
        "emissions_2020_mt": float(emissions[0].sum()),
        "emissions_2030_mt": float(emissions[2030 - FIRST_YEAR].sum()),
        "emissions_2050_mt": float(emissions[-1].sum()),
        "captured_2050_mt": float(records.of_routes("captured_mt")[-1].sum()),
        "intensity_2050_t_per_t": float(emissions[-1].sum() / last.sum()),
        "production_2020_mt": float(production[0].sum()),
        "production_2050_mt": float(last.sum()),
        "share_blast_furnace_2050": share("bf_bof"),
        "share_capture_2050": share("bf_bof_ccs"),
        "share_gas_2050": share("dri_gas"),
        "share_hydrogen_2050": share("dri_h2"),
        "share_scrap_2050": share("scrap_eaf"),
        "cost_2020_usd_per_t": float(cost[0]),
        "cost_2050_usd_per_t": float(cost[-1]),
        "capacity_built_mt": float(invested),
    }
