"""What must hold in the steel pathway whatever the scenario: published figures, balances, limits, directions.

The years run at a low resolution, so all of this takes seconds. Figures of 2020 are computed here from the
published tables, by other means than the model's.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="numpy, a dependency of the steel-pathway simulation, is missing")
pytest.importorskip("scipy", reason="scipy, a dependency of the steel-pathway simulation, is missing")

# After the skips: these modules import numpy and scipy themselves.
from steelyard.simulations.steel_pathway import data, records, technologies  # noqa: E402
from steelyard.simulations.steel_pathway.parameters import BadParameter, checked  # noqa: E402
from steelyard.simulations.steel_pathway.pathway import Pathway  # noqa: E402

INPUTS = Path(data.__file__).parent / "inputs"

# MPP 2022, operating capacity in 2020, Mt: blast furnace-BOF, DRI-EAF, scrap EAF.
CAPACITY = {
    "Africa": (7.0, 16.7, 12.0),
    "Asia Pacific": (1237.8, 37.7, 307.2),
    "Central & South America": (34.8, 8.7, 18.1),
    "Eurasia": (58.9, 6.8, 35.7),
    "Europe": (160.6, 0.4, 129.7),
    "Middle East": (7.3, 36.5, 29.1),
    "North America": (43.8, 11.7, 92.3),
}
# World Steel Association, Sustainability Indicators 2022, t CO2 per t of crude steel, in the same order.
INTENSITY = (2.33, 1.37, 0.68)
INTENSITY_OF_ALL = 1.91
MEMBERS = {
    "Africa": ["Africa"],
    "Asia Pacific": ["China", "India", "Japan, South Korea, and Taiwan", "Southeast Asia"],
    "Central & South America": ["South and Central America"],
    "Eurasia": ["CIS"],
    "Europe": ["Europe", "RoW"],
    "Middle East": ["Middle East"],
    "North America": ["NAFTA"],
}
TOLERANCE = 1e-5
"""Mt: ten tonnes, far above the solver's rounding and far below any figure's worth."""


@dataclass
class Run:
    """A scenario with what every year's program was told and answered."""

    pathway: Pathway
    told: list[Any]
    plans: list[Any]


def run(**parameters: object) -> Run:
    pathway = Pathway(checked({"resolution": 2, **parameters}))
    told, plans = zip(*(pathway.advance(int(year)) for year in data.YEARS), strict=True)
    return Run(pathway, list(told), list(plans))


@pytest.fixture(scope="module")
def reference() -> Run:
    return run()


@pytest.fixture(scope="module", params=["reference", "high-circularity", "little scrap"])
def scenario(request: pytest.FixtureRequest) -> Run:
    """Three that strain different limits: growth; decline amid much scrap; dear carbon and little scrap."""
    extremes = {"carbon_price_2050": 500, "scrap_collection": 0.7, "resolution": 3}
    return run(**extremes) if request.param == "little scrap" else run(pathway=request.param)


