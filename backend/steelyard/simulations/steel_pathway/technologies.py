"""The production routes, and what a tonne of iron and a tonne of steel cost and emit in each region.

A route is two activities: making iron (blast furnace, shaft furnace with gas or hydrogen, none) and
melting or converting it to steel (BOF, EAF). Scrap takes the place of iron, so the scrap that a plant
charges changes its ore, energy and CO2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .data import FIRST_YEAR, Floats, Region, rows, straight_line
from .parameters import Parameters

CHARGE = 1.10
"""Tonnes of metal (iron and scrap) charged per tonne of crude steel cast. Assumption, one figure for all
routes."""
GRID_2020, GRID_2050 = 0.48, 0.10
"""CO2 of power, t per MWh, world average, a straight line between. Assumption."""
HYDROGEN_2020 = 5.0
"""USD per kg in 2020, from where the line to `hydrogen_price_2050` starts. Assumption."""
COAL_USD_T = 165.0
"""Coking coal and coke, USD per tonne of coal. Assumption."""
SCRAP_USD_T = 230.0
"""Collecting and preparing a tonne of scrap, USD, before any scarcity value (which the model finds).
Assumption."""


@dataclass(frozen=True)
class Route:
    """One row of `technologies.csv`, with the CO2 factors worked out. Units as in `inputs/README.md`."""

    key: str
    title: str
    capacity_column: str
    available_from: int
    campaign_years: int
    capex_new: float
    capex_renew: float
    becomes: str
    capex_convert: float
    ore_usd: float
    coal_t: float
    gas_gj: float
    hydrogen_kg: float
    power_iron_mwh: float
    power_shop_mwh: float
    other_usd: float
    scrap_min: float
    scrap_max: float
    co2_iron: float
    """t per t iron before capture, without power."""
    co2_shop: float
    """t per t steel, without power."""
    capture_share: float
    capture_usd_t: float
    capture_mwh_t: float


@dataclass(frozen=True)
class YearFigures:
    """Coefficients of one year by plant (arrays `[plant]`); iron per tonne of iron, shop per tonne of
    steel."""

    iron_usd: Floats
    shop_usd: Floats
    iron_co2: Floats
    iron_captured: Floats
    shop_co2: Floats


def routes() -> list[Route]:
    """The routes in the order of `technologies.csv`.

    CO2 of iron is what the World Steel Association's intensity leaves for it:
    (intensity - shop - power) / (charge - usual scrap), at the grid of 2020.
    """
    intensity = {row["route"]: float(row["co2_t_per_t"]) for row in rows("co2_intensity_2020.csv")}
    return [_route(row, intensity) for row in rows("technologies.csv")]


def _route(row: dict[str, str], intensity: dict[str, float]) -> Route:
    power_shop, power_iron = float(row["power_shop_mwh"]), float(row["power_iron_mwh"])
    electric_shop = intensity["scrap_eaf"] - power_shop * GRID_2020
    shop = float(row["co2_shop"]) if row["co2_shop"] else electric_shop
    iron = CHARGE - float(row["scrap_usual"])
    if row["co2_iron"]:
        co2_iron = float(row["co2_iron"])
    else:
        left = intensity[row["intensity_row"]] - shop - (power_shop + power_iron * iron) * GRID_2020
        co2_iron = left / iron
    return Route(
        key=row["route"],
        title=row["title"],
        capacity_column=row["capacity_column"],
        available_from=int(row["available_from"]),
        campaign_years=int(row["campaign_years"]),
        capex_new=float(row["capex_new"]),
        capex_renew=float(row["capex_renew"]),
        becomes=row["becomes"],
        capex_convert=float(row["capex_convert"]),
        ore_usd=float(row["ore_t"]) * float(row["ore_usd_t"]),
        coal_t=float(row["coal_t"]),
        gas_gj=float(row["gas_gj"]),
        hydrogen_kg=float(row["hydrogen_kg"]),
        power_iron_mwh=power_iron,
        power_shop_mwh=power_shop,
        other_usd=float(row["other_usd"]),
        scrap_min=float(row["scrap_min"]),
        scrap_max=float(row["scrap_max"]),
        co2_iron=co2_iron,
        co2_shop=shop,
        capture_share=float(row["capture_share"]),
        capture_usd_t=float(row["capture_usd_t"]),
        capture_mwh_t=float(row["capture_mwh_t"]),
    )


def carbon_price(parameters: Parameters, year: int) -> float:
    """USD per tonne of CO2 in a year, the same everywhere."""
    return float(straight_line(0.0, parameters.carbon_price_2050)[year - FIRST_YEAR])


def year_figures(
    table: list[Route],
    areas: list[Region],
    plant_route: np.ndarray,
    plant_region: np.ndarray,
    energy_use: Floats,
    parameters: Parameters,
    year: int,
) -> YearFigures:
    """Costs (without carbon) and CO2 of every plant in one year.

    `energy_use` (`[plant]`) is the plant's energy per tonne of iron over its route's: it scales coal,
    gas, hydrogen and power, and the iron's CO2.
    """

    def of_route(name: str) -> Floats:
        column: Floats = np.array([getattr(route, name) for route in table], dtype=float)[plant_route]
        return column

    def of_region(name: str) -> Floats:
        column: Floats = np.array([getattr(area, name) for area in areas], dtype=float)[plant_region]
        return column

    step = year - FIRST_YEAR
    grid = straight_line(GRID_2020, GRID_2050)[step]
    hydrogen = straight_line(HYDROGEN_2020, parameters.hydrogen_price_2050)[step]
    power = of_region("power_usd_mwh")
    co2_made = of_route("co2_iron") * energy_use
    captured = co2_made * of_route("capture_share")
    power_iron = of_route("power_iron_mwh") * energy_use + captured * of_route("capture_mwh_t")
    energy = (
        of_route("coal_t") * COAL_USD_T
        + of_route("gas_gj") * of_region("gas_usd_gj")
        + of_route("hydrogen_kg") * of_region("hydrogen_factor") * hydrogen
    ) * energy_use
    return YearFigures(
        iron_usd=of_route("ore_usd") + energy + power_iron * power + captured * of_route("capture_usd_t"),
        shop_usd=of_route("other_usd") + of_route("power_shop_mwh") * power,
        iron_co2=co2_made - captured + power_iron * grid,
        iron_captured=captured,
        shop_co2=of_route("co2_shop") + of_route("power_shop_mwh") * grid,
    )


def annuity(rate: float, years: int) -> float:
    """The constant yearly payment that repays 1 over `years` at `rate` (capital recovery factor)."""
    return 1.0 / years if rate == 0 else rate / (1.0 - (1.0 + rate) ** -years)
