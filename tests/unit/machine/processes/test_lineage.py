"""Families in a process table that is seen now and then: made-up tables."""

from __future__ import annotations

from types import SimpleNamespace

from steelyard.machine.process_table.entry import Entry
from steelyard.machine.processes.lineage import Lineage
from steelyard.machine.processes.portable import held


def process(pid: int, parent: int, began: int) -> Entry:
    """A living process."""
    return Entry(pid, parent, str(began), ended=False, stopped=False)


AGENT, LAUNCHER = process(10, 1, 100), process(20, 10, 200)
MODEL, PART = process(30, 20, 300), process(40, 30, 400)


def test_what_a_process_in_the_middle_leaves_stays_with_the_family() -> None:
    lineage = Lineage()
    lineage.look([AGENT, LAUNCHER, MODEL, PART])
    assert lineage.children(20) == [30]
    lineage.look([AGENT, MODEL, PART])
    assert (lineage.children(10), lineage.parent(30)) == ([30], 10)
    # The launcher's pid is a foreign program's by now, first younger than the model, then not even that.
    lineage.look([AGENT, MODEL, PART, process(20, 7, 900)])
    assert (lineage.children(10), lineage.children(20), lineage.parent(40)) == ([30], [], 30)
    lineage.look([AGENT, PART, process(20, 7, 900)])
    assert (lineage.children(10), lineage.parent(40)) == ([40], 10)


def test_two_generations_that_go_at_once() -> None:
    lineage = Lineage()
    lineage.look([AGENT, LAUNCHER, MODEL, PART])
    lineage.look([AGENT, PART])
    assert lineage.children(10) == [40]


def test_where_init_adopts_orphans_they_stay_with_the_family_too() -> None:
    init = process(1, 0, 1)
    lineage = Lineage()
    lineage.look([init, AGENT, LAUNCHER, MODEL])
    lineage.look([init, AGENT, process(30, 1, 300)])
    assert (lineage.children(10), lineage.children(1)) == ([30], [10])


def test_a_pid_that_is_used_again_has_no_older_children() -> None:
    lineage = Lineage()
    lineage.look([process(20, 7, 900), MODEL, process(50, 50, 1)])
    assert (lineage.children(20), lineage.parent(30), lineage.children(50)) == ([], 0, [])


def test_a_family_of_which_nobody_is_left_above_goes_to_whom_the_system_names() -> None:
    init = process(1, 0, 1)
    lineage = Lineage()
    lineage.look([LAUNCHER, MODEL])
    lineage.look([init, process(30, 1, 300)])
    assert lineage.children(1) == [30]


def test_two_that_name_each_other_hold_nobody_up() -> None:
    lineage = Lineage()
    lineage.look([process(20, 30, 300), process(30, 20, 300), process(40, 30, 400)])
    lineage.look([PART])
    assert lineage.parent(40) == 0


def test_what_a_process_holds_is_the_systems_own_figure_without_pages_of_files() -> None:
    windows_committed, windows_mapped = (
        SimpleNamespace(rss=20, private=900),
        SimpleNamespace(rss=950, private=90),
    )
    assert held(windows_committed) == (900, 0)
    assert held(windows_mapped) == (90, 0)
    macos_mapped, macos_compressed = SimpleNamespace(rss=950), SimpleNamespace(rss=20)
    assert held(macos_mapped, 90) == (90, 860)
    assert held(macos_compressed, 900) == (900, 0)
    assert held(SimpleNamespace(rss=20)) == (20, 0)
