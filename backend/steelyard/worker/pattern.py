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


class DeclaredPattern:
    """Two groups: "a of b". One group: per cent or a fraction, see fraction_in()."""

    def __init__(self, pattern: str, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._fractions = False
        self.usable = False
        """Whether the pattern is (still) tried."""
        try:
            with warnings.catch_warnings():
                # It was read, and accepted, where the simulation's file was.
                warnings.simplefilter("ignore", FutureWarning)
                self._regex = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            warn(f"the progress pattern {pattern!r:.200} is not used: {error}")
            return
        self.usable = self._regex.groups in (1, 2)
        if not self.usable:
            warn(f"the progress pattern {pattern!r:.200} is not used: it needs one group or two")

    def fraction_in(self, line: bytes) -> float | None:
        """How far the line says the task is, 0 to 1; None if it says nothing.

        One group: per cent if a % follows it, or if the number is above 1, or if it is a whole number (a
        fraction is written with its point) and no fraction has come before; else a fraction.
        """
        text = text_of(line[: 4 * LINE])[:LINE]
        try:
            found = limited(PATIENCE, self._regex.search, text)
        except TookTooLong:
            self.usable = False
            slow = f"the progress pattern {self._regex.pattern!r:.200} is given up"
            self._warn(f"{slow}: one line took over {PATIENCE} s")
            return None
        if found is None:
            return None
        try:
            numbers = [float(group.replace(",", "").replace("_", "")) for group in found.groups("")]
        except ValueError:
            return None
        if len(numbers) == 2:
            done, total = numbers
            value = done / total if total > 0 else -1.0
        else:
            value = self._of_one(numbers[0], found[1], text[found.end(1) :])
        return min(1.0, value) if 0 <= value <= 1.001 else None

    def _of_one(self, value: float, written: str, after: str) -> float:
        if after.lstrip().startswith("%") or value > 1:
            return value / 100
        if "." in written:
            self._fractions = True
        return value if self._fractions or value == 0 else value / 100
