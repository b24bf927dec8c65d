"""What a shell completes behind a command: ids and names that the sidecar knows; where none runs, nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from steelyard.cli.wording import plain
from steelyard.client import Client
from steelyard.rules.errors import SteelyardError

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Named = Iterable[tuple[str, str]]

_WITHIN = 2.0
"""Seconds that a person waits for a Tab."""
_NEWEST = 100
"""Tasks that are looked at."""


def _completes(names: Callable[[Client], Named]) -> Completer:
    """Completes what names gives, with its meaning."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        with suppress(SteelyardError), Client.find(ctx.params.get("data_dir"), timeout=_WITHIN) as client:
            return [
                CompletionItem(name, help=plain(meaning)[:60])
                for name, meaning in names(client)
                if name.startswith(incomplete)
            ]
        return []

    return complete


def _simulations(client: Client) -> Named:
    return ((one["name"], one["title"]) for one in client.simulations())


def _tasks(client: Client) -> Named:
    for task in client.task_page(limit=_NEWEST)["tasks"]:
        yield task["task_id"], f"{task['state']} {task['label'] or task['simulation']}"


def _sweeps(client: Client) -> Named:
    for sweep in client.sweep_page(limit=_NEWEST)["sweeps"]:
        yield sweep["sweep_id"], sweep["name"] or sweep["simulation"]


def _workers(client: Client) -> Named:
    return ((worker["worker_id"], worker["state"]) for worker in client.status()["workers"])


def _preferences(client: Client) -> Named:
    schemas = client.preferences()["schema"]["properties"]
    return ((name, str(schema.get("title", ""))) for name, schema in schemas.items())


def _assignments(client: Client) -> Named:
    return ((f"{name}=", meaning) for name, meaning in _preferences(client))


simulations = _completes(_simulations)
tasks = _completes(_tasks)
sweeps = _completes(_sweeps)
workers = _completes(_workers)
preferences = _completes(_preferences)
assignments = _completes(_assignments)
