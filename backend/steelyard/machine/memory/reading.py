"""What a look at the memory brings, whatever the system: a plain value that tests can make up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pressure = Literal["normal", "warning", "critical"]
Source = Literal["machine", "cgroup v1", "cgroup v2"]


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """Memory at one moment, in bytes; total and available are the smaller of the machine's and the cgroup's.

    source says whose total it is. pressure is the system's own word, by the thresholds of its file here.
    windows: a system that fails on its commit limit, for which rules leave a larger guard. pressure_halves:
    one whose `available` misleads (macOS), where rules go by the pressure instead.
    """

    total: int
    available: int
    pressure: Pressure = "normal"
    source: Source = "machine"
    windows: bool = False
    pressure_halves: bool = False
    swap_total: int | None = None
    swap_free: int | None = None
    """Bytes of the machine's swap; None where the system does not tell. Nothing is ever reckoned with it."""

    @property
    def used(self) -> int:
        """Bytes that are not available: what programs hold and the system cannot take back by itself."""
        return self.total - self.available

    @property
    def percent(self) -> float:
        """used in per cent of total, one decimal."""
        return round(100.0 * self.used / self.total, 1) if self.total else 0.0


def worse(one: Pressure, other: Pressure) -> Pressure:
    """The more severe of two."""
    order: tuple[Pressure, ...] = ("normal", "warning", "critical")
    return order[max(order.index(one), order.index(other))]
