"""The twelve scenarios, and how they and their workers get going."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from demo.errors import DemoError
from steelyard.client import Client
from steelyard.client.answers import Task
from steelyard.rules.errors import AtCapacity, InsufficientMemory, NoCores

SIMULATION = "steel-pathway"

GRID: dict[str, list[str] | list[float]] = {
    "pathway": ["reference", "high-circularity"],
    "carbon_price_2050": [0.0, 100.0, 200.0],
    "hydrogen_price_2050": [1.5, 4.0],
}
"""2 × 3 × 2 scenarios: demand, USD a tonne of CO2, USD a kg of hydrogen. The rest is left at its default."""

FIGURES = {
    "emissions_2050_mt": "Mt CO2",
    "cumulative_emissions_gt": "Gt 2020–50",
    "share_hydrogen_2050": "H2 share",
    "cost_2050_usd_per_t": "USD/t",
}
"""What the table shows of a result, all of it for 2050: the name there, and the heading here."""


@dataclass(frozen=True)
class Sweep:
    """The twelve tasks, in the order of the grid; `resumed` if an interrupted start had submitted them."""

    sweep_id: str
    task_ids: list[str]
    resumed: bool


def scenarios() -> list[dict[str, Any]]:
    """The parameters of each run."""
    return [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


def submit(client: Client) -> Sweep:
    """Goes on with the sweep that an earlier start left unfinished, else submits a new one."""
    unfinished = _unfinished(client)
    if unfinished is not None:
        return unfinished
    answer = client.sweep(SIMULATION, rows=scenarios())
    return Sweep(answer["sweep_id"], answer["task_ids"], resumed=False)


def tasks_of(client: Client, sweep: Sweep) -> list[Task]:
    """The sweep's tasks, in the order of the grid."""
    by_id = {task["task_id"]: task for task in client.tasks(sweep=sweep.sweep_id)}
    return [by_id[task_id] for task_id in sweep.task_ids if task_id in by_id]


def add_workers(client: Client, tasks: int) -> int:
    """Starts workers, at most one a task, until no more are admitted; returns how many now live.

    Raises DemoError with the sidecar's reason where not even one is.
    """
    active = client.status()["limits"]["active"]
    while active < tasks:
        try:
            client.add_worker()
        except (InsufficientMemory, NoCores, AtCapacity) as refusal:
            if active == 0:
                raise DemoError(f"No worker is admitted now: {refusal.message}") from refusal
            break
        active += 1
    return active


def _unfinished(client: Client) -> Sweep | None:
    """A sweep with just these scenarios of which some still wait: an earlier start was interrupted."""
    wanted = scenarios()
    waiting = client.tasks(simulation=SIMULATION, state="READY")
    for sweep_id in dict.fromkeys(task["sweep_id"] for task in waiting):
        if sweep_id is None:
            continue
        by_row = {_row(task): task["task_id"] for task in client.tasks(sweep=sweep_id)}
        if set(by_row) == {tuple(scenario.items()) for scenario in wanted}:
            return Sweep(sweep_id, [by_row[tuple(scenario.items())] for scenario in wanted], resumed=True)
    return None


def _row(task: Task) -> tuple[tuple[str, object], ...]:
    return tuple((name, (task["parameters"] or {}).get(name)) for name in GRID)
