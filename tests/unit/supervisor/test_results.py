"""result.json as programs write it: what can be taken is taken, and a sentence says what could not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steelyard.supervisor import results
from steelyard.supervisor.results import read_result


@pytest.mark.parametrize(
    ("data", "value", "said"),
    [
        (b'{"cost": 1.5}', {"cost": 1.5}, None),
        (b'\xef\xbb\xbf{"cost": 1.5}', {"cost": 1.5}, None),
        ('{"ort": "Köln"}'.encode("utf-16"), {"ort": "Köln"}, None),
        ('{"ort": "Köln"}'.encode("latin-1"), {"ort": "Köln"}, "Latin-1"),
        (b'{"cost": 0.0, "payback": NaN}', {"cost": 0.0, "payback": None}, "payback is not a number"),
        (b'{"a": [1, Infinity], "b": {"c": -Infinity}}', {"a": [1, None], "b": {"c": None}}, "a[1], b.c"),
        (b'{"cost": 1e400}', {"cost": None}, "cost is not a number"),
        (b'{"uy": }', None, "line 1 column 8"),
        (b'{"cost": 1,}', None, "line 1 column"),
        (b'{"half": "\\ud800"}', None, "could not be read"),
        (b"[" * 30_000, None, "nested too deeply"),
        (b"", None, "line 1 column 1"),
        (b" " * results.LIMIT + b"1", None, "larger than 64"),
    ],
)
def test_odd_contents(tmp_path: Path, data: bytes, value: object, said: str | None) -> None:
    (tmp_path / "result.json").write_bytes(data)
    found = read_result(tmp_path)
    assert found.value == value
    assert found.remark is None if said is None else said in str(found.remark)


def test_a_number_of_any_length_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_bytes(b'{"digits": ' + b"9" * 5000 + b"}")
    found = read_result(tmp_path)
    assert found.value is not None or found.remark is not None


def test_odd_kinds(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    assert read_result(tmp_path) == results.ResultFile()
    os.mkfifo(path)
    assert "not a regular file" in str(read_result(tmp_path).remark)
    path.unlink()
    path.mkdir()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert "not a regular file" in str(read_result(tmp_path).remark)
    assert not before or len(os.listdir("/proc/self/fd")) == before
    path.rmdir()
    (tmp_path / "other").write_text("1")
    path.symlink_to("other")
    assert "a link" in str(read_result(tmp_path).remark)
