"""Which processes of a table belong to one on Windows: made-up tables, with pids that are used again."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

from steelyard.machine.containment.kin import Family, end_all
from steelyard.machine.process_table.entry import Entry


def process(pid: int, parent: int, began: int, program: str = "x.exe") -> Entry:
    """A living process."""
    return Entry(pid, parent, str(began), ended=False, stopped=False, program=program)


class Machine:
    """A process table in which TerminateProcess works at once."""

    def __init__(self, *processes: Entry, job: Collection[int] = ()) -> None:
        self.alive = {each.pid: each for each in processes}
        self.job = set(job)
        self.ended: list[int] = []
        self.born_next: list[Entry] = []
        self.refuses: set[int] = set()

    def look(self) -> tuple[Iterable[Entry], Collection[int]]:
        """The table of this moment, and who is in the job."""
        return list(self.alive.values()), set(self.job)

    def end(self, entry: Entry) -> bool:
        """Ends one; what was started meanwhile is there afterwards."""
        if entry.pid in self.refuses:
            return False
        self.ended.append(entry.pid)
        del self.alive[entry.pid]
        self.alive |= {each.pid: each for each in self.born_next}
        self.born_next = []
        return True

    def end_all(self, family: Family, within: float = 5.0) -> list[int]:
        """End a family; the pids in the order in which they went."""
        assert end_all(family, self.look, self.end, within, pause=lambda _: None) == len(self.ended)
        return self.ended


ME, TASK, OTHER = 100, 400, 500


def test_children_of_an_earlier_owner_of_the_pid_are_spared_while_the_root_lives_and_after_it() -> None:
    machine = Machine(process(ME, 1, 50), process(TASK, ME, 2000), process(OTHER, TASK, 1000))
    machine.alive[501] = process(501, OTHER, 1001)
    assert machine.end_all(Family(TASK, "2000", is_own=False)) == [TASK]
    assert set(machine.alive) == {ME, OTHER, 501}


def test_a_tree_is_ended_parents_first_with_what_is_started_meanwhile() -> None:
    machine = Machine(process(TASK, ME, 2000), process(401, TASK, 2001), process(402, 401, 2002))
    machine.born_next = [process(403, TASK, 2003)]
    assert machine.end_all(Family(TASK, "2000", is_own=False)) == [TASK, 401, 402, 403]


def test_a_child_that_comes_to_light_when_its_parent_is_gone_is_ended_too() -> None:
    """We hold the parent, so its pid is still its own."""
    machine = Machine(process(TASK, ME, 2000), process(401, TASK, 2001))
    family = Family(TASK, "2000", is_own=False)
    assert machine.end_all(family) == [TASK, 401]
    machine.alive[402] = process(402, 401, 2002)
    assert [each.pid for each in family.living(*machine.look())] == [402]


def test_the_pid_of_a_dead_process_that_nobody_holds_leads_to_nobody() -> None:
    """401 could not be ended (no right to), went by itself, and its pid is a foreign program's now."""
    machine = Machine(process(TASK, ME, 2000), process(401, TASK, 2001))
    machine.refuses = {401}
    family = Family(TASK, "2000", is_own=False)
    assert machine.end_all(family, within=0) == [TASK]
    machine.alive = {401: process(401, 7, 3000), 402: process(402, 401, 3001)}
    assert family.living(*machine.look()) == []


def test_a_root_whose_pid_is_another_process_by_now_is_not_ended() -> None:
    machine = Machine(process(TASK, 7, 3000), process(401, 7, 1500))
    assert machine.end_all(Family(TASK, "2000", is_own=False)) == []


@pytest.mark.parametrize("parent_now", [[], [process(9300, 5, 999)], [process(9300, 5, 150)]])
def test_an_orphan_of_our_job_is_ours_whoever_has_its_parents_pid(parent_now: list[Entry]) -> None:
    machine = Machine(process(ME, 1, 100), process(9020, 9300, 200), *parent_now, job={ME, 9020})
    family = Family(ME, "100", is_own=True)
    assert [each.pid for each in family.living(*machine.look())] == [9020]
    assert machine.end_all(family) == [9020]


def test_what_is_kept_is_spared_with_all_below_it_in_the_job_and_out_of_it() -> None:
    machine = Machine(
        process(ME, 1, 100), process(20, ME, 200), process(21, 20, 210), process(30, ME, 300),
        process(31, 999, 310), job={ME, 20, 21, 30, 31},
    )  # fmt: skip
    assert machine.end_all(Family(ME, "100", keep=frozenset({20}), is_own=True)) == [30, 31]


def test_a_kept_pid_that_is_used_again_spares_nobody_older() -> None:
    machine = Machine(process(ME, 1, 100), process(20, ME, 200), process(21, 20, 150), job={ME, 20, 21})
    assert machine.end_all(Family(ME, "100", keep=frozenset({20}), is_own=True)) == [21]


def test_in_no_job_we_go_by_parents() -> None:
    machine = Machine(process(ME, 1, 100), process(20, ME, 200), process(21, ME, 50), process(22, 20, 210))
    assert machine.end_all(Family(ME, "100", is_own=True)) == [20, 22]


def test_the_console_of_our_programs_is_left_to_them() -> None:
    machine = Machine(process(TASK, ME, 2000), process(401, TASK, 2001, "ConHost.exe"))
    assert machine.end_all(Family(TASK, "2000", is_own=False)) == [TASK]


def test_one_that_cannot_be_ended_does_not_hold_us_for_ever() -> None:
    machine = Machine(process(TASK, ME, 2000), process(401, TASK, 2001))
    machine.refuses = {401}
    assert machine.end_all(Family(TASK, "2000", is_own=False), within=0) == [TASK]


def test_a_process_that_names_itself_as_parent() -> None:
    machine = Machine(process(TASK, TASK, 2000), process(401, 402, 2001), process(402, 401, 2001))
    assert machine.end_all(Family(TASK, "2000", is_own=False)) == [TASK]
