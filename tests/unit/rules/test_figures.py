"""What of a result is a number, and what stands in its place."""

from __future__ import annotations

import json
import math

import pytest

from steelyard.rules import figures


@pytest.mark.parametrize("value", [1, -2.5, 10**30, math.inf, -math.inf])
def test_a_number_survives_json_whatever_it_is(value: float) -> None:
    text = json.dumps(figures.spelled(value), allow_nan=False)
    assert figures.number(json.loads(text)) == value


@pytest.mark.parametrize("text", ["NaN", "nan", "NAN"])
def test_nan_is_a_number_that_is_none(text: str) -> None:
    found = figures.number(text)
    assert found is not None and math.isnan(found)
    assert figures.spelled(found) == "NaN" and figures.finite(found) is None


@pytest.mark.parametrize("value", [True, None, "", "12", "nan of it", "ınf", [1], {"a": 1}, "NA"])
def test_what_is_no_number(value: object) -> None:
    assert figures.number(value) is None


def test_columns_are_the_numbers_of_all_results() -> None:
    names, rows = figures.columns(
        [
            {
                "cost": 1.5,
                "by": {"2050": 2, "notes": None},
                "series": [1, 2],
                "ok": True,
                "status": "optimal",
            },
            {"cost": "NaN", "by": {"2050": None}, "error": None, "status": "infeasible"},
            {"cost": "none found", "by": 3},
            None,
            7,
        ]
    )
    assert names == ["cost", "by.2050", "by", "result"]
    assert rows[0] == {"cost": 1.5, "by.2050": 2}
    assert set(rows[1]) == {"cost", "by.2050"} and all(math.isnan(float(value)) for value in rows[1].values())
    assert rows[2]["cost"] == "none found" and rows[2]["by"] == 3 and rows[4] == {"result": 7}


def test_a_column_of_nothing_but_nan_is_still_a_column() -> None:
    names, rows = figures.columns([{"payback": "NaN", "error": None}, {"payback": "Infinity", "error": None}])
    assert names == ["payback"] and rows[1] == {"payback": math.inf}


def test_what_lies_too_deep_has_no_column() -> None:
    assert figures.columns([{"a": {"b": {"c": {"d": 1, "e": {"f": 2}}}}}])[0] == ["a.b.c.d"]


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        ([1.0, 2.5, None, "x"], ["1", "2.5"]),
        ([53.1203001, 53.1203002], ["53.1203001", "53.1203002"]),
        ([1234567.25, 1234567.5], ["1234567", "1234568"]),
        ([1.000000001e-5, 1e-5], ["1.000000001e-05", "1e-05"]),
        ([0.1 + 0.2, 0.3], ["0.3", "0.3"]),
        ([math.nan, math.inf, 2], ["not a number", "not a number", "2"]),
        ([-0.0, 3], ["0", "3"]),
    ],
)
def test_different_numbers_of_a_column_look_different(column: list[object], texts: list[str]) -> None:
    more = figures.more_digits(column)
    numbers = [value for value in column if isinstance(value, int | float)]
    assert [figures.text(value, more) for value in numbers] == texts
