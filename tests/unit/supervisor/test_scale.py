"""What a warm process holds is weighed once: as the memory of the task to come, never as the agent's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from types import SimpleNamespace

from steelyard.machine.memory import MemoryReading
from steelyard.machine.processes import TreeUse
from steelyard.machine.task_groups import Counted
from steelyard.rules.admission import LiveWorker
from steelyard.rules.recent import Recent
from steelyard.settings import environment
from steelyard.supervisor import claiming
from steelyard.supervisor.scale import Scale, live_workers
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from tests.fakes.clocks import FakeClocks

MIB = 2**20
AGENT, WARM = 10 * MIB, 300 * MIB


@dataclass
class Process:
    """As much of a process as a handle is asked for."""

    pid: int = 5


@dataclass
class Sampler:
    """One tree for all roots."""

    memory: int = AGENT
    cpu_seconds: float = 0.0

    def sample(self, roots: dict[str, int], counted: Collection[str] = ()) -> dict[str, TreeUse]:
        return {key: TreeUse(self.memory, 0.0, 2, self.cpu_seconds) for key in roots}

    rest = 2.0

    def wants_closer_look(self, *, in_need: bool = False) -> bool:
        return in_need

    def look_closer(self) -> None:
        raise NotImplementedError


def attempt(claim: int = 1000 * MIB) -> RunningAttempt:
    return RunningAttempt("t1", 1, "model", "", claim, "task", 1, 0.0, 0.0)


def weighed() -> tuple[Scale, Sampler, WorkerHandle]:
    sampler = Sampler()
    scale = Scale(lambda: MemoryReading(total=16 * 2**30, available=8 * 2**30), sampler, 4)
    handle = WorkerHandle("w1", "default", "", False, 0.0, 0.0, process=Process())  # type: ignore[arg-type]
    scale.weigh_trees([handle], 0.0, 0.0)
    assert (handle.own_memory, handle.warm_memory) == (AGENT, 0)
    return scale, sampler, handle


def test_a_warm_process_does_not_hide_the_memory_of_the_next_task() -> None:
    scale, sampler, handle = weighed()
    handle.warm, sampler.memory, sampler.cpu_seconds = "model", AGENT + WARM, 4.0
    scale.weigh_trees([handle], 1.0, 1.0)
    assert (handle.own_memory, handle.warm_memory) == (AGENT, WARM)
    # Its claim of 0 is that of an idle worker still; what it holds is a part of what it is about to take.
    assert live_workers([handle]) == [LiveWorker(0, WARM)]
    handle.attempt, sampler.cpu_seconds = attempt(), 5.0
    scale.weigh_trees([handle], 2.0, 2.0)
    assert (handle.task_memory, handle.warm_memory, handle.attempt.peak) == (WARM, 0, WARM)
    assert handle.attempt.cpu_seconds == 1.0
    assert live_workers([handle]) == [LiveWorker(1000 * MIB, WARM, WARM)]


def test_a_tree_in_a_trough_still_has_its_peak() -> None:
    scale, sampler, handle = weighed()
    handle.attempt = attempt()
    for memory, now in ((AGENT + 1600 * MIB, 1.0), (AGENT + 160 * MIB, 2.0)):
        sampler.memory = memory
        scale.weigh_trees([handle], now, now)
    assert live_workers([handle]) == [LiveWorker(1000 * MIB, 160 * MIB, 1600 * MIB)]


def test_once_the_process_is_gone_the_agent_is_measured_anew() -> None:
    scale, sampler, handle = weighed()
    handle.warm, sampler.memory = "model", AGENT + WARM
    scale.weigh_trees([handle], 1.0, 1.0)
    handle.warm, sampler.memory = None, AGENT + MIB
    scale.weigh_trees([handle], 2.0, 2.0)
    assert (handle.own_memory, handle.warm_memory) == (AGENT + MIB, 0)
    assert live_workers([handle]) == [LiveWorker(0, 0)]


def test_the_room_of_a_task_includes_what_it_takes_over() -> None:
    scale, sampler, handle = weighed()
    cold = WorkerHandle("w2", "default", "", False, 0.0, 0.0)
    handle.warm, sampler.memory = "model", AGENT + WARM
    scale.weigh_trees([handle], 1.0, 1.0)
    yard = SimpleNamespace(
        clocks=FakeClocks(),
        handles={"w1": handle},
        scale=scale,
        free_lately=Recent(),
        settings=environment.load({"WORKER_MEMORY_GUARD": "0"}, {}),
    )

    def room(claims: list[claiming.Claimed], idle: list[WorkerHandle]) -> int:
        return claiming.room(yard, claims, idle)[0].headroom  # type: ignore[arg-type]

    # `available` lacks the warm process, and the claim of the task that comes to it includes it.
    assert room([], [handle]) == 8 * 2**30 + WARM
    # Which of two idle workers a task comes to is not known yet: only the least is sure.
    assert room([], [handle, cold]) == 8 * 2**30
    # Claimed in this transaction: of the claim only what the warm process does not hold is still to come.
    assert room([(handle, attempt(1000 * MIB), {})], [cold]) == 8 * 2**30 - (1000 * MIB - WARM)


def test_large_trees_rest_between_samples_unless_memory_is_tight() -> None:
    scale, _, _ = weighed()
    settings = environment.load({"WORKER_MEMORY_GUARD": "4GiB"}, {})
    assert [scale.are_trees_due(since, settings) for since in (0.25, 2.0)] == [False, True]
    assert not scale.wants_closer_look(settings)
    scale.reading = MemoryReading(total=16 * 2**30, available=5 * 2**30)
    assert scale.are_trees_due(0.25, settings) and scale.wants_closer_look(settings)


@dataclass
class Grouped:
    """As much of a control group as is asked for."""

    most: int
    held: int = AGENT

    def counted(self) -> Counted:
        return Counted(self.held, 0, self.most)


def test_the_peak_of_a_task_is_none_of_the_next_that_begins_at_once() -> None:
    scale, _, handle = weighed()
    group = Grouped(most=AGENT)
    handle.group = group  # type: ignore[assignment]
    scale.weigh_trees([handle], 1.0, 1.0)
    first, second = attempt(), attempt()
    handle.attempt, group.most = first, AGENT + 900 * MIB
    scale.weigh_trees([handle], 2.0, 2.0)
    assert scale.peak_counted(handle, first) == 900 * MIB
    handle.attempt = second
    scale.weigh_trees([handle], 3.0, 3.0)
    assert scale.peak_counted(handle, second) == 0
