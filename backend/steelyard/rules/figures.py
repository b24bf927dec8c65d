"""The figures of a result: which of its values are numbers, what they are called, and what is none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

RESULT = "result.json"
"""The file that a run's result is read from."""
DEEPEST = 4
"""Objects inside each other whose numbers have a column of their own."""
NOT_A_NUMBER = "not a number"
"""What people read in the cell of NaN and of an infinity."""
LONGEST_NAME = 200
"""Characters of a column's name."""

_MEANT = 12
"""Digits of a number that somebody may have meant."""

Figure = int | float
"""NaN and infinities are floats here, and texts in JSON (see spelled())."""

_SPELLED = {
    "nan": math.nan,
    "inf": math.inf,
    "+inf": math.inf,
    "-inf": -math.inf,
    "infinity": math.inf,
    "+infinity": math.inf,
    "-infinity": -math.inf,
}


def spelled(value: Figure) -> Figure | str:
    """A number as JSON and CSV carry it: "NaN", "Infinity" and "-Infinity" for what has no digits."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def number(value: object) -> Figure | None:
    """The number that a JSON value is, also one that is only spelled; None if it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _SPELLED.get(value.casefold()) if isinstance(value, str) and len(value) <= 9 else None


def finite(value: Figure) -> Figure | None:
    """The number, or None where JSON has no digits for it."""
    return value if isinstance(value, int) or math.isfinite(value) else None


def text(value: Figure, more: int = 0) -> str:
    """A number as people read it: at least six digits or four decimals, and so many more."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return NOT_A_NUMBER
    size = abs(value)
    if value.is_integer() and size < 1e15:
        return f"{value + 0.0:.0f}"  # no minus before a zero
    if 1e-3 <= size < 1e6:
        decimals = max(4, 5 - math.floor(math.log10(size))) + more
        return f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return f"{value:.{6 + more}g}"


def more_digits(column: Iterable[object]) -> int:
    """How many digits more the numbers of a column need so that different ones look different.

    What differs after the twelfth digit alone is the rounding of arithmetic.
    """
    found = {value for value in column if isinstance(value, int | float) and not isinstance(value, bool)}
    numbers = {float(f"{value:.{_MEANT}g}") if isinstance(value, float) else value for value in found}
    numbers = {value for value in numbers if math.isfinite(value)}
    for more in range(_MEANT - 6):
        if len({text(value, more) for value in numbers}) == len(numbers):
            return more
    return _MEANT - 6


def columns(results: Sequence[Any]) -> tuple[list[str], list[dict[str, Figure | str]]]:
    """The names of all numbers in some results, and for each result what it has under them.

    {"cost": 1, "by": {"2050": 2}} has cost and by.2050; lists are series, and have no place in a cell. What
    stands under a name that is a number elsewhere is shown as it is: null and R's "NA" are NaN, a text stays.
    """
    found = [dict(_leaves(result)) for result in results]
    names = list(
        dict.fromkeys(name for one in found for name, value in one.items() if number(value) is not None)
    )
    return names, [{name: _as_figure(one[name]) for name in names if name in one} for one in found]


def of_result(remarks: Sequence[str]) -> list[str]:
    """Those remarks on an attempt that are about its result."""
    return [remark for remark in remarks if RESULT in remark]


def _leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth < DEEPEST:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key)[:LONGEST_NAME], depth + 1)
    elif not isinstance(value, dict | list | bool):
        yield name[:LONGEST_NAME] or "result", value


def _as_figure(value: Any) -> Figure | str:
    found = number(value)
    if found is not None:
        return found
    return math.nan if value is None or value == "NA" else str(value)
