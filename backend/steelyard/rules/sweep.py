"""A sweep: from a base and a grid (or rows) to the parameters of each of its tasks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from steelyard.rules.errors import InvalidRequest

SWEEP_LIMIT: Final = 10_000
"""Tasks in one sweep."""


def expand(
    base: Mapping[str, Any],
    grid: Mapping[str, Any] | None = None,
    rows: Sequence[Any] | None = None,
    *,
    limit: int = SWEEP_LIMIT,
) -> list[dict[str, Any]]:
    """The parameters of every task, each laid over base: all combinations of grid, or rows as they are.

    The order is that of the request: in a grid the last parameter varies fastest. InvalidRequest unless there
    is exactly one of grid and rows, with something in it, and at most `limit` tasks come of it (counted
    before one is made). Values are shared between the tasks, not copied.
    """
    if (grid is None) == (rows is None):
        raise InvalidRequest("A sweep has either a grid or rows.")
    if rows is not None:
        _check_count(len(rows), limit)
        if not all(isinstance(row, Mapping) for row in rows):
            raise InvalidRequest("Each row of a sweep is an object of parameters.")
        return [{**base, **row} for row in rows]
    if not grid:
        raise InvalidRequest("The grid of a sweep is empty.")
    count = 1
    for name, values in grid.items():
        if isinstance(values, str | bytes) or not isinstance(values, Sequence) or not values:
            raise InvalidRequest(
                f"The grid's {name[:60]!r} is not a list with at least one value.", parameter=name
            )
        count *= len(values)
    _check_count(count, limit)
    return [{**base, **dict(zip(grid, values, strict=True))} for values in itertools.product(*grid.values())]


def _check_count(count: int, limit: int) -> None:
    if count == 0:
        raise InvalidRequest("The sweep has no rows.")
    if count > limit:
        # A grid of a few hundred lists has a count of thousands of digits; nobody wants to read them.
        shown = f"{count:,}" if count < 10**15 else "more than 10^15"
        raise InvalidRequest(f"The sweep has {shown} tasks; at most {limit:,} are taken.", limit=limit)
