"""History that goes: rows, then folders; a crash between two steps is made up for; nothing else goes."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from steelyard.rules.errors import StorageFull
from steelyard.rules.states import Cause, TaskState
from steelyard.store import events, retention, tasks, workers
from steelyard.supervisor import retention as pruning
from steelyard.supervisor.upkeep import BACKUP_EVERY, Upkeep
from tests.unit.supervisor.making import Made

DAY = 86_400.0


def keep(made: Made, **preferences: object) -> None:
    made.yard.preferences.change(preferences)


async def ended(made: Made, *, folder: bool = True) -> str:
    """A cancelled task, with a folder as if it had run."""
    task_id = await made.submit()
    now = made.clocks.wall()
    await made.yard.database.change(
        lambda change: tasks.end_waiting(change, task_id, TaskState.CANCELLED, Cause.CANCELLED, now)
    )
    if folder:
        output = made.yard.data.attempt(task_id, 1) / "output"
        output.mkdir(parents=True)
        (output / "result.json").write_text("x" * 1000)
    return task_id


def note(made: Made) -> Path:
    return made.yard.data.runtime / "pruning.json"


def told(made: Made) -> list[str]:
    found = events.since(made.yard.database, 0, 10_000)
    return [event.data["text"] for event in found if event.kind == "prompt"]


async def test_by_default_nothing_of_a_task_goes(made: Made) -> None:
    task_id = await ended(made)
    made.clocks.advance(20 * 365 * DAY)
    assert (await pruning.prune(made.yard)).tasks == 0
    assert tasks.row(made.yard.database, task_id) and made.yard.data.task(task_id).exists()


async def test_what_is_too_old_goes_with_its_folder_and_it_is_told(made: Made) -> None:
    old = [await ended(made) for _ in range(pruning.STEP + 3)]
    bare = await ended(made, folder=False)
    made.clocks.advance(10 * DAY)
    young = await ended(made)
    waits = await made.submit()
    keep(made, keep_tasks_for="9d")
    removed = await pruning.prune(made.yard)
    assert (removed.tasks, removed.bytes, removed.kept) == (len(old) + 1, 1000 * len(old), [])
    for task_id in (*old, bare):
        assert tasks.row(made.yard.database, task_id) is None
        assert not made.yard.data.task(task_id).exists()
    assert tasks.row(made.yard.database, young) and made.yard.data.task(young).exists()
    assert tasks.row(made.yard.database, waits)
    await made.yard.database.change(lambda change: None)
    assert any("with their folders: 24 (" in text for text in told(made))
    assert not note(made).exists()


async def test_the_latest_so_many_stay(made: Made) -> None:
    ids = [await ended(made) for _ in range(5)]
    keep(made, keep_tasks=2)
    await pruning.prune(made.yard)
    assert [bool(tasks.row(made.yard.database, one)) for one in ids] == [False] * 3 + [True] * 2


async def test_a_crash_before_the_commit_leaves_everything(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = await ended(made)
    keep(made, keep_tasks_for=1)
    made.clocks.advance(10)

    def refused(*_: object) -> list[str]:
        raise StorageFull("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(retention, "remove_tasks", refused)
        with pytest.raises(StorageFull):
            await pruning.prune(made.yard)
    assert json.loads(note(made).read_bytes())["tasks"] == [task_id]
    await pruning.finish_interrupted(made.yard)
    assert tasks.row(made.yard.database, task_id) and made.yard.data.task(task_id).exists()
    assert not note(made).exists()


async def test_a_crash_after_the_commit_is_made_up_for_at_the_next_start(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = await ended(made), await ended(made)
    # The next one ran again, so its row stays although it stands in the note.
    await made.yard.database.change(lambda change: tasks.retry_by_user(change, kept, made.clocks.wall()))
    keep(made, keep_tasks_for=1)
    made.clocks.advance(10)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pruning, "_remove_folders", crash)
        with pytest.raises(KeyboardInterrupt):
            await pruning.prune(made.yard)
    assert tasks.row(made.yard.database, gone) is None and made.yard.data.task(gone).exists()
    note(made).write_bytes(msgspec.json.encode({"tasks": [gone, kept], "workers": [], "log_dir": ""}))
    for _ in range(2):  # a second start finds nothing to do
        await pruning.finish_interrupted(made.yard)
        assert not made.yard.data.task(gone).exists()
        assert made.yard.data.task(kept).exists()
    assert not note(made).exists()


@pytest.mark.parametrize(
    "data",
    [
        b'{"tasks": ["ID',
        b'{"tasks": ["..", "../../x"]}',
        b'{"tasks": ["\xff"]}',
        b"",
        b"\0" * 64,
        b"[" * 50_000,
    ],
)
async def test_a_note_that_cannot_be_read_removes_nothing_and_is_kept(made: Made, data: bytes) -> None:
    task_id = await ended(made)
    data = data.replace(b"ID", task_id.encode())
    note(made).write_bytes(data)
    await pruning.finish_interrupted(made.yard)
    assert made.yard.data.task(task_id).exists() and not note(made).exists()
    [aside] = note(made).parent.glob("pruning.json.unreadable-*")
    assert aside.read_bytes() == data
    await made.yard.database.change(lambda change: None)
    [text] = told(made)
    assert aside.name in text


async def test_ended_workers_go_with_their_logs(made: Made) -> None:
    handle = await made.worker()
    database, data = made.yard.database, made.yard.data
    logs = [data.worker_log(handle.worker_id), Path(f"{data.worker_log(handle.worker_id)}.2")]
    for path in logs:
        path.write_text("started")
    made.clocks.advance(91 * DAY)
    assert (await pruning.prune(made.yard)).workers == 0, "it lives"
    database.execute("UPDATE worker SET state = 'DEAD', ended_at = ?", (made.clocks.wall(),))
    await database.change(lambda change: workers.cleanup(change, made.clocks.wall() + 1))
    made.clocks.advance(89 * DAY)
    assert (await pruning.prune(made.yard)).workers == 0
    made.clocks.advance(2 * DAY)
    assert (await pruning.prune(made.yard)).workers == 1
    assert workers.row(database, handle.worker_id) is None
    assert not any(path.exists() for path in logs)


def copies(made: Made) -> int:
    return len(list(made.yard.data.path.glob("steelyard.db.backup-*")))


async def test_a_backup_a_day_if_anything_happened(made: Made) -> None:
    upkeep = Upkeep(made.yard)
    await made.submit()
    await upkeep.back_up_if_due()
    assert copies(made) == 1
    await made.submit()
    made.clocks.advance(BACKUP_EVERY / 2)
    await upkeep.back_up_if_due()
    assert copies(made) == 1
    made.clocks.advance(BACKUP_EVERY / 2)
    await upkeep.back_up_if_due()
    assert copies(made) == 2
    made.clocks.advance(BACKUP_EVERY)
    await upkeep.back_up_if_due()
    assert copies(made) == 2, "nothing happened meanwhile"
    made.clocks.step_wall(-365 * DAY)
    await made.submit()
    await upkeep.back_up_if_due()
    assert copies(made) == 3, "a clock that was set back does not put it off"


async def test_damage_that_a_backup_finds_is_trouble_that_stays(made: Made) -> None:
    for _ in range(50):
        await made.submit(label="x" * 200)
    database = made.yard.database
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with made.yard.data.database.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(size // 4096 // 2 * 4096)
        file.write(b"\xa5" * 8192)
    await Upkeep(made.yard).back_up()
    trouble = database.condition.trouble
    assert trouble is not None and "doctor --repair" in trouble.text
    database.condition.works()
    assert database.condition.trouble is trouble
    assert copies(made) == 0
