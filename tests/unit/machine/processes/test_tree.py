"""The sampler of trees, over a made-up process table and a made-up clock."""

from __future__ import annotations

from typing import Any

import pytest

from steelyard.machine.processes import TreeSampler
from steelyard.machine.processes.use import CloserLook, ProcessUse

MIB = 2**20


class Table:
    """A process table that a test writes; `hidden` children exist, but their parent's list lacks them."""

    def __init__(self) -> None:
        self.processes: dict[int, ProcessUse] = {}
        self.hidden: set[int] = set()
        self.now = 100.0
        self.looks: dict[int, CloserLook] = {}
        self.looked_at: list[int] = []
        self.going: set[int] = set()

    def put(
        self,
        pid: int,
        parent: int,
        cpu: float = 0.0,
        *,
        reaped: float = 0.0,
        started: int = 1,
        memory: int = MIB,
        **more: Any,
    ) -> None:
        self.processes[pid] = ProcessUse(pid, parent, started, memory, cpu, reaped, False, **more)

    def begin(self) -> None:
        pass

    def read(self, pid: int) -> ProcessUse | None:
        return self.processes.get(pid)

    def lives(self, pid: int) -> bool:
        return pid in self.processes

    def look_closer(self, pid: int) -> CloserLook | None:
        if pid in self.going:
            del self.processes[pid]
            return None
        self.looked_at.append(pid)
        return self.looks.get(pid)

    def children(self, pid: int) -> list[int]:
        return [
            use.pid for use in self.processes.values() if use.parent == pid and use.pid not in self.hidden
        ]


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def sampler(table: Table) -> TreeSampler:
    return TreeSampler(table, lambda: table.now)


def test_memory_and_processes_of_a_tree_add_up(table: Table, sampler: TreeSampler) -> None:
    for pid, parent in ((10, 1), (11, 10), (12, 10), (13, 12), (99, 1)):
        table.put(pid, parent)
    use = sampler.sample({"a": 10})["a"]
    assert (use.memory, use.processes, use.cpu) == (4 * MIB, 4, 0.0)


def test_cpu_is_per_cent_of_one_core_since_the_last_sample(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 5.0)
    table.put(11, 10, 1.0)
    sampler.sample({"a": 10})
    table.now += 2.0
    table.put(10, 1, 6.0)
    table.put(11, 10, 3.0)
    use = sampler.sample({"a": 10})["a"]
    assert (use.cpu, use.cpu_seconds) == (150.0, 9.0)


def test_a_process_that_ended_is_not_subtracted(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 1.0)
    table.put(11, 10, 50.0)
    sampler.sample({"a": 10})
    # Waited for: its 50 s, and 1 s that no sample saw, are now among what its parent collected.
    del table.processes[11]
    table.put(10, 1, 1.5, reaped=51.0)
    table.now += 1.0
    use = sampler.sample({"a": 10})["a"]
    assert (use.cpu, use.cpu_seconds) == (150.0, 52.5)


def test_a_process_that_nobody_waited_for_makes_nothing_negative(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 1.0)
    table.put(11, 10, 50.0)
    sampler.sample({"a": 10})
    del table.processes[11]
    table.put(10, 1, 1.2)
    table.now += 1.0
    use = sampler.sample({"a": 10})["a"]
    assert (use.cpu, round(use.cpu_seconds, 3)) == (20.0, 51.2)


def test_a_short_process_between_two_samples_counts(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 1.0)
    sampler.sample({"a": 10})
    table.put(10, 1, 1.0, reaped=0.5)
    table.now += 1.0
    assert sampler.sample({"a": 10})["a"].cpu == 50.0


def test_a_pid_that_is_used_again_begins_anew(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1)
    table.put(11, 10, 80.0, started=1)
    sampler.sample({"a": 10})
    table.put(11, 10, 0.3, started=2)
    table.now += 1.0
    assert sampler.sample({"a": 10})["a"].cpu == 30.0


def test_a_child_that_a_list_passed_over_is_still_found(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1)
    table.put(11, 10, 500.0)
    table.put(12, 11)
    sampler.sample({"a": 10})
    table.hidden = {11}
    table.now += 1.0
    use = sampler.sample({"a": 10})["a"]
    assert (use.processes, use.cpu) == (3, 0.0)
    table.hidden = set()
    table.now += 1.0
    assert sampler.sample({"a": 10})["a"].cpu == 0.0


def test_a_root_that_has_gone_uses_nothing_and_keeps_its_seconds(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 7.0)
    sampler.sample({"a": 10})
    del table.processes[10]
    use = sampler.sample({"a": 10, "never": 555})
    assert (use["a"].memory, use["a"].processes, use["a"].cpu_seconds) == (0, 0, 7.0)
    assert use["never"].cpu_seconds == 0.0
    table.put(10, 1, 1.0, started=9, memory=5 * MIB)
    assert sampler.sample({"a": 10})["a"].memory == 0, "the pid is another's by now"


