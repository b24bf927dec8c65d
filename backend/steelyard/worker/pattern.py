"""The regular expression that a simulation declares to find its progress. It may be wrong, or slow."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

from steelyard.machine.decoding import text_of
from steelyard.machine.interruption import TookTooLong, limited

LINE = 1000
"""Characters of a line on which the pattern is tried."""
PATIENCE = 0.25
"""CPU seconds that one line may take before the pattern is given up: (a+)+$ would take years."""

_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")
_ROUNDED = 1.001
"""A sum of steps may end a rounding error above 1."""


class DeclaredPattern:
    """Two groups: "a of b". One group: a part of `total`, or without one per cent or a fraction."""

    def __init__(self, pattern: str, warn: Callable[[str], None], total: float | None = None) -> None:
        self._warn = warn
        self._total = total
        self._fractions = False
        self.usable = False
        """Whether the pattern is (still) tried."""
        try:
            with warnings.catch_warnings():
                # It was read, and accepted, where the simulation's file was.
                warnings.simplefilter("ignore", FutureWarning)
                self._regex = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            warn(f"The progress pattern '{pattern:.200}' is not used: {error}.")
            return
        self.usable = self._regex.groups in (1, 2)
        if not self.usable:
            warn(f"The progress pattern '{pattern:.200}' is not used: it needs one group or two.")

    def fraction_in(self, line: bytes) -> float | None:
        """How far the line says the task is, 0 to 1; None if it says nothing.

        One group: per cent if a % follows it, or if the number is above 1, or if it is a whole number (a
        fraction is written with its point) and no fraction has come before; else a fraction.
        """
        text = text_of(line[: 4 * LINE])[:LINE]
        try:
            found = limited(PATIENCE, self._regex.search, text)
        except TookTooLong:
            self._give_up(f"one line took over {PATIENCE} s")
            return None
        if found is None:
            return None
        try:
            value = self._value(found, text)
        except ValueError:
            return None
        if value > _ROUNDED and self._regex.groups == 1:
            why = "which is no per cent; [progress] total can say of how many"
            if self._total is not None:
                why = f"and the total is {self._total:g}"
            self._give_up(f"it found {found[1]}, {why}")
        return min(1.0, value) if 0 <= value <= _ROUNDED else None

    def _value(self, found: re.Match[str], text: str) -> float:
        """The share that the groups tell, negative where they tell none; ValueError if one is no number."""
        if self._regex.groups == 2:
            done, total = (_number(group) for group in found.groups(""))
            return done / total if total > 0 else -1.0
        if self._total is not None:
            return _number(found.group(1) or "") / self._total
        return self._of_one(found.group(1) or "", text[found.end(1) :])

    def _give_up(self, why: str) -> None:
        self.usable = False
        self._warn(f"The progress pattern '{self._regex.pattern:.200}' is given up: {why}.")

    def _of_one(self, written: str, after: str) -> float:
        written = written.replace(",", ".")
        value = float(written)
        if after.lstrip().startswith("%") or value > 1:
            return value / 100
        if "." in written:
            self._fractions = True
        return value if self._fractions or value == 0 else value / 100


def _number(text: str) -> float:
    """1234, 1,234, 1_234, 0.5 or 0,5. A comma before three digits parts thousands, any other is a point."""
    text = text.replace("_", "")
    return float(text.replace(",", "" if _THOUSANDS.fullmatch(text) else "."))
