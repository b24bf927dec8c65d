"""How many workers there is room for, in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from steelyard.rules.capacity_words import room
from steelyard.rules.quantities import GIB


def limits(**more: Any) -> dict[str, Any]:
    return {
        "admissible": 3,
        "active": 2,
        "peak_per_worker": GIB,
        "next_claim": None,
        "next_fits": None,
        "bound_by": "memory",
        "physical_cores": 2,
        "hard_cap": 4,
        **more,
    }


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (limits(), "room for 1 more of 1.0 GiB; memory is what limits"),
        (
            limits(next_claim=19 * GIB, next_fits=False),
            "room for 1 more of 1.0 GiB, none of 19.0 GiB; memory is what limits",
        ),
        (limits(next_claim=GIB, next_fits=True), "room for 1 more of 1.0 GiB; memory is what limits"),
        (
            limits(admissible=1, next_claim=19 * GIB, next_fits=False),
            "no room for one more of 1.0 GiB or of 19.0 GiB; memory is what limits",
        ),
        (
            limits(admissible=2, bound_by="cores"),
            "no room for one more of 1.0 GiB; the 2 cores are what limits",
        ),
        (limits(bound_by="cap"), "room for 1 more of 1.0 GiB; the set maximum of 4 is what limits"),
    ],
)
def test_what_there_is_room_for(shown: dict[str, Any], text: str) -> None:
    assert room(shown) == text
