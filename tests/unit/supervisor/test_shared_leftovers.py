"""What a run left in shared memory, as its task says it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from steelyard.machine.shared_memory import Unused
from steelyard.supervisor import dispatch, shared_leftovers, task_views
from tests.helpers.waiting import eventually_async
from tests.unit.supervisor.making import Made
from tests.unit.supervisor.test_workspaces import end, has_started, holder

MIB = 1024 * 1024
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="segments are files in /dev/shm here")


def left(count: int) -> list[Unused]:
    return [Unused(f"/dev/shm/array{number}", 3 * MIB) for number in range(count)]


def test_one_file_that_only_this_run_can_have_left() -> None:
    assert shared_leftovers.in_words(left(1), alone=True) == (
        "Since this run began, a file appeared in /dev/shm that no process uses any more: array0, 3.0 MiB. "
        "This run left it, or another program of yours; it takes that much memory until removed."
    )


def test_many_files_while_other_runs_were_under_way() -> None:
    assert shared_leftovers.in_words(left(5), alone=False) == (
        "Since this run began, 5 files appeared in /dev/shm that no process uses any more: array0, array1, "
        "array2 and 2 more, 15.0 MiB. This run left them, or another run or program of yours; they take that "
        "much memory until removed."
    )


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """A file that a run may leave, in what is shared memory to the yard of these tests."""
    (tmp_path / "shm").mkdir()
    return tmp_path / "shm" / "segment"


async def remarks(made: Made, task_id: str) -> list[str]:
    await eventually_async(lambda: not made.yard.errands)
    found: list[str] = task_views.one(made.yard, task_id)["attempts"][0]["remarks"]
    return found


async def run(made: Made, count: int = 1) -> list[str]:
    """Tasks that have started, one on each of as many workers."""
    for _ in range(count):
        await made.worker()
    task_ids = [await made.submit(memory="100MiB") for _ in range(count)]
    await dispatch.dispatch(made.yard)
    await has_started(made, count)
    return task_ids


def began(made: Made, task_id: str, segment: Path, *, later: bool = False) -> None:
    """Say when a run began, before the file or after it: the clock of the tests stands still."""
    attempt, found = holder(made, task_id).attempt, segment.stat()
    assert attempt is not None
    attempt.started_wall = min(found.st_mtime, found.st_ctime) + (1 if later else -1)


@ON_LINUX
async def test_what_appeared_since_the_run_began_is_named(made: Made, segment: Path) -> None:
    [task_id] = await run(made)
    segment.write_bytes(b"x" * MIB)
    began(made, task_id, segment)
    await end(made, task_id)
    [said] = [one for one in await remarks(made, task_id) if "segment" in one]
    assert "or another program of yours" in said


@ON_LINUX
async def test_another_run_under_way_may_have_left_it(made: Made, segment: Path) -> None:
    first, _ = await run(made, 2)
    segment.write_bytes(b"x")
    began(made, first, segment)
    await end(made, first)
    [said] = [one for one in await remarks(made, first) if "segment" in one]
    assert "or another run or program of yours" in said


@ON_LINUX
@pytest.mark.parametrize("why", ["open", "older"])
async def test_what_is_in_use_or_was_there_before_is_not(made: Made, segment: Path, why: str) -> None:
    segment.write_bytes(b"x")
    [task_id] = await run(made)
    began(made, task_id, segment, later=why == "older")
    descriptor = os.open(segment, os.O_RDONLY) if why == "open" else None
    await end(made, task_id)
    assert [one for one in await remarks(made, task_id) if "segment" in one] == []
    if descriptor is not None:
        os.close(descriptor)
