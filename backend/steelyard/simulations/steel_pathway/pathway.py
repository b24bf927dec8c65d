"""A scenario as it goes from year to year: prices and stock in, the year's program, stock and records out.

No files and no clock: `run.py` drives it, tests step it by hand.
"""

from __future__ import annotations

import numpy as np

from .data import FIRST_YEAR, Floats, market, regions
from .parameters import Parameters
from .places import lay_out
from .problem import CHANGE, Problem, YearInput, YearPlan, building_pace
from .records import BALANCE, COSTS, EMISSIONS, OUTPUT, Records
from .stock import energy_use, first_stock, turn_over, yearly_cost
from .technologies import CHARGE, SCRAP_USD_T, YearFigures, carbon_price, routes, year_figures


class Pathway:
    """One scenario. `advance(year)` must be called for 2020, 2021, ... in order; `state` and `restore`
    are for the checkpoint."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.areas = regions()
        self.table = routes()
        self.market = market(parameters.pathway, self.areas, parameters.scrap_collection)
        self.places = lay_out(self.areas, len(self.table), parameters.resolution)
        self.problem = Problem(self.table, self.places, len(self.areas))
        self.stock = first_stock(self.table, self.areas, self.places, self.market.production_2020, parameters)
        self.records = Records.empty(len(self.areas), len(self.table))
        self.output_before = self.market.production_2020.copy()
        self._investment_usd = yearly_cost(self.table, self.areas, self.places, parameters.discount_rate)

    def advance(self, year: int) -> tuple[YearInput, YearPlan]:
        """Solves a year and books it; returns what the program was told and what it answered."""
        told = self.told(year)
        plan = self.problem.solve(told)
        turn_over(
            self.stock,
            self.table,
            self.places,
            self._investment_usd,
            plan.investment,
            self.problem.targets,
            year,
        )
        self._record(told, plan)
        self.output_before = self._by_region(plan.make)
        return told, plan

    def told(self, year: int) -> YearInput:
        """The input of a year's program, from the stock as it stands when the year begins."""
        step = year - FIRST_YEAR
        running = self.stock.running(year)
        change = 0.0 if step == 0 else CHANGE
        use = energy_use(self.stock, self.table, self.places, year)
        return YearInput(
            year=year,
            figures=year_figures(
                self.table,
                self.areas,
                self.places.plant_route,
                self.places.plant_region,
                use,
                self.parameters,
                year,
            ),
            investment_usd=self._investment_usd,
            carbon_usd=carbon_price(self.parameters, year),
            running=running,
            expiring=self.stock.expiring(year),
            demand=np.repeat(
                self.market.demand[step] / self.parameters.resolution, self.parameters.resolution
            ),
            scrap=self.market.scrap[step],
            building_pace=building_pace(self._by_route(running), self.table, year),
            least_output=(1.0 - change) * self.output_before,
            most_output=(1.0 + change) * self.output_before,
        )

    def state(self) -> dict[str, np.ndarray]:
        """All that the next year depends on, and the records so far."""
        return {
            "ends": self.stock.ends,
            "payments": self.stock.payments,
            "output_before": self.output_before,
            "output": self.records.output,
            "emissions": self.records.emissions,
            "costs": self.records.costs,
            "balance": self.records.balance,
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes up the state that `state` gave."""
        self.stock.ends, self.stock.payments = arrays["ends"], arrays["payments"]
        self.output_before = arrays["output_before"]
        self.records = Records(arrays["output"], arrays["emissions"], arrays["costs"], arrays["balance"])

    def _by_route(self, plants: Floats) -> Floats:
        total: Floats = plants.reshape(len(self.areas), len(self.table), -1).sum(axis=2)
        return total

    def _by_region(self, plants: Floats) -> Floats:
        total: Floats = plants.reshape(len(self.areas), -1).sum(axis=1)
        return total

    def _record(self, told: YearInput, plan: YearPlan) -> None:
        step = told.year - FIRST_YEAR
        figures, built = told.figures, plan.investment
        iron = CHARGE * plan.make - plan.scrap
        emitted = iron * figures.iron_co2 + plan.make * figures.shop_co2
        captured = iron * figures.iron_captured
        quantities = dict(
            production_mt=plan.make,
            capacity_mt=self.stock.running(told.year),
            built_mt=built.new,
            renewed_mt=built.renewed,
            converted_mt=built.converted,
            scrap_mt=plan.scrap,
        )
        self.records.output[step] = np.stack([self._by_route(quantities[name]) for name in OUTPUT], axis=-1)
        assert EMISSIONS == ("emissions_mt", "captured_mt")
        self.records.emissions[step] = np.stack([self._by_route(emitted), self._by_route(captured)], axis=-1)
        self.records.costs[step] = self._costs(told, plan, iron, figures, emitted)
        self.records.balance[step] = self._balance(told, plan)

    def _costs(
        self, told: YearInput, plan: YearPlan, iron: Floats, figures: YearFigures, emitted: Floats
    ) -> Floats:
        """Million USD by region of the plant, `[region, part]`. Scrap's freight between regions is paid
        where it arrives."""
        carried = (plan.scrap_trade * self.places.scrap_freight).sum(axis=0)
        parts = dict(
            materials_energy=self._by_region(iron * figures.iron_usd),
            scrap=self._by_region(plan.scrap) * SCRAP_USD_T + carried,
            operations=self._by_region(plan.make * figures.shop_usd),
            capital=self._by_region(self.stock.payments[:, told.year - FIRST_YEAR]),
            freight=self._by_region(plan.freight_usd),
            carbon=self._by_region(emitted) * told.carbon_usd,
        )
        return np.stack([parts[name] for name in COSTS], axis=-1)

    def _balance(self, told: YearInput, plan: YearPlan) -> Floats:
        """`[region, quantity]`, in the order of `BALANCE`."""
        own = np.diag(plan.trade)
        parts = dict(
            demand_mt=told.demand.reshape(len(self.areas), -1).sum(axis=1),
            production_mt=self._by_region(plan.make),
            exports_mt=plan.trade.sum(axis=1) - own,
            imports_mt=plan.trade.sum(axis=0) - own,
            scrap_collected_mt=told.scrap,
            scrap_used_mt=self._by_region(plan.scrap),
            scrap_exports_mt=plan.scrap_trade.sum(axis=1),
            scrap_imports_mt=plan.scrap_trade.sum(axis=0),
            scrap_price_usd_t=plan.scrap_price,
        )
        return np.stack([parts[name] for name in BALANCE], axis=-1)