def test_a_key_that_names_another_root_begins_anew(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 7.0)
    table.put(20, 1, 3.0)
    sampler.sample({"a": 10})
    table.now += 1.0
    use = sampler.sample({"a": 20})["a"]
    assert (use.cpu, use.cpu_seconds) == (0.0, 3.0)


def test_roots_may_lie_inside_each_other(table: Table, sampler: TreeSampler) -> None:
    for pid, parent in ((10, 1), (11, 10), (12, 11)):
        table.put(pid, parent)
    use = sampler.sample({"worker": 10, "task": 11})
    assert (use["worker"].processes, use["task"].processes) == (3, 2)


def test_two_samples_in_a_moment_do_not_make_noise(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, 1.0)
    sampler.sample({"a": 10})
    table.put(10, 1, 1.5)
    table.now += 1.0
    assert sampler.sample({"a": 10})["a"].cpu == 50.0
    table.put(10, 1, 1.51)
    table.now += 0.001
    assert sampler.sample({"a": 10})["a"].cpu == 50.0, "10 ms in 1 ms would be 1000 %"
    table.put(10, 1, 1.76)
    table.now += 0.999
    assert sampler.sample({"a": 10})["a"].cpu == 26.0, "nothing in between is lost"


def test_a_loop_of_parents_ends(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 11)
    table.put(11, 10)
    assert sampler.sample({"a": 10})["a"].processes == 2


def test_pages_of_files_are_not_held_and_the_systems_tables_are(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, memory=30 * MIB, files=600 * MIB, tables=2 * MIB)
    table.put(11, 10, memory=5 * MIB, files=40 * MIB, segments=20 * MIB)
    use = sampler.sample({"a": 10})["a"]
    assert (use.memory, use.files) == (57 * MIB, 600 * MIB)


def test_other_programs_add_up_and_nobody_has_to_look(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, memory=100 * MIB, family="mpirun")
    for pid in (11, 12, 13):
        table.put(pid, 10, memory=300 * MIB, family=f"rank {pid}")
    assert sampler.sample({"a": 10})["a"].memory == 1000 * MIB
    assert not sampler.wants_closer_look()


def test_forks_that_only_read_are_looked_at_once_and_count_once(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, memory=400 * MIB, family="model")
    for pid in range(11, 17):
        table.put(pid, 10, memory=400 * MIB, family="model")
    for pid in range(10, 17):
        table.looks[pid] = CloserLook(400 * MIB, 58 * MIB, MIB, 0, 0)
    # Before it is known, what is certain.
    assert sampler.sample({"a": 10})["a"].memory == 400 * MIB
    assert sampler.wants_closer_look()
    sampler.look_closer()
    assert sorted(table.looked_at) == list(range(10, 17))
    table.now += 0.25
    assert sampler.sample({"a": 10})["a"].memory == 7 * 58 * MIB
    assert not sampler.wants_closer_look(), "nothing has changed"


def test_a_look_while_some_go_counts_for_nothing(table: Table, sampler: TreeSampler) -> None:
    for pid in range(10, 17):
        table.put(pid, 1 if pid == 10 else 10, memory=400 * MIB, family="model")
        # The parts of those that are left: the others have gone meanwhile.
        table.looks[pid] = CloserLook(400 * MIB, 133 * MIB, MIB, 0, 0)
    sampler.sample({"a": 10})
    table.going = {13, 14, 15, 16}
    assert sampler.wants_closer_look()
    sampler.look_closer()
    table.now += 0.25
    assert sampler.sample({"a": 10})["a"].memory == 400 * MIB, "and not 7 x 133"


def test_each_segment_counts_once_and_each_of_them(table: Table, sampler: TreeSampler) -> None:
    table.put(10, 1, family="a")
    for pid in (11, 12, 13, 14):
        table.put(pid, 10, memory=0, segments=600 * MIB, family=pid)
        table.looks[pid] = CloserLook(0, 0, 0, 600 * MIB, 600 * MIB)
    sampler.sample({"a": 10})
    assert sampler.wants_closer_look()
    sampler.look_closer()
    assert sampler.sample({"a": 10})["a"].memory == 2401 * MIB
    for pid in (11, 12, 13, 14):
        table.looks[pid] = CloserLook(0, 0, 0, 600 * MIB, 150 * MIB)
    table.now += 60.0
    sampler.sample({"a": 10})
    assert sampler.wants_closer_look(), "it is looked at again now and then"
    sampler.look_closer()
    assert sampler.sample({"a": 10})["a"].memory == 601 * MIB


def test_a_large_tree_is_sampled_less_often(table: Table, sampler: TreeSampler) -> None:
    for pid in range(10, 500):
        table.put(pid, 1 if pid == 10 else 10)
    sampler.sample({"a": 10})
    assert sampler.rest > 0.0
