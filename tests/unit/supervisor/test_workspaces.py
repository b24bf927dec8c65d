"""Runs in fresh folders, runs in one folder that nobody stated anything about, and their temporary files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from steelyard.rules.errors import SteelyardError, StorageFull
from steelyard.rules.states import Cause, TaskState
from steelyard.rules.workspace import Manner
from steelyard.settings.run_section import Run
from steelyard.store import claims, tasks
from steelyard.supervisor import (
    attempts,
    claiming,
    dispatch,
    fresh_folder,
    recovery,
    system,
    task_actions,
    task_views,
    watching,
    workspace_notes,
    workspaces,
)
from steelyard.supervisor.worker_handle import WorkerHandle
from tests.helpers.waiting import eventually_async
from tests.unit.supervisor.making import Made
from tests.unit.supervisor.test_attempts import ended


def model(made: Made, stated: str | None, name: str = "beam") -> Path:
    """A simulation of that name, and the directory in which it runs."""
    directory = made.yard.data.path.parent / name
    directory.mkdir()
    (directory / "deck").write_text("as it was")
    text = f'[simulation]\nname = "{name}"\ncommand = ["sh", "run.sh"]\ndirectory = "{directory}"\n'
    if stated is not None:
        text += f'[run]\nworkspace = "{stated}"\n'
    (made.yard.data.simulations / f"{name}.toml").write_text(text)
    made.yard.catalogue.reload()
    return directory


async def queue(made: Made, count: int, name: str = "beam") -> list[str]:
    return [await made.submit(simulation=name, parameters={}, memory="100MiB") for _ in range(count)]


def started(made: Made) -> list[dict[str, Any]]:
    return [message for _, message in made.sent if message["type"] == "start"]


async def has_started(made: Made, count: int) -> dict[str, Any]:
    """The message that started the last of so many attempts."""
    await eventually_async(lambda: len(started(made)) >= count, within=30)
    return started(made)[count - 1]


def holder(made: Made, task_id: str) -> WorkerHandle:
    found = made.yard.holder(task_id)
    assert found is not None
    return found


async def end(made: Made, task_id: str, **how: Any) -> None:
    """End the run of a task, and wait until it is tidied up."""
    handle = holder(made, task_id)
    assert handle.attempt is not None
    attempts.on_ended(made.yard, handle, handle.attempt, ended(**how))
    await eventually_async(lambda: handle.attempt is None and not made.yard.errands, within=30)


def said(made: Made, task_id: str) -> list[str]:
    remarks: list[str] = task_views.one(made.yard, task_id)["attempts"][0]["remarks"]
    return remarks


def waiting_for(made: Made, task_id: str) -> str:
    words: str = task_views.one(made.yard, task_id)["waiting_for"]
    return words


async def test_runs_in_fresh_folders_go_side_by_side_each_with_its_files(made: Made) -> None:
    directory = model(made, "fresh")
    await made.worker()
    await made.worker()
    first, second = await queue(made, 2)
    assert await dispatch.dispatch(made.yard) == 2
    await has_started(made, 2)
    folders = [made.yard.data.attempt(one, 1) / "work" for one in (first, second)]
    assert {message["directory"] for message in started(made)} == {str(folder) for folder in folders}
    assert [(folder / "deck").read_text() for folder in folders] == ["as it was"] * 2
    (folders[0] / "deck").write_text("of the first")
    (folders[0] / "beam.dat").write_text("of the first")
    await end(made, first)
    await end(made, second)
    assert sorted(path.name for path in folders[0].iterdir()) == ["beam.dat", "deck"]
    assert not folders[1].exists() and (directory / "deck").read_text() == "as it was"
    assert said(made, first) == said(made, second) == []


async def test_a_first_run_goes_alone_and_one_that_wrote_makes_all_go_one_at_a_time(made: Made) -> None:
    directory = model(made, None)
    await made.worker()
    await made.worker()
    first, second, third = await queue(made, 3)
    other = await made.submit(memory="100MiB")
    assert await dispatch.dispatch(made.yard) == 2
    message = await has_started(made, 2)
    assert {one["task_id"] for one in started(made)} == {first, other}
    assert Path(message["directory"] if message["task_id"] == first else started(made)[0]["directory"])
    assert waiting_for(made, second).startswith(f"the end of task {first}. The first run of beam goes alone")
    await end(made, other)
    assert await dispatch.dispatch(made.yard) == 0
    (directory / "beam.dat").write_text("written")
    await end(made, first)
    [told] = said(made, first)
    assert told.startswith(f"It wrote beam.dat into {directory}.") and "[run] in beam.toml" in told
    assert await dispatch.dispatch(made.yard) == 1
    assert waiting_for(made, third).startswith(f"the end of task {second}. Runs of beam go one at a time")
    view = system.simulation(made.yard, "beam")["run"]
    assert view["manner"] == "one at a time" and "beam.dat" in view["why"]
    await has_started(made, 3)
    await end(made, second)
    assert said(made, second) == []


async def test_after_a_first_run_that_wrote_nothing_runs_go_side_by_side(made: Made) -> None:
    model(made, None)
    await made.worker()
    await made.worker()
    first, second, third = await queue(made, 3)
    assert await dispatch.dispatch(made.yard) == 1
    await has_started(made, 1)
    await end(made, first)
    assert await dispatch.dispatch(made.yard) == 2
    await has_started(made, 3)
    assert system.simulation(made.yard, "beam")["run"]["why"] is None
    await end(made, second)
    await end(made, third)


async def test_a_first_run_that_failed_early_shows_nothing(made: Made) -> None:
    model(made, None)
    await made.worker()
    first, _ = await queue(made, 2)
    await dispatch.dispatch(made.yard)
    await has_started(made, 1)
    await end(made, first, exit_code=1)
    simulation = made.yard.catalogue.get("beam")
    assert watching.manner(made.yard, simulation) is Manner.FIRST


async def test_a_later_write_beside_others_is_told_on_the_run_it_may_have_spoilt(made: Made) -> None:
    directory = model(made, None)
    await made.worker()
    await made.worker()
    first, second, third = await queue(made, 3)
    await dispatch.dispatch(made.yard)
    await has_started(made, 1)
    await end(made, first)
    await dispatch.dispatch(made.yard)
    await has_started(made, 3)
    (directory / "late.dat").write_text("of one of two")
    await end(made, second)
    assert [told.split(" ", 1)[0] for told in said(made, second)] == ["It", "late.dat"]
    await end(made, third)
    assert said(made, third)[0].startswith("late.dat in ")
    assert watching.manner(made.yard, made.yard.catalogue.get("beam")) is Manner.SINGLE


async def test_a_changed_file_of_the_simulation_is_watched_anew(made: Made) -> None:
    directory = model(made, None)
    await made.worker()
    [first] = await queue(made, 1)
    await dispatch.dispatch(made.yard)
    await has_started(made, 1)
    (directory / "beam.dat").write_text("written")
    await end(made, first)
    file = made.yard.data.simulations / "beam.toml"
    file.write_text(file.read_text() + '[run]\nworkspace = "shared"\n')
    made.yard.catalogue.reload()
    assert watching.manner(made.yard, made.yard.catalogue.get("beam")) is Manner.FREE
    assert system.simulation(made.yard, "beam")["run"]["workspace"] == "shared"


async def test_many_that_wait_for_one_do_not_hide_what_could_start(made: Made) -> None:
    model(made, None)
    await made.worker()
    await made.worker()
    await queue(made, claiming.WINDOW + 5)
    await dispatch.dispatch(made.yard)
    last = await made.submit(memory="100MiB")
    assert await dispatch.dispatch(made.yard) == 1
    await eventually_async(lambda: last in {message["task_id"] for message in started(made)})
    await eventually_async(lambda: not made.yard.errands)


class Stuck:
    """fill() that does not get on until it is given up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = 0
        monkeypatch.setattr(fresh_folder, "fill", self)

    def __call__(self, work: str, directory: str, run: Any, named: Any, ours: Any, go_on: Any) -> Any:
        self.reached += 1
        while go_on():
            pass
        raise InterruptedError


