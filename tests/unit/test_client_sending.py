"""What a program may give: numbers and tables of numpy and pandas, paths, dates; the rest is named."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest

from steelyard.client.calls import Calls
from steelyard.client.sending import as_json, rows_of
from steelyard.rules.errors import InvalidRequest


class NAType:
    """What pandas' NA is called; there is no pandas among the dependencies."""


class Frame:
    """What a DataFrame of pandas does when it is asked for its rows."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self._rows = list(rows)

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return self._rows

    def __iter__(self) -> Any:
        return iter(self._rows[0])


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.uint8(7), 7),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.arange(3), [0, 1, 2]),
        (np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
        (np.array(4.0), 4.0),
        ((np.int16(1), [np.float16(2.0)]), [1, [2.0]]),
        (PurePosixPath("/data/a.csv"), "/data/a.csv"),
        (date(2030, 1, 2), "2030-01-02"),
        (datetime(2030, 1, 2, tzinfo=UTC), "2030-01-02T00:00:00+00:00"),
    ],
)
def test_what_stands_for_a_plain_value_is_sent_as_that(value: Any, plain: Any) -> None:
    assert json.loads(as_json({"parameters": {"x": value}})) == {"parameters": {"x": plain}}


@pytest.mark.parametrize(
    ("value", "where", "why"),
    [
        (float("nan"), "x", "JSON has no form for nan; leave it out, or give None"),
        (np.float32("inf"), "x", "JSON has no form for inf"),
        (np.array([1.0, np.nan]), "x[1]", "JSON has no form for nan"),
        ([{"a": np.float64("nan")}], "x[0].a", "JSON has no form for"),
        (NAType(), "x", "it is a missing value; leave it out, or give None"),
        (np.datetime64("2030-01-02"), "x", "a moment of numpy has no form in JSON; give it as text"),
        (np.array(["2030-01-02"], "M8[ns]"), "x", "a moment of numpy"),
        (1j, "x", "JSON has no form for a complex"),
        (np.complex64(1), "x", "JSON has no form for a complex"),
        (np.longdouble(1), "x", "JSON has no form for a longdouble"),
        ({1, 2}, "x", "JSON has no form for a set"),
        ({(1, 2): 3}, "x", "the name (1, 2) in it is no text"),
        (["gr\udcf6.txt"], "x[0]", "holds bytes that are no text in UTF-8"),
        ({"\udcf6": 1}, "a name in parameters.x", "holds bytes that are no text in UTF-8"),
    ],
)
def test_what_cannot_be_sent_is_named_with_its_place(value: Any, where: str, why: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        as_json({"simulation": "demo", "parameters": {"good": 1, "x": value}})
    place = where if where.startswith("a name") else f"parameters.{where}"
    assert str(refused.value).startswith(f"{place} cannot be sent: ")
    assert why in str(refused.value)


def test_a_value_inside_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidRequest, match="inside itself"):
        as_json({"parameters": value})


def test_a_table_is_a_list_of_rows() -> None:
    frame = Frame({"price": np.float64(1.0)}, {"price": np.nan})
    assert rows_of(Frame({"a": 1}, {"a": 2})) == [{"a": 1}, {"a": 2}]
    with pytest.raises(InvalidRequest, match=r"rows\[1\].price cannot be sent: JSON has no form for nan"):
        as_json(Calls.sweep.call("demo", rows=frame).body or {})
    with pytest.raises(InvalidRequest, match=r"rows\[0\] is no mapping of names to values: 1"):
        rows_of([1])


def test_a_text_is_no_list_of_letters() -> None:
    body = Calls.sweep.call("demo", grid={"path": "reference", "year": np.arange(2030, 2032)}).body
    assert body is not None and body["grid"] == {"path": "reference", "year": [2030, 2031]}


def test_run_is_what_the_command_line_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call = Calls.program.call(["python", Path("m.py"), 3], environment={"A": None}, memory="1GiB")  # type: ignore[list-item]
    assert call.body == {
        "simulation": "command",
        "parameters": {"argv": ["python", "m.py", "3"], "directory": os.getcwd(), "environment": {"A": None}},
        "label": "python m.py 3",
        "attempts": 1,
        "memory": "1GiB",
    }
    with pytest.raises(InvalidRequest, match="argv is a list: the program, then each argument"):
        Calls.program.call("python m.py")
    with pytest.raises(InvalidRequest, match=r"rename the file.*gr\\udcf6\.txt' holds bytes"):
        Calls.program.call(["cat", "gr\udcf6.txt"])
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(InvalidRequest, match="the folder that you are in has been deleted"):
        Calls.program.call(["x"])
    assert Calls.program.call(["x"], directory=tmp_path).body is not None
