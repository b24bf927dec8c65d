"""The linear program of one year: who makes the steel, who uses it, and what is built, at least cost.

Columns (all non-negative; Mt, or Mt a year of capacity):

    ship[plant, centre]    crude steel carried from a plant to a demand centre
    make[plant]            crude steel made
    scrap[plant]           scrap charged; the rest of the charge is iron
    new[plant]             capacity built
    renew[plant]           capacity renewed at the end of its campaign
    convert[plant]         the same, converted (only where a route becomes another)
    carry[region, region]  scrap moved between regions

Rows:

    made        sum over centres of ship = make                              every plant
    met         sum over plants of ship = demand                             every centre
    capacity    make <= 99 % of (running + new + renew + converted to it)    every plant
    ended       renew + convert <= capacity whose campaign ended             every plant
    charge      least scrap <= scrap / make <= most scrap                    every plant (two rows)
    collected   scrap charged + carried out - carried in <= collected        every region
    pace        new + converted to it <= what the region can build           every region and route
    change      output within 6 % of last year's (2020: as measured)         every region (two rows)

The matrix is the same in every year; costs and right-hand sides change. Each program is solved from
scratch, without the basis of the year before: it costs time, and it makes a year's result depend on the
stock alone, so a resumed run repeats it to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from .data import Floats
from .places import Places
from .stock import Investment
from .technologies import CHARGE, SCRAP_USD_T, Route, YearFigures

UTILISATION = 0.99
"""Most that a plant makes of its capacity in a year. MPP lists operating capacity, and the CIS made
98.8 % of it in 2020."""
CHANGE = 0.06
"""How far a region's output moves from one year to the next (contracts, permits, people). Assumption."""
SEED_SHARE, SEED_MT, GROWTH = 0.006, 0.4, 0.10
"""New capacity a year, by region and route: at most a share of the region's total, plus a fixed amount,
plus a tenth of what the route has there. Assumption."""


Entries = tuple[np.ndarray, np.ndarray, float | Floats]
"""Rows, columns and values of some entries of the matrix."""


class NoSolution(RuntimeError):
    """The solver found no optimum; the message carries its own words and the year."""


@dataclass(frozen=True)
class YearInput:
    """What one year's program is told. Arrays `[plant]`, `[centre]`, `[region]`, `[region, route]`; Mt
    and USD."""

    year: int
    figures: YearFigures
    investment_usd: tuple[Floats, Floats, Floats]
    carbon_usd: float
    running: Floats
    expiring: Floats
    demand: Floats
    scrap: Floats
    building_pace: Floats
    least_output: Floats
    most_output: Floats


@dataclass(frozen=True)
class YearPlan:
    """The optimum of one year, Mt: arrays `[plant]`, trade `[region from, region to]`."""

    make: Floats
    scrap: Floats
    investment: Investment
    freight_usd: Floats
    """Million USD a year by plant, steel only."""
    trade: Floats
    """Steel by region of the plant and of the centre."""
    scrap_trade: Floats
    scrap_price: Floats
    """USD/t, `[region]`: collecting, plus what one more tonne would save."""


