"""The plants' capacity by the year in which its campaign ends: what one year hands to the next.

Capacity whose campaign has ended stops, unless the year's linear program renews it (reline, rebuild) or
converts it to another route.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .data import FIRST_YEAR, LAST_YEAR, Floats, Region, capacity_2020
from .parameters import Parameters
from .places import Places
from .technologies import Route, annuity

EFFICIENCY_SPREAD = 0.08
"""The oldest sub-plant of 2020 uses this much more energy per tonne of iron than its route's average, the
youngest as much less. Assumption; capacity built or renewed later is at the average, which new works in
fact undercut."""


@dataclass
class Stock:
    """Mt of yearly capacity and its repayments, million USD a year.

    `ends[plant, e]`: capacity that runs until the end of year 2020 + e - 1. `payments[plant, t]`: due in
    year 2020 + t.
    """

    ends: Floats
    payments: Floats

    def expiring(self, year: int) -> Floats:
        """Capacity whose campaign is over when `year` begins, `[plant]`."""
        return self.ends[:, year - FIRST_YEAR].copy()

    def running(self, year: int) -> Floats:
        """Capacity that can run through `year` without renewal, `[plant]`."""
        total: Floats = self.ends[:, year - FIRST_YEAR + 1 :].sum(axis=1)
        return total


@dataclass(frozen=True)
class Investment:
    """What is invested in one year, Mt of capacity by plant (`[plant]`). `converted` is counted at the
    plant that becomes another."""

    new: Floats
    renewed: Floats
    converted: Floats


def horizon(table: list[Route]) -> int:
    """Columns that `Stock` needs: until the last campaign begun in 2050 has ended."""
    return LAST_YEAR - FIRST_YEAR + max(route.campaign_years for route in table) + 1


def first_stock(
    table: list[Route], areas: list[Region], places: Places, production: Floats, parameters: Parameters
) -> Stock:
    """The stock of 2020: campaign ends spread evenly over a campaign's length, the oldest sub-plant (site
    0) first.

    The spread of a region and route as a whole is the same at every resolution.
    """
    by_route = capacity_2020(areas, [route.capacity_column for route in table], production)
    count = int(places.plant_site.max()) + 1
    ends = np.zeros((places.plants, horizon(table)))
    payments = np.zeros_like(ends)
    for plant in range(places.plants):
        route = table[places.plant_route[plant]]
        region = places.plant_region[plant]
        length = route.campaign_years
        begin = length * places.plant_site[plant] / count
        edges = np.clip(np.arange(length + 1), begin, begin + length / count)
        ends[plant, 1 : length + 1] = by_route[region, places.plant_route[plant]] * np.diff(edges) / length
        # Every plant of 2020 is taken to be paying for its last renewal, so cost per tonne does not jump
        # when it is renewed.
        yearly = route.capex_renew * areas[region].capex_factor * annuity(parameters.discount_rate, length)
        still_running = ends[plant, ::-1].cumsum()[::-1]
        payments[plant, :-1] = yearly * still_running[1:]
    return Stock(ends, payments)


def energy_use(stock: Stock, table: list[Route], places: Places, year: int) -> Floats:
    """Energy of each plant over its route's average, `[plant]`: the spread of 2020, by the share of that
    stock still there."""
    count = int(places.plant_site.max()) + 1
    deviation = EFFICIENCY_SPREAD * (1.0 - (2.0 * places.plant_site + 1.0) / count)
    length = np.array([route.campaign_years for route in table])[places.plant_route]
    step = year - FIRST_YEAR
    columns = np.arange(stock.ends.shape[1])
    of_2020 = np.where(columns[None, :] <= length[:, None], stock.ends, 0.0)[:, step + 1 :].sum(axis=1)
    running = stock.running(year)
    share = np.divide(of_2020, running, out=np.zeros_like(running), where=running > 0)
    use: Floats = 1.0 + deviation * share
    return use


def yearly_cost(
    table: list[Route], areas: list[Region], places: Places, rate: float
) -> tuple[Floats, Floats, Floats]:
    """USD a year per tonne of capacity that is new, renewed, converted (to what it becomes): three arrays
    `[plant]`."""
    costs = np.zeros((3, places.plants))
    years = {route.key: route.campaign_years for route in table}
    for plant in range(places.plants):
        route = table[places.plant_route[plant]]
        factor = areas[places.plant_region[plant]].capex_factor
        own = factor * annuity(rate, route.campaign_years)
        costs[0, plant] = route.capex_new * own
        costs[1, plant] = route.capex_renew * own
        if route.becomes:
            costs[2, plant] = route.capex_convert * factor * annuity(rate, years[route.becomes])
    return costs[0], costs[1], costs[2]


def turn_over(
    stock: Stock,
    table: list[Route],
    places: Places,
    costs: tuple[Floats, Floats, Floats],
    investment: Investment,
    targets: np.ndarray,
    year: int,
) -> None:
    """Books a year's investments in place. `targets[plant]` is the plant that a conversion leads to, -1
    if there is none."""
    step = year - FIRST_YEAR
    stock.ends[:, step] = 0.0
    per_new, per_renewed, per_converted = costs
    for plant in range(places.plants):
        years = table[places.plant_route[plant]].campaign_years
        added = investment.new[plant] + investment.renewed[plant]
        stock.ends[plant, step + years] += added
        due = investment.new[plant] * per_new[plant] + investment.renewed[plant] * per_renewed[plant]
        stock.payments[plant, step : step + years] += due
        if targets[plant] >= 0 and investment.converted[plant] > 0:
            target = targets[plant]
            years = table[places.plant_route[target]].campaign_years
            stock.ends[target, step + years] += investment.converted[plant]
            stock.payments[target, step : step + years] += investment.converted[plant] * per_converted[plant]
