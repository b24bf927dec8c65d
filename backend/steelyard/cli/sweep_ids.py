"""Ids of sweeps, which may be cut to a beginning that no other of the newest sweeps has."""

from __future__ import annotations

from itertools import islice

from steelyard.client import Client
from steelyard.rules.errors import InvalidRequest, NotFound

LOOKED_AT = 10_000
"""The newest tasks among which sweeps are looked for."""


def resolve(client: Client, beginning: str) -> str:
    """The whole id. NotFound for none, InvalidRequest for one that several begin with."""
    # An empty filter would be none.
    if beginning and client.task_page(sweep=beginning, limit=1)["tasks"]:
        return beginning
    newest = (task["sweep_id"] for task in islice(client.tasks(), LOOKED_AT))
    found = sorted({one for one in newest if one is not None and beginning and one.startswith(beginning)})
    if not found:
        raise NotFound(f"There is no sweep {beginning}.")
    if len(found) > 1:
        raise InvalidRequest(f"several sweeps begin with {beginning!r}: {', '.join(found[:5])}")
    return found[0]
