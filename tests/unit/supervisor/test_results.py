"""result.json as programs write it: what can be taken is taken, and a sentence says what could not."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from steelyard.store.records import from_json, to_json
from steelyard.supervisor import results
from steelyard.supervisor.results import read_result


@pytest.mark.parametrize(
    ("data", "value", "said"),
    [
        (b'{"cost": 1.5}', {"cost": 1.5}, None),
        (b'\xef\xbb\xbf{"cost": 1.5}', {"cost": 1.5}, None),
        ('{"ort": "Köln"}'.encode("utf-16"), {"ort": "Köln"}, None),
        ('{"ort": "Köln"}'.encode("utf-16-le"), {"ort": "Köln"}, None),
        ('{"ort": "Köln"}'.encode("latin-1"), {"ort": "Köln"}, "Latin-1"),
        (b'{"cost": 0.0, "payback": NaN}', {"cost": 0.0, "payback": "NaN"}, "payback is not a number"),
        (b'{"a": [1, Infinity], "b": {"c": -Infinity}}',
         {"a": [1, "Infinity"], "b": {"c": "-Infinity"}}, "a[1], b.c"),
        (b'{"cost": 1e400, "n": 123456789012345678901234567890}',
         {"cost": "Infinity", "n": 123456789012345678901234567890}, "cost is not a number"),
        (b'{"cost": 1, "digits": ' + b"9" * 5000 + b"}", {"cost": 1, "digits": "Infinity"}, "digits is not"),
        (b'{"uy": }', None, "line 1 column 8"),
        (b'{"cost": 1,}', None, "line 1 column"),
        (b'{"half": "\\ud800", "cost": 1}', {"half": "?", "cost": 1}, "half holds half a character"),
        (b'{"cost": 1, "cost": 2}', {"cost": 2}, "cost stands there twice"),
        (b'{"name": "a\\u0000b"}', {"name": "a\0b"}, None),
        (b"[" * 30_000, None, "nested too deeply"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b', "cost": 1}', ..., "nested too deeply and left out"),
        (b"", None, "is empty"),
        (b" \n", None, "is empty"),
        (b" " * results.LIMIT + b"1", 1, None),
        (b"NaN", "NaN", "the result is not a number"),
        (b"Killed", None, "line 1 column 1"),
    ],
)  # fmt: skip
def test_odd_contents(tmp_path: Path, data: bytes, value: object, said: str | None) -> None:
    (tmp_path / "result.json").write_bytes(data)
    found = read_result(tmp_path)
    assert found.value == value or (value is ... and found.value["cost"] == 1)
    assert found.remark is None if said is None else said in str(found.remark)
    assert from_json(to_json(found.value)) == found.value


@pytest.mark.parametrize(
    "more",
    [
        {"series": list(range(20_000))},
        {"series": list(range(200_000))},
        {"log": "x" * 100_000},
        {"by": {f"hour {hour}": [hour] * 10 for hour in range(3_000)}},
    ],
)
def test_of_a_large_result_the_numbers_are_kept_and_what_is_not_is_named(
    tmp_path: Path, more: dict[str, object]
) -> None:
    [name] = more
    document = {"cost": 12.5, **more, "status": "optimal", "by year": {"2050": 1}}
    (tmp_path / "result.json").write_text(json.dumps(document))
    found = read_result(tmp_path)
    assert {key: found.value[key] for key in document if key != name} == {
        key: value for key, value in document.items() if key != name
    }
    assert name in str(found.remark) and re.search(
        "result.json has [0-9.]+ [KM]iB, more than", str(found.remark)
    )
    assert len(to_json(found.value)) <= results.LIMIT


def test_of_too_many_numbers_the_first_are_kept(tmp_path: Path) -> None:
    numbers = {f"cost of plant {plant}": plant / 7 for plant in range(5_000)}
    (tmp_path / "result.json").write_text(json.dumps({"total": 1, "by": numbers}))
    found = read_result(tmp_path)
    assert found.value["total"] == 1
    assert 0.9 * results.LIMIT < len(to_json(found.value)) <= results.LIMIT
    assert list(found.value["by"].items()) == list(numbers.items())[: len(found.value["by"])]
    assert f"by.cost of plant {len(found.value['by'])}" in str(found.remark)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "result.json").open("wb") as file:
        file.truncate(results.READ_LIMIT + 1)
    assert read_result(tmp_path) == results.ResultFile(remark="result.json is larger than 16 MiB.")


def test_an_indented_file_is_kept_whole(tmp_path: Path) -> None:
    document = {"rows": [[number] for number in range(5_000)]}
    (tmp_path / "result.json").write_text(json.dumps(document, indent=8))
    assert read_result(tmp_path) == results.ResultFile(document)


def test_odd_kinds(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    assert read_result(tmp_path) == results.ResultFile()
    os.mkfifo(path)
    assert "is a named pipe" in str(read_result(tmp_path).remark)
    path.unlink()
    path.mkdir()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert "is a folder" in str(read_result(tmp_path).remark)
    assert not before or len(os.listdir("/proc/self/fd")) == before
    path.rmdir()
    (tmp_path / "other").write_text("1")
    path.symlink_to("other")
    assert "a link" in str(read_result(tmp_path).remark)