def read(name: str) -> list[dict[str, str]]:
    with open(INPUTS / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def production_2020() -> dict[str, float]:
    return {row["region"]: float(row["production_2020_mt"]) for row in read("steel_regions.csv")}


def test_the_copied_inputs_are_the_published_figures() -> None:
    copied = {
        row["capacity_region"]: tuple(
            float(row[name]) for name in ("bf_bof_mt", "dri_eaf_mt", "scrap_eaf_mt")
        )
        for row in read("capacity_2020.csv")
    }
    assert copied == CAPACITY
    intensity = {row["route"]: float(row["co2_t_per_t"]) for row in read("co2_intensity_2020.csv")}
    assert intensity == dict(
        zip(("bf_bof", "dri_eaf", "scrap_eaf", "all"), (*INTENSITY, INTENSITY_OF_ALL), strict=True)
    )
    rows = read("steel_regions.csv")
    assert len(rows) == 11 * 2 * 7
    assert sum(production_2020().values()) == pytest.approx(1880.4)
    demand = sum(
        float(row["demand_mt"]) for row in rows if (row["pathway"], row["year"]) == ("reference", "2050")
    )
    assert demand == pytest.approx(2546.3)


@pytest.mark.parametrize("pathway", ["reference", "high-circularity"])
@pytest.mark.parametrize("resolution", [1, 4])
def test_emissions_of_2020_agree_with_production_by_route_times_intensity(
    pathway: str, resolution: int
) -> None:
    """Two figures from the published tables alone: by region and route (production of 2020 in the proportion
    of capacity), and all the world's steel at the intensity of all routes together. They differ by 2.6 %."""
    made = production_2020()
    by_route = 0.0
    for region, capacity in CAPACITY.items():
        production = sum(made[member] for member in MEMBERS[region])
        by_route += sum(
            production * part / sum(capacity) * factor
            for part, factor in zip(capacity, INTENSITY, strict=True)
        )
    together = sum(made.values()) * INTENSITY_OF_ALL

    first = Pathway(checked({"pathway": pathway, "resolution": resolution}))
    first.advance(2020)
    emissions = first.records.of_routes("emissions_mt")[0].sum()

    assert emissions == pytest.approx(by_route, rel=0.05)
    assert emissions == pytest.approx(together, rel=0.05)


def test_at_usual_scrap_each_route_of_2020_emits_what_the_association_publishes() -> None:
    usual = {row["route"]: float(row["scrap_usual"]) for row in read("technologies.csv")}
    grid = technologies.GRID_2020
    for key, published in zip(("bf_bof", "dri_gas", "scrap_eaf"), INTENSITY, strict=True):
        route = next(route for route in technologies.routes() if route.key == key)
        iron = technologies.CHARGE - usual[key]
        power = route.power_iron_mwh * iron + route.power_shop_mwh
        assert route.co2_iron * iron + route.co2_shop + power * grid == pytest.approx(published)


def test_capacity_regions_are_split_without_loss() -> None:
    areas = data.regions()
    made = np.array([production_2020()[area.name] for area in areas])
    split = data.capacity_2020(areas, ["bf_bof_mt", "dri_eaf_mt", "scrap_eaf_mt"], made)
    for region, capacity in CAPACITY.items():
        members = [number for number, area in enumerate(areas) if area.name in MEMBERS[region]]
        assert split[members].sum(axis=0) == pytest.approx(capacity)
    assert (split >= 0).all()
    assert (split.sum(axis=1) >= made).all()


def test_production_of_2020_is_the_measured_one(reference: Run) -> None:
    column = records.BALANCE.index("production_mt")
    names = [area.name for area in reference.pathway.areas]
    made = dict(zip(names, reference.pathway.records.balance[0, :, column], strict=True))
    assert made == pytest.approx(production_2020())


def test_production_and_trade_meet_demand_everywhere_every_year(scenario: Run) -> None:
    balance = {
        name: scenario.pathway.records.balance[..., number] for number, name in enumerate(records.BALANCE)
    }
    supplied = balance["production_mt"] - balance["exports_mt"] + balance["imports_mt"]
    assert supplied == pytest.approx(balance["demand_mt"], abs=TOLERANCE)
    assert balance["exports_mt"].sum(axis=1) == pytest.approx(balance["imports_mt"].sum(axis=1))
    published = [
        sum(
            float(row["demand_mt"])
            for row in read("steel_regions.csv")
            if (row["pathway"], row["year"]) == key
        )
        for key in [(scenario.pathway.parameters.pathway, str(year)) for year in range(2025, 2051, 5)]
    ]
    assert balance["production_mt"].sum(axis=1)[5::5] == pytest.approx(published)


def test_no_more_scrap_is_used_than_collected(scenario: Run) -> None:
    balance = {
        name: scenario.pathway.records.balance[..., number] for number, name in enumerate(records.BALANCE)
    }
    left = balance["scrap_collected_mt"] + balance["scrap_imports_mt"] - balance["scrap_exports_mt"]
    assert (balance["scrap_used_mt"] <= left + TOLERANCE).all()
    world = balance["scrap_collected_mt"].sum(axis=1)
    assert (balance["scrap_used_mt"].sum(axis=1) <= world + TOLERANCE).all()


def test_every_charge_is_iron_and_scrap_within_the_routes_limits(scenario: Run) -> None:
    table, places = scenario.pathway.table, scenario.pathway.places
    least = np.array([route.scrap_min for route in table])[places.plant_route]
    most = np.array([route.scrap_max for route in table])[places.plant_route]
    for plan in scenario.plans:
        assert (plan.scrap >= least * plan.make - TOLERANCE).all()
        assert (plan.scrap <= most * plan.make + TOLERANCE).all()
        assert (plan.scrap <= technologies.CHARGE * plan.make + TOLERANCE).all()


def test_no_plant_makes_more_than_its_capacity(scenario: Run) -> None:
    targets = scenario.pathway.problem.targets
    for told, plan in zip(scenario.told, scenario.plans, strict=True):
        built = plan.investment
        capacity = told.running + built.new + built.renewed
        np.add.at(capacity, targets[targets >= 0], built.converted[targets >= 0])
        assert (plan.make <= capacity + TOLERANCE).all()
        assert (built.renewed + built.converted <= told.expiring + TOLERANCE).all()


def test_stock_of_a_year_is_last_years_less_what_ended_plus_what_was_invested(scenario: Run) -> None:
    quantity = {
        name: scenario.pathway.records.output[..., number].sum(axis=(1, 2))
        for number, name in enumerate(records.OUTPUT)
    }
    ended = np.array([told.expiring.sum() for told in scenario.told])
    invested = quantity["built_mt"] + quantity["renewed_mt"] + quantity["converted_mt"]
    expected = quantity["capacity_mt"][:-1] - ended[1:] + invested[1:]
    assert quantity["capacity_mt"][1:] == pytest.approx(expected)


def test_nothing_is_built_before_its_time(scenario: Run) -> None:
    built = scenario.pathway.records.output[..., records.OUTPUT.index("built_mt")].sum(axis=1)
    for number, route in enumerate(scenario.pathway.table):
        before = max(route.available_from, 2021) > data.YEARS
        assert (built[before, number] == 0).all()


def test_a_higher_carbon_price_does_not_raise_emissions() -> None:
    """Year by year and myopic, the model has no theorem for it; a hundredth is allowed for."""
    sums = [
        run(carbon_price_2050=price, resolution=1).pathway.records.of_routes("emissions_mt").sum()
        for price in (0, 50, 150, 300, 500)
    ]
    assert all(after <= before * 1.01 for before, after in pairwise(sums))
    assert sums[-1] < 0.9 * sums[0]


def test_cheaper_hydrogen_makes_more_steel_with_it() -> None:
    shares = [
        records.summary(pathway.records, pathway.table)["share_hydrogen_2050"]
        for pathway in (run(hydrogen_price_2050=price, resolution=1).pathway for price in (0.7, 1.5, 4.0))
    ]
    assert shares[0] > shares[1] > shares[2]


def test_resolution_enlarges_the_program() -> None:
    """Columns grow with the square: each plant may ship to each demand centre."""
    coarse, fine = (Pathway(checked({"resolution": resolution})).problem for resolution in (4, 8))
    assert fine.rows > 1.8 * coarse.rows
    assert fine.columns > 3.5 * coarse.columns
    assert fine.nonzeros > 3.5 * coarse.nonzeros


def test_resolution_hardly_moves_the_result(reference: Run) -> None:
    coarse, fine = (
        pathway.records.of_routes("emissions_mt").sum()
        for pathway in (reference.pathway, run(resolution=3).pathway)
    )
    assert coarse == pytest.approx(fine, rel=0.03)


def test_equal_runs_are_equal_to_the_last_digit(reference: Run) -> None:
    again = run().pathway.state()
    for name, values in reference.pathway.state().items():
        assert np.array_equal(values, again[name]), name


@pytest.mark.parametrize("rate", [0.0, 0.08])
def test_an_annuity_repays_the_investment(rate: float) -> None:
    payment = technologies.annuity(rate, 20)
    assert sum(payment / (1 + rate) ** year for year in range(1, 21)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"pathway": "rosy"},
        {"carbon_price_2050": -1},
        {"carbon_price_2050": float("nan")},
        {"resolution": 2.5},
        {"resolution": 0},
        {"discount_rate": "8 %"},
        {"scrap_collection": True},
        {"colour": 1},
    ],
)
def test_a_wrong_parameter_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(BadParameter, match=next(iter(wrong))):
        checked(wrong)