async def test_a_cancel_while_files_are_brought_in_is_obeyed(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(made, "fresh")
    stuck = Stuck(monkeypatch)
    worker = await made.worker()
    [task_id] = await queue(made, 1)
    await dispatch.dispatch(made.yard)
    await eventually_async(lambda: stuck.reached)
    with pytest.raises(SteelyardError):
        await task_actions.suspend(made.yard, task_id, True)
    await task_actions.cancel(made.yard, task_id)
    await eventually_async(lambda: worker.attempt is None and not made.yard.errands)
    row = tasks.row(made.yard.database, task_id)
    assert row is not None and (row["state"], row["cause"]) == (TaskState.CANCELLED, Cause.CANCELLED)
    assert started(made) == [] and not (made.yard.data.attempt(task_id, 1) / "work").exists()
    assert not workspace_notes.path(made.yard.data, task_id, 1).exists()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OSError(28, "No space left on device"), "The disk is full"),
        (PermissionError(13, "Permission denied", "/models/x"), "/models/x: Permission denied"),
        (RuntimeError("a fault of ours"), "Steelyard could not prepare the run's folder"),
        (fresh_folder.CannotBring("It cannot.", missing=True), "It cannot."),
    ],
)
async def test_a_folder_that_cannot_be_filled_ends_the_attempt_with_the_reason(
    made: Made, monkeypatch: pytest.MonkeyPatch, fault: Exception, words: str
) -> None:
    def fill(*_: Any) -> Any:
        raise fault

    model(made, "fresh")
    monkeypatch.setattr(fresh_folder, "fill", fill)
    worker = await made.worker()
    [task_id] = await queue(made, 1)
    await dispatch.dispatch(made.yard)
    await eventually_async(lambda: worker.attempt is None and not made.yard.errands)
    view = task_views.one(made.yard, task_id)
    assert view["attempts"][0]["cause"] == "error" and words in view["attempts"][0]["evidence"]
    assert (view["state"] == "FAILED") is isinstance(fault, fresh_folder.CannotBring)