class Problem:
    """The program for one map and table of routes; `solve` fills in a year."""

    def __init__(self, table: list[Route], places: Places, region_count: int) -> None:
        self.table = table
        self.places = places
        self.regions = region_count
        self.targets = conversion_targets(table, places)
        self.sources = np.flatnonzero(self.targets >= 0)
        plants, centres = places.plants, places.centres
        sizes = [
            plants * centres,
            plants,
            plants,
            plants,
            plants,
            len(self.sources),
            region_count * region_count,
        ]
        self.starts = np.concatenate([[0], np.cumsum(sizes)])
        self._equal = self._equalities()
        self._upper = self._inequalities()

    @property
    def rows(self) -> int:
        return int(self._equal.shape[0] + self._upper.shape[0])

    @property
    def columns(self) -> int:
        return int(self.starts[-1])

    @property
    def nonzeros(self) -> int:
        return int(self._equal.nnz + self._upper.nnz)

    def solve(self, told: YearInput) -> YearPlan:
        """The least-cost plan of a year. Raises `NoSolution`."""
        equal = np.concatenate([np.zeros(self.places.plants), told.demand])
        upper = np.concatenate(
            [
                UTILISATION * told.running,
                told.expiring,
                np.zeros(2 * self.places.plants),
                told.scrap,
                told.building_pace.ravel(),
                told.most_output,
                -told.least_output,
            ]
        )
        answer = linprog(
            self._costs(told),
            A_ub=self._upper,
            b_ub=upper,
            A_eq=self._equal,
            b_eq=equal,
            bounds=(0, None),
            method="highs-ds",
        )
        if answer.status != 0:
            raise NoSolution(f"year {told.year}: {answer.message}")
        return self._plan(told, answer.x, answer.ineqlin.marginals)

    def _costs(self, told: YearInput) -> Floats:
        figures, carbon = told.figures, told.carbon_usd
        iron = figures.iron_usd + carbon * figures.iron_co2
        shop = figures.shop_usd + carbon * figures.shop_co2
        per_new, per_renewed, per_converted = told.investment_usd
        return np.concatenate(
            [
                self.places.freight.ravel(),
                shop + CHARGE * iron,
                SCRAP_USD_T - iron,  # a tonne of scrap saves a tonne of iron
                per_new,
                per_renewed,
                per_converted[self.sources],
                self.places.scrap_freight.ravel(),
            ]
        )

    def _plan(self, told: YearInput, x: Floats, upper: Floats) -> YearPlan:
        places, plants, count = self.places, self.places.plants, self.regions
        x = np.where(x > 1e-9, x, 0.0)  # the solver's rounding; 1e-9 Mt is a kilogram
        ship, make, scrap, new, renewed, converted, carry = np.split(x, self.starts[1:-1])
        ship = ship.reshape(plants, places.centres)
        into = np.add.reduceat(ship, np.arange(0, places.centres, places.centres // count), axis=1)
        trade = np.add.reduceat(into, np.arange(0, plants, plants // count), axis=0)
        converted_all = np.zeros(plants)
        converted_all[self.sources] = converted
        carry = carry.reshape(count, count)
        np.fill_diagonal(carry, 0.0)
        worth = -upper[4 * plants : 4 * plants + count]
        return YearPlan(
            make=make,
            scrap=scrap,
            investment=Investment(new, renewed, converted_all),
            freight_usd=np.einsum("pc,pc->p", ship, places.freight),
            trade=trade,
            scrap_trade=carry,
            scrap_price=SCRAP_USD_T + worth,
        )

    def _equalities(self) -> sparse.csc_array:
        """Rows `made`, `met`."""
        plants, centres = self.places.plants, self.places.centres
        plant, centre = np.indices((plants, centres)).reshape(2, -1)
        ship = np.arange(plants * centres)
        each = np.arange(plants)
        return self._matrix(
            plants + centres,
            [(plant, ship, 1.0), (each, self.starts[1] + each, -1.0), (plants + centre, ship, 1.0)],
        )

    def _inequalities(self) -> sparse.csc_array:
        """Rows `capacity`, `ended`, `charge` (most, least), `collected`, `pace`, `change` (most, least)."""
        places, plants, count = self.places, self.places.plants, self.regions
        _, make, scrap, new, renew, convert, carry, _ = self.starts
        each = np.arange(plants)
        order = np.arange(len(self.sources))
        target = self.targets[self.sources]
        ended, most, least = plants, 2 * plants, 3 * plants
        collected = 4 * plants
        pace = collected + count
        high = pace + count * len(self.table)
        low = high + count
        group = pace + places.plant_region * len(self.table) + places.plant_route
        origin, destination = np.indices((count, count)).reshape(2, -1)
        arcs = np.arange(count * count)
        scrap_max = np.array([route.scrap_max for route in self.table])[places.plant_route]
        scrap_min = np.array([route.scrap_min for route in self.table])[places.plant_route]
        return self._matrix(
            low + count,
            [
                (each, make + each, 1.0),
                (each, new + each, -UTILISATION),
                (each, renew + each, -UTILISATION),
                (target, convert + order, -UTILISATION),
                (ended + each, renew + each, 1.0),
                (ended + self.sources, convert + order, 1.0),
                (most + each, scrap + each, 1.0),
                (most + each, make + each, -scrap_max),
                (least + each, scrap + each, -1.0),
                (least + each, make + each, scrap_min),
                (collected + places.plant_region, scrap + each, 1.0),
                (collected + origin, carry + arcs, 1.0),
                (collected + destination, carry + arcs, -1.0),
                (group, new + each, 1.0),
                (group[target], convert + order, 1.0),
                (high + places.plant_region, make + each, 1.0),
                (low + places.plant_region, make + each, -1.0),
            ],
        )

    def _matrix(self, row_count: int, parts: list[Entries]) -> sparse.csc_array:
        row = np.concatenate([part[0] for part in parts])
        column = np.concatenate([part[1] for part in parts])
        value = np.concatenate([np.broadcast_to(part[2], part[0].shape) for part in parts])
        matrix = sparse.coo_array((value, (row, column)), shape=(row_count, self.columns)).tocsc()
        matrix.eliminate_zeros()
        return matrix


def conversion_targets(table: list[Route], places: Places) -> np.ndarray:
    """For each plant the plant of the same region and site that a conversion leads to, -1 if its route
    becomes nothing."""
    keys = [route.key for route in table]
    sites = int(places.plant_site.max()) + 1
    step = np.array(
        [keys.index(route.becomes) - own if route.becomes else 0 for own, route in enumerate(table)]
    )
    shift = step[places.plant_route] * sites
    return np.where(shift != 0, np.arange(places.plants) + shift, -1)


def building_pace(running: Floats, table: list[Route], year: int) -> Floats:
    """Most new capacity of a year by region and route, from what runs (`[region, route]`); none in 2020,
    the measured year."""
    pace = SEED_MT + SEED_SHARE * running.sum(axis=1, keepdims=True) + GROWTH * running
    opened = np.array([year >= max(route.available_from, 2021) for route in table])
    limited: Floats = np.where(opened[None, :], pace, 0.0)
    return limited
