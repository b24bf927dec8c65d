"""The scale: what the machine has, what every worker's tree uses, and what therefore still fits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from steelyard.machine.memory import MemoryReading
from steelyard.machine.memory.oom import Counts, struck
from steelyard.machine.processes import TreeUse
from steelyard.machine.task_groups import most_held
from steelyard.rules import admission
from steelyard.rules.admission import LiveWorker, MemoryView
from steelyard.settings.environment import Settings
from steelyard.supervisor.largest_programs import LargestPrograms, Programs
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle

OOM_SAMPLES, OOM_SPACING = 8, 0.2
"""Readings of the kernel's counters that are kept, at least so many seconds apart: those of the last 2 s."""

TIGHT = 1.5
"""Times the guard; below that, trees are sampled and looked at whatever it costs."""


class Sampler(Protocol):
    """What the scale needs of machine.processes.TreeSampler."""

    def sample(self, roots: dict[str, int], counted: Collection[str] = ()) -> dict[str, TreeUse]:
        """The use of the tree below each root, by the root's key; counted: by somebody else."""

    def wants_closer_look(self, *, in_need: bool = False) -> bool:
        """Whether look_closer() has to be called now."""

    def look_closer(self) -> None:
        """Look page by page; blocks. What it finds counts from the next sample on."""

    @property
    def rest(self) -> float:
        """Seconds after which the next sample is worth its cost."""


class Scale:
    """Weighs the machine and the workers' trees; all figures are bytes."""

    def __init__(
        self,
        probe: Callable[[], MemoryReading],
        sampler: Sampler,
        physical_cores: int,
        oom_kills: Callable[[], Counts] = dict,
        programs: Callable[[int], Programs] = lambda limit: [],
    ) -> None:
        """oom_kills: the kernel's counters; programs: the largest ones. Without them nothing is known."""
        self.programs = LargestPrograms(programs)
        self._probe = probe
        self._sampler = sampler
        self._oom_kills = oom_kills
        self._ooms_read = -OOM_SPACING
        self._ooms: deque[Counts] = deque([oom_kills()], maxlen=OOM_SAMPLES)
        self.physical_cores = physical_cores
        self.reading = probe()

    def weigh(self) -> None:
        """Read the machine's memory again."""
        self.reading = self._probe()

    def weigh_trees(self, handles: Iterable[WorkerHandle], wall: float, awake: float) -> None:
        """Sample the whole tree of each worker, at this moment (wall: Unix s; awake: s of awake time)."""
        if awake - self._ooms_read >= OOM_SPACING:
            self._ooms_read = awake
            self._ooms.append(self._oom_kills())
        living = {h.worker_id: h for h in handles if h.pid is not None and not h.gone}
        roots = {worker_id: h.pid for worker_id, h in living.items() if h.pid is not None}
        asked = {worker_id: h.group.counted() for worker_id, h in living.items() if h.group is not None}
        groups = {worker_id: counted for worker_id, counted in asked.items() if counted is not None}
        for worker_id, use in self._sampler.sample(roots, groups).items():
            handle, counted = living[worker_id], groups.get(worker_id)
            if counted is not None:
                use = replace(use, memory=counted.held + use.tables)
                if handle.attempt is None:
                    handle.most_before = counted.most or 0
                else:
                    handle.attempt.files_kept = max(handle.attempt.files_kept, counted.files)
            handle.use = use
            if handle.attempt is None:
                handle.own_cpu_seconds = use.cpu_seconds
                # A warm process is no part of the agent: its memory is the next task's.
                if handle.warm is None:
                    handle.own_memory = use.memory
            else:
                spent = max(0.0, use.cpu_seconds - handle.own_cpu_seconds)
                handle.attempt.files = max(handle.attempt.files, use.files)
                handle.attempt.note_sample(wall, awake, handle.task_memory, use.cpu, spent)
                handle.attempt.note_growth(awake, handle.task_memory)

    def are_trees_due(self, since: float, settings: Settings) -> bool:
        """Whether `since` seconds after the last sample of the trees the next one is worth its cost."""
        return since >= self._sampler.rest or self._is_tight(settings)

    def wants_closer_look(self, settings: Settings) -> bool:
        """Whether look_closer() has to be called now: some figure is in doubt."""
        return self._sampler.wants_closer_look(in_need=self._is_tight(settings))

    def look_closer(self) -> None:
        """Look page by page at what is in doubt; blocks."""
        self._sampler.look_closer()

    def _is_tight(self, settings: Settings) -> bool:
        """Whether memory may be short soon, so that figures matter more than what they cost."""
        view = self.view(settings)
        return view.available < TIGHT * view.guard

    def peak_counted(self, handle: WorkerHandle, attempt: RunningAttempt) -> int:
        """Bytes that the kernel counted at the peak of an attempt that ends; 0 where it cannot tell.

        The next attempt may begin before an idle moment is sampled: this peak is none of its own.
        """
        counted = handle.group.counted() if handle.group is not None else None
        if counted is None:
            return 0
        before, handle.most_before = handle.most_before, counted.most or 0
        return most_held(counted, before, attempt.files_kept, handle.own_memory)

    def oom_struck(self) -> str | None:
        """What shows that the kernel ended something for want of memory a moment ago; None: nothing does."""
        return struck(self._ooms[0], self._oom_kills())

    @property
    def knows_ooms(self) -> bool:
        """Whether this system tells how often its kernel ended something for want of memory."""
        return bool(self._ooms[-1])

    def view(self, settings: Settings) -> MemoryView:
        """The memory as the rules of admission want it."""
        reading = self.reading
        guard = settings.worker_memory_guard
        if guard is None:
            guard = admission.memory_guard(reading.total, windows=reading.windows)
        return MemoryView(
            reading.total, reading.available, guard, reading.pressure, pressure_halves=reading.pressure_halves
        )

    def cores(self, settings: Settings) -> int:
        """How many cores workers may use."""
        return settings.worker_cores or self.physical_cores

    def default_peak(self, settings: Settings) -> int:
        """The claim of a task of which nothing is known."""
        view = self.view(settings)
        return admission.default_claim(settings.worker_peak_memory, view.total, view.guard)

    def alone(self, settings: Settings, claim: int, live: Sequence[LiveWorker]) -> int:
        """Bytes that a worker for a task of this claim is weighed by; a peak that was set holds."""
        if settings.worker_peak_memory is not None:
            return claim
        return admission.alone(claim, self.view(settings), live)


def live_workers(handles: Iterable[WorkerHandle]) -> list[LiveWorker]:
    """The live workers as the rules want them: claim and use of their tasks, and what those may reach.

    An idle one has 0 and 0.

    What the warm process of an idle one holds is a part of what the worker is about to take.
    """
    return [
        LiveWorker(0, h.warm_memory)
        if h.attempt is None
        else LiveWorker(h.attempt.reckoned, h.task_memory, h.may_reach)
        for h in handles
    ]