async def test_a_fault_of_ours_after_the_run_costs_no_result(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tidy_up(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a fault of ours")

    model(made, "fresh")
    monkeypatch.setattr(fresh_folder, "tidy_up", tidy_up)
    await made.worker()
    [task_id] = await queue(made, 1)
    await dispatch.dispatch(made.yard)
    await has_started(made, 1)
    await end(made, task_id)
    assert task_views.one(made.yard, task_id)["state"] == "SUCCEEDED"
    assert "a fault of ours" in said(made, task_id)[0]


async def test_a_folder_on_a_disk_that_hangs_keeps_the_sidecar_from_nothing(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_for_it: list[bool] = []
    fill = fresh_folder.fill

    def noted(*given: Any) -> fresh_folder.Brought:
        waits_for_it.append(not threading.current_thread().daemon)
        return fill(*given)

    model(made, "fresh")
    monkeypatch.setattr(fresh_folder, "fill", noted)
    await made.worker()
    [task_id] = await queue(made, 1)
    await dispatch.dispatch(made.yard)
    await has_started(made, 1)
    await end(made, task_id)
    # Python waits at its end for threads that are no daemons, however long these take.
    assert waits_for_it == [False]


async def test_what_a_killed_sidecar_left_is_tidied_up_at_the_next_start(made: Made) -> None:
    model(made, "fresh")
    worker = await made.worker()
    await queue(made, 1)
    await dispatch.dispatch(made.yard)
    message = await has_started(made, 1)
    work, temporary = Path(message["directory"]), Path(message["environment"]["TMPDIR"])
    (work / "beam.dat").write_text("new")
    (temporary / "scratch").write_text("1")
    # The sidecar is killed here, and another one starts on what it left.
    made.yard.handles.clear()
    made.yard.workspaces.clear()
    worker.attempt = None
    recovery.recover(made.yard)
    await eventually_async(lambda: not made.yard.errands)
    assert [path.name for path in work.iterdir()] == ["beam.dat"] and not temporary.exists()
    assert list((made.yard.data.runtime / "workspaces").iterdir()) == []


async def test_what_starts_while_an_earlier_sidecars_runs_are_tidied_up_is_left_alone(made: Made) -> None:
    model(made, "fresh")
    recovery.recover(made.yard)
    # The first run is being filled when the look at what was left gets its turn.
    task_id = "started-meanwhile"
    work = made.yard.data.attempt(task_id, 1) / "work"
    work.mkdir(parents=True)
    note = workspace_notes.path(made.yard.data, task_id, 1)
    workspace_notes.write(note, Run(workspace="fresh"), None)
    await eventually_async(lambda: not made.yard.errands)
    assert work.is_dir() and note.exists()


async def test_a_damaged_note_is_told_and_hinders_nobody(made: Made) -> None:
    folder = made.yard.data.runtime / "workspaces"
    folder.mkdir()
    for name in ("t1.1.json", "t2.1.json"):
        (folder / name).write_bytes(b'{"keep": [\xff')
    (folder / "unknown").write_text("")
    left = workspace_notes.left(made.yard.data)
    assert [key for _, key in left] == [("t1", 1), ("t2", 1)]
    for note, key in left:
        assert workspace_notes.tidy_up(made.yard.data, note, key, succeeded=False)
    recovery.recover(made.yard)
    await eventually_async(lambda: not made.yard.errands)
    assert [path.name for path in folder.iterdir()] == ["unknown"]


async def test_what_a_sidecar_left_that_was_killed_after_the_record_of_an_end_is_tidied_up(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A success, of which nothing was tidied up: neither temporary files nor what keep leaves out."""
    directory = model(made, "fresh")
    (made.yard.data.simulations / "beam.toml").write_text(
        f'[simulation]\nname = "beam"\ncommand = ["sh", "run.sh"]\ndirectory = "{directory}"\n'
        '[run]\nworkspace = "fresh"\nkeep = ["*.dat"]\n'
    )
    await made.worker()
    [task_id] = await queue(made, 1)
    await dispatch.dispatch(made.yard)
    message = await has_started(made, 1)
    work, temporary = Path(message["directory"]), Path(message["environment"]["TMPDIR"])
    (work / "beam.dat").write_text("new")
    (work / "scratch").write_text("new")
    with monkeypatch.context() as killed:
        killed.setattr(workspaces, "over", lambda *_, **__: None)
        await end(made, task_id)
    made.yard.workspaces.clear()
    assert temporary.is_dir() and (work / "deck").exists()
    recovery.recover(made.yard)
    await eventually_async(lambda: not made.yard.errands)
    assert [path.name for path in work.iterdir()] == ["beam.dat"] and not temporary.exists()
    assert list((made.yard.data.runtime / "temporary").iterdir()) == []


async def test_what_could_not_be_recorded_of_a_folder_is_said_after_the_next_start(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was found then: what a person does to the directory meanwhile was not the run."""

    def refuses(*_: Any, **__: Any) -> Any:
        raise StorageFull("The disk is full.")

    directory = model(made, "fresh")
    (directory / "tables").mkdir()
    (directory / "tables" / "steel").write_text("as it was")
    await made.worker()
    [task_id] = await queue(made, 1)
    await dispatch.dispatch(made.yard)
    await has_started(made, 1)
    (directory / "tables" / "steel").write_text("written to")
    with monkeypatch.context() as full:
        full.setattr(claims, "remark", refuses)
        await end(made, task_id)
    assert said(made, task_id) == []
    (directory / "tables" / "other").write_text("by a person")
    recovery.recover(made.yard)
    await eventually_async(lambda: not made.yard.errands)
    [sentence] = said(made, task_id)
    assert sentence.startswith("tables/steel in ")
    assert list((made.yard.data.runtime / "workspaces").iterdir()) == []


async def test_temporary_files_are_the_runs_own_and_go_with_it(made: Made) -> None:
    await made.worker()
    task_id = await made.submit(memory="100MiB")
    await dispatch.dispatch(made.yard)
    environment = (await has_started(made, 1))["environment"]
    folder = Path(environment["TMPDIR"])
    assert environment["TMP"] == environment["TEMP"] == str(folder) and folder.is_dir()
    (folder / "scratch").write_text("1")
    await end(made, task_id)
    assert not folder.exists()


async def test_a_place_for_temporary_files_that_the_task_names_is_taken(made: Made) -> None:
    await made.worker()
    parameters = {"argv": ["true"], "environment": {"TMPDIR": "/scratch"}}
    task_id = await made.submit(parameters=parameters, memory="100MiB")
    await dispatch.dispatch(made.yard)
    assert (await has_started(made, 1))["environment"]["TMPDIR"] == "/scratch"
    await end(made, task_id)


async def test_an_end_that_comes_twice_is_tidied_up_after_once_as_it_was_first_told(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk refuses the record of a success, and then its worker ends as well."""
    told: list[bool] = []

    def tidy_up(*_: Any, succeeded: bool) -> list[str]:
        told.append(succeeded)
        return []

    model(made, "fresh")
    monkeypatch.setattr(fresh_folder, "tidy_up", tidy_up)
    await made.worker()
    [task_id] = await queue(made, 1)
    await dispatch.dispatch(made.yard)
    await has_started(made, 1)
    attempt = holder(made, task_id).attempt
    assert attempt is not None
    for succeeded in (True, False):
        workspaces.over(made.yard, attempt, succeeded=succeeded)
    await eventually_async(lambda: not made.yard.errands)
    assert told == [True]
