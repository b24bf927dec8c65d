"""Parameters that name files: a relative name is taken from the simulation's directory, not from here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from steelyard.cli.output import Output
from steelyard.client.answers import Simulation

_LOOKED_AT = 200
"""Values that are looked for on the disk."""
_NAMED = 3


def note(out: Output, simulation: Simulation, *given: Mapping[str, Any]) -> None:
    """Say which of the given values are files here and none where the runs would look for them."""
    directory = simulation.get("directory")
    if directory is None:
        return
    schemas = simulation["schema"].get("properties") or {}
    pairs = dict.fromkeys(
        (name, value)
        for values in given
        for name, value in values.items()
        if isinstance(value, str) and "enum" not in schemas.get(name, {})
    )
    found = list(_only_here(directory, islice(pairs, _LOOKED_AT)))
    for name, value, path in found[:_NAMED]:
        out.note(
            f"{name}: {value} is here, but a run looks for it in {directory}, where it is not. If you mean "
            f"this one, write {name}={path}"
        )
    if len(found) > _NAMED:
        out.note(f"So are {len(found) - _NAMED} more values.")


def _only_here(directory: str, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """(parameter, value, path from the root) of what is there seen from here and not from the directory."""
    for name, value in pairs:
        meant = os.path.expanduser(value)
        if "\0" in value or not value or os.path.isabs(value):
            continue
        # A single word is more often a choice than a folder.
        is_there = os.path.exists if os.path.basename(value) != value else os.path.isfile
        try:
            if is_there(meant) and not os.path.exists(os.path.join(directory, value)):
                yield name, value, os.path.abspath(meant)
        except (OSError, ValueError):
            continue
