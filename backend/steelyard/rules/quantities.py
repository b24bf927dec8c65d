"""Sizes and durations between text and number, so that every door of the program reads and says them alike.

Nothing here knows what a value is for: ranges are the caller's.
"""

from __future__ import annotations

import itertools
import math
import re
from decimal import ROUND_FLOOR, Decimal
from typing import Final

KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30
TIB: Final = 2**40

LARGEST_SIZE: Final = 2**63 - 1
"""Bytes; the largest integer that the database can hold."""

LONGEST_DURATION: Final = 1e12
"""Seconds, about 31,700 years; beyond it a time of day stops being exact to a millisecond."""

_SIZE_UNITS: Final = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": KIB,
    "mib": MIB,
    "gib": GIB,
    "tib": TIB,
}
_DURATION_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# ASCII digits only: `\d` and int() would also take those of forty other scripts. Forty digits are enough for
# every size there is, and keep a hostile megabyte of digits away from the arithmetic.
_NUMBER_AND_UNIT: Final = re.compile(r"([0-9]{1,40}(?:\.[0-9]{1,40})?) ?([A-Za-z]*)")


def parse_size(value: int | str) -> int:
    """Bytes from whole bytes (an int, or "8589934592") or a number with a unit ("8GiB", "8 GB", "1.5 GiB").

    kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB powers of 1024 (IEC 80000-13); capitals do not
    matter. A fraction of a byte is dropped. ValueError with a sentence for anything else: a negative size,
    "8e9", "8G", 8e9.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"a size is whole bytes or a number with a unit, such as 8GiB, not {_shown(value)}")
    if isinstance(value, str):
        size = _size_of_text(value)
    elif value < 0:
        raise ValueError("a size is not negative")
    else:
        size = value
    if size > LARGEST_SIZE:
        raise ValueError(f"a size is at most {LARGEST_SIZE} bytes")
    return size


def _size_of_text(text: str) -> int:
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None:
        if text.strip().startswith("-"):
            raise ValueError("a size is not negative")
        raise ValueError(f"a size is whole bytes or a number with a unit, such as 8GiB, not {_shown(text)}")
    number, unit = match[1], match[2].lower()
    if not unit:
        if "." in number:
            raise ValueError(f"a size without a unit is whole bytes, not {_shown(text)}")
        return int(number)
    if unit not in _SIZE_UNITS:
        raise ValueError(f"the unit of {_shown(text)} is none of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB")
    return int((Decimal(number) * _SIZE_UNITS[unit]).to_integral_value(ROUND_FLOOR))


def parse_duration(value: float | str) -> float:
    """Seconds from a number of seconds, or from "90s", "15m", "48h", "2d" (86,400 s a day; a space allowed).

    ValueError with a sentence for anything else, for a negative one, and for NaN or infinity.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"a duration is seconds or a number with s, m, h or d, not {_shown(value)}")
    if isinstance(value, str):
        seconds = _seconds_of_text(value)
    else:
        seconds = Decimal(value)
        if not seconds.is_finite():
            raise ValueError(f"a duration is a finite number, not {value}")
        if seconds < 0:
            raise ValueError("a duration is not negative")
    if seconds > Decimal(LONGEST_DURATION):
        raise ValueError(f"a duration is at most {LONGEST_DURATION:.0f} seconds")
    return float(seconds)


def _seconds_of_text(text: str) -> Decimal:
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None:
        if text.strip().startswith("-"):
            raise ValueError("a duration is not negative")
        raise ValueError(f"a duration is seconds or a number with s, m, h or d, not {_shown(text)}")
    unit = match[2].lower() or "s"
    if unit not in _DURATION_UNITS:
        raise ValueError(f"the unit of {_shown(text)} is none of s, m, h, d")
    return Decimal(match[1]) * _DURATION_UNITS[unit]


def _shown(value: object) -> str:
    """A value for a sentence, quoted and cut: it came from outside."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def format_size(size: float) -> str:
    """Bytes for people, in powers of 1024: "512 B", "1.5 MiB", "500 MiB", "8.0 GiB".

    One digit after the point below 100, none from there on. A negative size keeps its sign.
    """
    sign, left = ("-", -size) if size < 0 else ("", size)
    if round(left) < KIB:
        return f"{sign}{left:.0f} B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        left /= 1024
        # 1023.7 KiB would be shown as "1024 KiB": what rounds up to the next unit is said in that unit.
        if round(left) < 1024 or unit == "TiB":
            break
    return f"{sign}{left:.1f} {unit}" if left < 99.95 else f"{sign}{left:.0f} {unit}"


def format_duration(seconds: float) -> str:
    """Seconds for people, in the two largest units that say something: "45 s", "3 min 5 s", "2 h 40 min".

    Rounded to the smaller unit shown; below one second one digit after the point. ValueError if not finite.
    """
    if not math.isfinite(seconds):
        raise ValueError(f"a duration is a finite number, not {seconds}")
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    if left == 0:
        return "0 s"
    if left < 0.95:
        return f"{sign}{max(left, 0.1):.1f} s"
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for (large_name, large), (small_name, small) in itertools.pairwise(units):
        whole = round(left / small) * small
        if whole >= large:
            count, rest = divmod(whole, large)
            tail = f" {rest // small} {small_name}" if rest else ""
            return f"{sign}{count} {large_name}{tail}"
    return f"{sign}{round(left)} s"
