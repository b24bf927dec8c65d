"""What is laid out for an attempt."""

from __future__ import annotations

import asyncio
import threading

import pytest

from steelyard.machine import links
from steelyard.store import tasks
from steelyard.supervisor import launch
from tests.unit.supervisor.making import Made


async def test_a_folder_that_the_database_has_forgotten_makes_room_and_goes_beside_the_loop(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup that was put back knows fewer attempts than there are folders."""
    removing, go_on = threading.Event(), threading.Event()

    def slow(path: str) -> OSError | None:
        removing.set()
        assert go_on.wait(30)
        return remove_tree(path)

    remove_tree = links.remove_tree
    monkeypatch.setattr(links, "remove_tree", slow)
    handle = await made.worker()
    task_id = await made.submit("true")
    attempt = await made.attempt(handle, task_id)
    old = made.yard.data.attempt(task_id, 1) / "output"
    old.mkdir(parents=True)
    (old / "result.json").write_text("{}")
    row = tasks.row(made.yard.database, task_id)
    assert row is not None
    launch.start_message(made.yard, attempt, row)
    assert old.is_dir() and list(old.iterdir()) == []
    await asyncio.to_thread(removing.wait, 30)
    assert len(list(made.yard.data.task(task_id).glob("attempt-1*"))) == 2
    go_on.set()
    await asyncio.gather(*made.yard.errands)
    assert [path.name for path in made.yard.data.task(task_id).glob("attempt-1*")] == ["attempt-1"]
