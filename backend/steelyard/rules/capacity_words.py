"""How many workers there is room for, and what limits that: one sentence for pages and command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steelyard.rules.quantities import format_size


def room(limits: Mapping[str, Any]) -> str:
    """Without capital and full stop: "room for 1 more of 1.0 GiB, none of 19.0 GiB; memory is what limits".

    limits: as in GET /api/workers/status/. One more is weighed with the smallest claim that waits; the task
    that is first in line is named too where it is larger and has no room.
    """
    more = limits["admissible"] - limits["active"]
    each = format_size(limits["peak_per_worker"])
    text = f"room for {more} more of {each}" if more > 0 else f"no room for one more of {each}"
    first = limits["next_claim"]
    if first is not None and first > limits["peak_per_worker"] and not limits["next_fits"]:
        text += f", none of {format_size(first)}" if more > 0 else f" or of {format_size(first)}"
    return f"{text}; {_bound(limits)}"


def _bound(limits: Mapping[str, Any]) -> str:
    match limits["bound_by"]:
        case "memory":
            return "memory is what limits"
        case "cores":
            cores = limits["physical_cores"]
            return "the 1 core is what limits" if cores == 1 else f"the {cores} cores are what limits"
    return f"the set maximum of {limits['hard_cap']} is what limits"
