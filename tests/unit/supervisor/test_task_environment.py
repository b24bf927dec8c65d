"""supervisor.task_environment: whose variable counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steelyard.supervisor import task_environment
from steelyard.supervisor.users import AWAITED, LATE, PATIENCE, UsersEnvironment
from tests.unit.supervisor.making import Made, make

OWN = {"STEELYARD_TASK_ID": "t1"}


@pytest.fixture
def yard(made: Made, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A sidecar with an environment of three variables."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("WHO", "sidecar")
    monkeypatch.setenv("STEELYARD_CORES", "of a task that the sidecar runs in")
    made.yard.helper_folder = "/helper"
    return made


def seen(made: Made, stated: dict[str, str | None] | None = None, cores: int = 2) -> dict[str, str]:
    """What a task's process has in the end."""
    changes = task_environment.changes(made.yard, stated or {}, cores, OWN, {})
    found = {**task_environment.inherited(), **changes}
    return {name: value for name, value in found.items() if value is not None}


async def test_each_layer_goes_over_the_one_before(yard: Made) -> None:
    assert seen(yard)["WHO"] == "sidecar"
    yard.yard.users = UsersEnvironment({"WHO": "user"}, "login shell")
    assert seen(yard)["WHO"] == "user"
    yard.yard.preferences.change({"task_environment": {"WHO": "preference"}})
    yard.yard.settings = yard.yard.read_settings()
    assert seen(yard)["WHO"] == "preference"
    assert seen(yard, {"WHO": "task"})["WHO"] == "task"
    assert "WHO" not in seen(yard, {"WHO": None})


async def test_the_helpers_folder_leads_the_tasks_own_pythonpath(
    yard: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen(yard)["PYTHONPATH"] == "/helper"
    monkeypatch.setenv("PYTHONPATH", "/of/the/sidecar")
    assert seen(yard)["PYTHONPATH"] == os.pathsep.join(["/helper", "/of/the/sidecar"])
    mine = seen(yard, {"PYTHONPATH": os.pathsep.join(["/a", "/b"])})
    assert mine["PYTHONPATH"] == os.pathsep.join(["/helper", "/a", "/b"])
    assert seen(yard, {"PYTHONPATH": None})["PYTHONPATH"] == "/helper"


async def test_nobody_elses_word_is_overruled_by_a_default(
    yard: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (seen(yard)["OMP_NUM_THREADS"], seen(yard)["PYTHONUNBUFFERED"]) == ("2", "1")
    monkeypatch.setenv("PYTHONUNBUFFERED", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    assert (seen(yard)["OMP_NUM_THREADS"], seen(yard)["PYTHONUNBUFFERED"]) == ("6", "")
    assert "OPENBLAS_NUM_THREADS" not in seen(yard), "it follows OMP_NUM_THREADS"
    assert "OMP_NUM_THREADS" not in seen(yard, {"OMP_NUM_THREADS": None}), "taken away is a word too"


async def test_what_tells_an_attempt_from_others_is_ours_but_for_the_cores(yard: Made) -> None:
    found = seen(yard, {"STEELYARD_TASK_ID": "forged"}, cores=3)
    assert (found["STEELYARD_TASK_ID"], found["STEELYARD_CORES"]) == ("t1", "3")
    assert seen(yard, {"STEELYARD_CORES": "5"})["STEELYARD_CORES"] == "5"


async def test_programs_are_looked_for_on_the_users_path(yard: Made) -> None:
    assert task_environment.search_path(yard.yard) == "/bin"
    yard.yard.users = UsersEnvironment({"PATH": "/opt/conda/bin"}, "login shell")
    assert task_environment.search_path(yard.yard) == "/opt/conda/bin"


async def test_tasks_wait_for_the_users_variables_but_not_for_ever(yard: Made) -> None:
    users = yard.yard.users
    assert not users.are_awaited(yard.clocks.awake())
    users.expect(yard.clocks.awake())
    assert users.are_awaited(yard.clocks.awake() + PATIENCE - 1) and users.note == AWAITED
    assert not users.are_awaited(yard.clocks.awake() + PATIENCE) and users.note == LATE
    users.take({"A": "1"}, "login shell", [], None)
    assert (users.variables, users.note) == ({"A": "1"}, None), "better late than never"


async def test_a_faulty_preference_does_not_show_what_it_holds(tmp_path: Path) -> None:
    made = make(tmp_path)
    made.yard.preferences.path.write_text('{"task_environment": {"TOKEN": "hush", "A=B": "hush"}}')
    with pytest.raises(Exception, match="a variable's name") as told:
        made.yard.preferences.read()
    assert "hush" not in str(told.value)
    made.yard.database.close()
