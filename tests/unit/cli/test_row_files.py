"""The rows of a sweep as spreadsheets write them: what could mean two things is not guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from steelyard.cli import row_files

SCHEMAS: dict[str, dict[str, Any]] = {
    "case": {"type": "string"},
    "year": {"type": "integer"},
    "price": {"type": "number", "minimum": 0},
    "limit": {"type": ["number", "null"]},
    "share": {"enum": [0.5, 1.5]},
    "grid": {"type": "boolean"},
    "any": {},
}


def read(folder: Path, data: str | bytes) -> list[dict[str, Any]]:
    path = folder / "rows.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return row_files.rows_of(str(path), SCHEMAS)


@pytest.mark.parametrize(
    "text",
    [
        "case,year\n007,2030\n,2040\n",
        "\ufeffcase;year\r\n007;2030\r\n;2040\r\n",
        "case\tyear\n007\t2030\n\n\t2040",
        '[{"case": "007", "year": 2030}, {"year": 2040}]',
    ],
)
def test_rows_of_csv_and_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows"
    path.write_bytes(text.encode())
    schemas = {"case": {"type": "string"}, "year": {"type": "integer"}}
    assert row_files.rows_of(str(path), schemas) == [{"case": "007", "year": 2030}, {"year": 2040}]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"sep=;", "is empty"),
        (b"a,a\n1,2\n", "each by another name"),
        (b"a,b\n1\n", "row 1 has 1 cells"),
        (b'a,b\n"1,2\n', "line"),
        (b"\xff\xfe", "is empty"),
        (b'{"a": 1}', "no JSON list of objects"),
        (b"[1]", "no JSON list of objects"),
        (b"[{]", "is not JSON"),
    ],
)
def test_rows_that_cannot_be_read_are_bad_usage(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "rows"
    path.write_bytes(data)
    with pytest.raises(click.BadParameter, match=why):
        row_files.rows_of(str(path), {})


@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\r\n', "\ufeffsep=;\r"])
def test_a_first_line_says_what_stands_between_columns(tmp_path: Path, first: str) -> None:
    assert read(tmp_path, f"{first}case;year\r\na, b, c, d;2030\r\n") == [
        {"case": "a, b, c, d", "year": 2030}
    ]


def test_a_line_of_columns_may_begin_with_sep(tmp_path: Path) -> None:
    assert read(tmp_path, "any,sep=x\n1,2\n") == [{"any": 1, "sep=x": 2}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_what_excel_calls_unicode_text_is_read(tmp_path: Path, encoding: str) -> None:
    text = "case\tprice\r\nKöln\t1,5\r\n"
    assert read(tmp_path, text.encode(encoding)) == [{"case": "Köln", "price": 1.5}]


@pytest.mark.parametrize(("encoding", "said"), [("cp1252", "Windows-1252"), ("latin-1", "Latin-1")])
def test_what_is_no_utf_8_is_read_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str, said: str
) -> None:
    case = "Köln, 5 €" if encoding == "cp1252" else "Köln"
    assert read(tmp_path, f'case;year\r\n"{case}";2030\r\n'.encode(encoding)) == [
        {"case": case, "year": 2030}
    ]
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["case,year,\na,2030,\nb,,\n", "case,year,,\na,2030\nb,,,\n", "case,year\na,2030,\nb,\n"]
)
def test_columns_without_name_and_value_are_none(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == [{"case": "a", "year": 2030}, {"case": "b"}]


def test_a_value_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match="one has no name"):
        read(tmp_path, "case,year,\na,2030,7\n")
    with pytest.raises(click.BadParameter, match="year stands there twice"):
        read(tmp_path, "year,case,year\n1,2,3\n")


@pytest.mark.parametrize(
    ("cell", "value"),
    [("TRUE", True), ("False", False), ("WAHR", True), ("falsch", False), ("VRAI", True), ("FAUX", False),
     ("true", True), ("1", 1), ("yes", "yes")],
)  # fmt: skip
def test_truth_as_excel_writes_it(tmp_path: Path, cell: str, value: object) -> None:
    [row] = read(tmp_path, f"grid,case,any\n{cell},{cell},{cell}\n")
    assert row["grid"] == value and type(row["grid"]) is type(value)
    assert row["case"] == cell


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1,5", 1.5), ("-0,25", -0.25), ("1.234,5", 1234.5), ("1\u202f234\u202f567,5", 1234567.5),
     ("1,5E+03", 1500.0), ("2030", 2030), ("+1,5", 1.5), ("1234.5", 1234.5), ("1e3", 1000.0)],
)  # fmt: skip
def test_a_decimal_comma_between_semicolons(tmp_path: Path, cell: str, value: float) -> None:
    rows = read(tmp_path, f"case;price;limit\n1,5;{cell};\nx;0,1;0,2\n")
    assert rows == [{"case": "1,5", "price": value}, {"case": "x", "price": 0.1, "limit": 0.2}]


def test_numbers_of_a_list_have_commas_too(tmp_path: Path) -> None:
    assert read(tmp_path, "share;year\n1,5;2030,0\n") == [{"share": 1.5, "year": 2030.0}]


def test_what_may_be_two_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match=r"row 2, limit: .* 1\.234 may be 1234 or 1,234"):
        read(tmp_path, "price;limit\n1,5;2\n2,5;1.234\n")
    assert read(tmp_path, "price;limit\n15;1.234\n") == [{"price": 15, "limit": 1.234}]
    assert read(tmp_path, "case;price\n1.234;1,5\n") == [{"case": "1.234", "price": 1.5}]


def test_between_commas_a_quoted_comma_is_not_guessed(tmp_path: Path) -> None:
    """1,234 is a thousand to some and a little over one to others: the server refuses the text."""
    assert read(tmp_path, 'price,year\n"1,234",2030\n') == [{"price": "1,234", "year": 2030}]
