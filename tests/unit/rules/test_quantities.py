"""Sizes and durations: what is read, what is refused, and that what is said is true."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.quantities import (
    GIB,
    LARGEST_SIZE,
    LONGEST_DURATION,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (0, 0),
        (8589934592, 8 * GIB),
        ("8589934592", 8 * GIB),
        ("8GiB", 8 * GIB),
        ("8 GiB", 8 * GIB),
        ("8 GB", 8 * 10**9),
        ("8gb", 8 * 10**9),
        ("1.5 GiB", 3 * GIB // 2),
        ("16MiB", 16 * 2**20),
        ("64 TiB", 64 * 2**40),
        ("0.3 B", 0),
        (" 5 kB ", 5000),
        (LARGEST_SIZE, LARGEST_SIZE),
    ],
)
def test_sizes_are_read(value: int | str, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "GiB", "8e9", "8 e9", "8G", "8 GiBs", "8  GiB", "0x10", "1_000", "8,5 GiB", ".5 GiB", "8.5",
        "8.GiB", "-1", "-1 GiB", "+8", "nan", "inf", "８", "٨ GiB", "8 GiB\x00", "9" * 5_000, "9" * 40,
        -1, LARGEST_SIZE + 1, 10**400, 8e9, True, None, [8], {"size": 8},
    ],
)  # fmt: skip
def test_what_is_no_size_is_refused_with_a_sentence(value: object) -> None:
    with pytest.raises(ValueError, match=r"size|unit") as caught:
        parse_size(value)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 200


@given(st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.none(), st.binary(max_size=5)))
def test_any_value_is_a_size_or_a_value_error(value: object) -> None:
    try:
        size = parse_size(value)  # type: ignore[arg-type]
    except ValueError:
        return
    assert isinstance(size, int)
    assert 0 <= size <= LARGEST_SIZE


@given(st.integers(0, 10**6), st.sampled_from(["kB", "MB", "GB", "KiB", "MiB", "GiB"]))
def test_a_unit_multiplies_exactly(number: int, unit: str) -> None:
    factor = (1024 if "i" in unit else 1000) ** ("KMG".index(unit[0].upper()) + 1)
    assert parse_size(f"{number}{unit}") == number * factor == parse_size(f"{number} {unit}")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (1.5, 1.5),
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("48h", 172800),
        ("2d", 172800),
        ("1.5 h", 5400),
    ],
)
def test_durations_are_read(value: float | str, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "", "s", "1h30m", "90 sec", "1e3", "-1", "-5s", "nan", "inf", "９s",
        -1, -0.5, math.nan, math.inf, -math.inf, 10**400, True, None, [1],
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_a_sentence(value: object) -> None:
    with pytest.raises(ValueError, match=r"duration|unit"):
        parse_duration(value)  # type: ignore[arg-type]


@given(st.one_of(st.text(max_size=30), st.integers(), st.floats()))
def test_any_value_is_a_duration_or_a_value_error(value: float | str) -> None:
    try:
        seconds = parse_duration(value)
    except ValueError:
        return
    assert 0 <= seconds <= LONGEST_DURATION


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (512, "512 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
        (1048575, "1.0 MiB"),
        (524288000, "500 MiB"), (int(3.1 * GIB), "3.1 GiB"), (8 * GIB, "8.0 GiB"),
        (64 * GIB, "64.0 GiB"),
        (2**60, "1048576 TiB"), (-GIB, "-1.0 GiB"),
    ],
)  # fmt: skip
def test_sizes_are_said(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(0, LARGEST_SIZE))
def test_what_is_said_of_a_size_is_true_to_its_last_digit(size: int) -> None:
    text = format_size(size)
    last_digit = 0.05 if "." in text else 0.5
    unit = parse_size("1 " + text.split()[1])
    assert abs(float(text.split()[0]) - size / unit) <= last_digit * 1.001


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.01, "0.1 s"), (0.3, "0.3 s"), (0.97, "1 s"), (45, "45 s"), (59.6, "1 min"),
        (185, "3 min 5 s"), (3599.7, "1 h"), (9600, "2 h 40 min"), (9650, "2 h 41 min"), (86399, "1 d"),
        (22320, "6 h 12 min"), (200000, "2 d 8 h"), (-90, "-1 min 30 s"),
    ],
)  # fmt: skip
def test_durations_are_said(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(1, 1e9))
def test_what_is_said_of_a_duration_is_within_half_its_smaller_unit(seconds: float) -> None:
    factors = {"s": 1, "min": 60, "h": 3600, "d": 86400}
    parts = re.findall(r"(\d+) (s|min|h|d)", format_duration(seconds))
    said = sum(int(number) * factors[unit] for number, unit in parts)
    larger = factors[parts[0][1]]
    smaller = max((factor for factor in factors.values() if factor < larger), default=1)
    assert abs(said - seconds) <= smaller / 2 + 1e-6


@pytest.mark.parametrize("seconds", [math.nan, math.inf])
def test_no_duration_is_said_of_what_is_not_finite(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        format_duration(seconds)
