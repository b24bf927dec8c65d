"""Races of a tree that forks while it is looked at, played step by step on a table of our own."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from steelyard.machine import containment, process_table
from steelyard.machine.containment import posix_trees
from steelyard.machine.process_table import Entry

ROOT, PARENT, CHILD = 100, 101, 102


class Table:
    """A process table whose `moves` happen one after the other, each after so many readings of an entry."""

    def __init__(self) -> None:
        self.children: dict[int, list[int]] = {}
        self.entries: dict[int, Entry] = {}
        self.signals: list[tuple[int, int]] = []
        self.moves: list[tuple[int, Callable[[], None]]] = []
        self.readings = 0
        self.kills = False

    def add(self, pid: int, parent: int) -> None:
        self.entries[pid] = Entry(pid, parent, f"boot/{pid}", ended=False, stopped=False)
        self.children.setdefault(parent, []).append(pid)

    def leave(self, pid: int) -> None:
        self.children[self.entries.pop(pid).parent].remove(pid)

    def entry(self, pid: int) -> Entry | None:
        self.readings += 1
        while self.moves and self.moves[0][0] <= self.readings:
            self.moves.pop(0)[1]()
        return self.entries.get(pid)

    def send(self, entry: Entry, number: int) -> bool:
        self.signals.append((entry.pid, number))
        reached = entry.pid in self.entries
        if reached and number == signal.SIGKILL and self.kills:
            self.leave(entry.pid)
        return reached


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    made = Table()
    monkeypatch.setattr(process_table, "children", lambda pid: list(made.children.get(pid, ())))
    monkeypatch.setattr(process_table, "entry", made.entry)
    monkeypatch.setattr(posix_trees, "send", made.send)
    return made


def test_a_child_that_hides_behind_its_dying_parent(table: Table) -> None:
    table.add(PARENT, ROOT)

    def fork_and_die() -> None:
        table.leave(PARENT)
        table.add(CHILD, ROOT)

    # It is in the list of its parent when that is read, and gone when its own entry is.
    table.moves = [(1, fork_and_die)]
    scan = posix_trees.Scan(ROOT, frozenset())
    assert scan.look() == [] and scan.is_restless
    assert [entry.pid for entry in scan.look()] == [CHILD] and not scan.is_restless


def test_looking_goes_on_as_long_as_somebody_dies(table: Table) -> None:
    for pid in (PARENT, PARENT + 10, PARENT + 20):
        table.add(pid, ROOT)

    def hop() -> None:
        for pid in [pid for pid in table.entries if pid != CHILD]:
            table.leave(pid)
        table.add(CHILD, ROOT)

    table.moves = [(1, hop)]
    reached = posix_trees.send_to_all(posix_trees.Scan(ROOT, frozenset()), signal.SIGKILL)
    assert [pid for pid, _ in reached] == [CHILD]


def test_a_zombie_that_stays_is_no_unrest(table: Table) -> None:
    table.add(PARENT, ROOT)
    table.entries[PARENT].ended = True
    scan = posix_trees.Scan(ROOT, frozenset())
    assert scan.look() == [] and scan.is_restless
    assert scan.look() == [] and not scan.is_restless


def test_ending_is_not_over_while_a_look_proves_nothing(table: Table) -> None:
    # Three looks in which somebody was just gone, and only then the child that hid.
    def hop(old: int, new: int) -> Callable[[], None]:
        def move() -> None:
            if old in table.entries:
                table.leave(old)
                table.add(new, ROOT)

        return move

    table.add(200, ROOT)
    table.moves = [(n + 1, hop(200 + n, 201 + n)) for n in range(60)]
    table.kills = True
    posix_trees.end_all(posix_trees.Scan(ROOT, frozenset()), frozenset(), within=5)
    assert table.entries == {}


def test_a_suspend_waits_for_the_fork_that_was_under_way(table: Table) -> None:
    table.add(ROOT, 1)

    def fork_then_stop() -> None:
        table.add(CHILD, ROOT)
        table.entries[ROOT].stopped = True

    def stop_child() -> None:
        table.entries[CHILD].stopped = True

    # The root is signalled at once, but stops only after many looks, when its fork is done.
    table.moves = [(40, fork_then_stop), (60, stop_child)]
    assert containment.suspend_tree(ROOT) == 2
    assert (CHILD, signal.SIGSTOP) in table.signals


def test_a_suspend_does_not_wait_for_ever(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.machine.containment.posix._SETTLE", 0.02)
    table.add(ROOT, 1)
    assert containment.suspend_tree(ROOT) == 1
