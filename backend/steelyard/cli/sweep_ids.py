"""Ids of sweeps, which may be cut to a beginning that no other of the newest sweeps has."""

from __future__ import annotations

from itertools import islice

from steelyard.client import Client
from steelyard.client.answers import SweepView
from steelyard.client.exchange import segment
from steelyard.rules.errors import InvalidRequest, NotFound

LOOKED_AT = 1_000
"""The newest sweeps among which a beginning is looked for."""
_FULL_ID = 12


def resolve(client: Client, beginning: str) -> str:
    """The whole id. NotFound for none, InvalidRequest for one that several begin with."""
    if len(beginning) == _FULL_ID:
        return client.sweep_view(beginning)["sweep_id"]
    segment(beginning)  # refuses bytes that are no text
    newest = (one["sweep_id"] for one in islice(client.sweeps(), LOOKED_AT))
    found = sorted(one for one in newest if beginning and one.startswith(beginning))
    if not found and beginning:
        return client.sweep_view(beginning)["sweep_id"]
    if not found:
        raise NotFound(f"There is no sweep {beginning}.")
    if len(found) > 1:
        raise InvalidRequest(f"several sweeps begin with {beginning!r}: {', '.join(found[:5])}")
    return found[0]


def states(view: SweepView) -> str:
    """How its tasks stand: "3 succeeded, 1 running"."""
    return ", ".join(f"{count} {name.lower()}" for name, count in view["counts"].items() if count)
