"""Admission: how many workers the memory bears, and whether one more task may start.

Sizes are bytes. Two questions are asked of the same headroom, and they differ in the idle workers: whoever
wants one more *worker* must leave room for what the idle ones are about to take; a *task* that starts takes
the room of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from steelyard.rules.quantities import GIB, MIB

SMALLEST_GUARD: Final = 2 * GIB
WINDOWS_GUARD: Final = 1 * GIB
"""More on Windows, which refuses memory at its commit limit, before the RAM is full (NOTES, *Memory*)."""

LARGEST_DEFAULT_PEAK: Final = 8 * GIB
SMALLEST_PEAK: Final = 16 * MIB
"""The least that WORKER_PEAK_MEMORY may be set to, and so the least that its default rule gives."""

Pressure = Literal["normal", "warning", "critical"]
BoundBy = Literal["memory", "cores", "cap"]
Source = Literal["task", "simulation", "learned", "default"]
Refusal = Literal["insufficient_memory", "at_capacity", "no_cores"]
"""Why no worker may be added: the codes of the HTTP answer 409."""


@dataclass(frozen=True, slots=True)
class MemoryView:
    """The machine's memory as admission weighs it; total and available are the smaller of machine and cgroup.

    pressure_halves: True on macOS, where `available` misleads and the pressure level tells; there a level
    other than normal halves the headroom. Linux's pressure stops starts by itself (the ladder), it halves
    nothing.
    """

    total: int
    available: int
    guard: int
    pressure: Pressure = "normal"
    pressure_halves: bool = False


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A STARTING, RUNNING or DRAINING worker: the claim of its task (0: idle), what its tree uses now, and
    the most that it has used so far.
    """

    claim: int
    uses: int
    peak: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """How many workers may live, which limit says so, and the headroom (may be negative) it was reckoned
    from.
    """

    admissible: int
    bound_by: BoundBy
    headroom: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The memory that a task is reckoned with, and where the figure comes from."""

    bytes: int
    source: Source


def memory_guard(total: int, *, windows: bool = False) -> int:
    """Memory never given to workers: max(2 GiB, 10 % of total, rounded up), and 1 GiB more on Windows."""
    return max(SMALLEST_GUARD, -(-total // 10)) + (WINDOWS_GUARD if windows else 0)


def default_claim(configured: int | None, total: int, guard: int) -> int:
    """The claim when nothing is known: WORKER_PEAK_MEMORY, unset 8 GiB, or total − guard on a smaller
    machine.
    """
    if configured is not None:
        return configured
    return max(SMALLEST_PEAK, min(LARGEST_DEFAULT_PEAK, total - guard))


def claim_of(
    task: int | None,
    simulation: int | None,
    learned: int | None,
    default_peak: int | None,
    total: int,
    guard: int,
) -> Claim:
    """What the task asks for, else what its simulation declares, else what was learned, else the default.

    ValueError for a claim below 1 byte: it would mean an idle worker.
    """
    stated: tuple[tuple[int | None, Source], ...] = (
        (task, "task"),
        (simulation, "simulation"),
        (learned, "learned"),
    )
    for size, source in stated:
        if size is not None:
            if size < 1:
                raise ValueError(f"a claim is at least 1 byte, not {size}")
            return Claim(size, source)
    return Claim(default_claim(default_peak, total, guard), "default")


def headroom(memory: MemoryView, live: Sequence[LiveWorker], *, idle_claim: int = 0) -> int:
    """available − guard − Σ over live workers max(0, max(claim, peak) − what its tree uses now); negative
    when overdrawn.

    What a tree uses is missing from `available` already, so only its remaining growth is held back: each
    worker counts once. One that has used more than its claim, and holds less now, is about to take that
    again. idle_claim stands in for the claim of an idle worker: 0 when a task asks (it takes the place of
    one).
    """
    growth = sum(max(0, max(worker.claim or idle_claim, worker.peak) - worker.uses) for worker in live)
    room = memory.available - memory.guard - growth
    # Half of a debt would be a smaller debt: only what is free is halved.
    return room // 2 if memory.pressure_halves and memory.pressure != "normal" and room > 0 else room


def admissible(
    memory: MemoryView, live: Sequence[LiveWorker], active: int, peak: int, cores: int, cap: int
) -> Admission:
    """active + floor(headroom / peak), never below 0, at most the physical cores and WORKER_MAX_COUNT.

    active: workers STARTING, RUNNING or DRAINING; peak: the claim of the task that would start next, else the
    default, and what each idle worker is about to take. Of limits that tie, memory is named before cores
    before cap. ValueError for a peak below 1.
    """
    if peak < 1:
        raise ValueError(f"a peak is at least 1 byte, not {peak}")
    room = headroom(memory, live, idle_claim=peak)
    limits: tuple[tuple[int, BoundBy], ...] = (
        (max(0, active + room // peak), "memory"),
        (cores, "cores"),
        (cap, "cap"),
    )
    most, bound_by = min(limits, key=lambda limit: limit[0])
    return Admission(most, bound_by, room)


def alone(peak: int, memory: MemoryView, live: Sequence[LiveWorker]) -> int:
    """Bytes that one more worker is weighed by whose task may claim all that the machine could give: what is
    free, while no task runs, for such a claim never fits beside the system itself and starts without fitting.
    """
    room = headroom(memory, live)
    everything = peak >= memory.total - memory.guard
    if everything and SMALLEST_PEAK <= room < peak and not any(worker.claim for worker in live):
        return room
    return peak


def may_add(
    memory: MemoryView,
    live: Sequence[LiveWorker],
    active: int,
    peak: int,
    cores: int,
    cap: int,
    *,
    force: bool = False,
) -> Refusal | None:
    """None if one more worker may start, else the code of the refusal; arguments as for admissible().

    None without force exactly when active < admissible (the status's `can_add`). force overrides memory and
    cores, never the hard cap.
    """
    if active >= cap:
        return "at_capacity"
    found = admissible(memory, live, active, peak, cores, cap)
    if force or active < found.admissible:
        return None
    # The bound that is shown. Where memory and cores tie, more memory would not help.
    return "no_cores" if found.admissible == cores else "insufficient_memory"


def will_never_fit(claim: int, total: int, guard: int) -> bool:
    """True if the machine could not hold this claim even with nothing else on it: claim > total − guard."""
    return claim > total - guard


def to_close(programs: Sequence[tuple[str, int]], missing: int) -> list[tuple[str, int]]:
    """Which programs (name, bytes) to close so that `missing` bytes come free; [] where all would not do.

    The smallest one that does alone, else the largest together.
    """
    alone = [program for program in programs if program[1] >= missing]
    if missing <= 0 or alone:
        return [min(alone, key=lambda program: program[1])] if missing > 0 else []
    chosen: list[tuple[str, int]] = []
    for program in sorted(programs, key=lambda program: program[1], reverse=True):
        chosen.append(program)
        if sum(size for _, size in chosen) >= missing:
            return chosen
    return []


def may_start(
    claim: int, source: Source, memory: MemoryView, live: Sequence[LiveWorker], nothing_else_runs: bool
) -> bool:
    """True if a task of this claim may start beside the live workers (idle ones count nothing).

    A claim that is a guess, by default or learned, starts anyway when no other task runs, as long as there is
    memory above the guard at all: nobody said that so much is needed. The dispatcher asks choose(),
    which knows the queue as well; this is the same answer for one task alone.
    """
    room = headroom(memory, live)
    return claim <= room or (source in ("default", "learned") and nothing_else_runs and room > 0)
