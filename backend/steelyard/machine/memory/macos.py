"""macOS: physical memory, what psutil calls available, and the kernel's pressure level.

On Apple silicon `available` misleads (the compressor hides what is really left): the pressure level is the
figure that counts, and rules halves the headroom by it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import psutil

from steelyard.machine.memory.reading import MemoryReading, Pressure

LEVEL = "kern.memorystatus_vm_pressure_level"
_WORDS: dict[int, Pressure] = {1: "normal", 2: "warning", 4: "critical"}
"""DISPATCH_MEMORYPRESSURE_NORMAL, _WARN and _CRITICAL of <dispatch/source.h>."""


def pressure_level() -> int | None:
    """The kernel's level (1, 2 or 4), None if this kernel does not say."""
    value = ctypes.c_uint32(0)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    system = ctypes.CDLL(None, use_errno=True)
    if system.sysctlbyname(LEVEL.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)):
        return None
    return value.value


def swap() -> tuple[int | None, int | None]:
    """Total and free bytes of the swap, which grows as it is needed here."""
    found = psutil.swap_memory()
    return found.total, found.free


def amounts() -> tuple[int, int]:
    """Total and available bytes of the machine."""
    memory = psutil.virtual_memory()
    return memory.total, memory.available


def probe(
    amounts: Callable[[], tuple[int, int]] = amounts,
    level: Callable[[], int | None] = pressure_level,
    swap: Callable[[], tuple[int | None, int | None]] = swap,
) -> MemoryReading:
    """The memory now."""
    total, available = amounts()
    # A level that we do not know is between the words: the milder one below it, never silence.
    found = level()
    word: Pressure = "normal"
    if found is not None:
        word = _WORDS.get(found, "critical" if found > 4 else "warning")
    swap_total, swap_free = swap()
    return MemoryReading(
        total,
        max(0, min(available, total)),
        word,
        pressure_halves=True,
        swap_total=swap_total,
        swap_free=swap_free,
    )
