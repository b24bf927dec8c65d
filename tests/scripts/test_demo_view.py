"""The live view: estimates of what is left, and a picture that fits a usual terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from demo import view
from steelyard.rules.timestamps import iso

NOW = 1_700_000_000.0
NAMES = ["pathway", "price"]


def task(number: int, state: str = "READY", **fields: Any) -> Any:
    """A task as the server gives it, as far as the view looks."""
    return {
        "task_id": f"{number:012x}",
        "parameters": {"pathway": "reference", "price": 100.0, "resolution": 5},
        "state": state,
        "cause": None,
        "started_at": None,
        "finished_at": None,
        "progress": None,
        "message": None,
        "eta": None,
        "suspended": False,
        "waiting_for": None,
        **fields,
    }


def running(number: int, began: float, progress: float | None = None, **fields: Any) -> Any:
    return task(number, "RUNNING", started_at=iso(NOW - began), progress=progress, **fields)


def done(number: int, took: float) -> Any:
    times = {"started_at": iso(NOW - took), "finished_at": iso(NOW)}
    return task(number, "SUCCEEDED", progress=1.0, attempts=[{"seconds": took}], **times)


def picture(tasks: list[Any], width: int = 100) -> str:
    status: Any = {
        "workers": [
            {"worker_id": "3f9a1c20", "state": "RUNNING", "pid": 12345, "memory": 150 << 20, "cpu": 99.6},
            {"worker_id": "77aa0001", "state": "STARTING", "pid": None, "memory": None, "cpu": None},
        ],
        "limits": {"admissible": 2},
        "memory": {"total": 24 << 30, "used": 12 << 30, "guard": 2 << 30, "pressure": "normal"},
    }
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    console.print(view.draw(status, tasks, NAMES, 65.0, NOW))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_sidecars_own_estimate_goes_first() -> None:
    assert view.seconds_left(running(1, 10, 0.5, eta=iso(NOW + 90)), NOW) == pytest.approx(90)


def test_without_one_progress_so_far_is_extended() -> None:
    assert view.seconds_left(running(1, 10, 0.25), NOW) == pytest.approx(30)


@pytest.mark.parametrize("quiet", [running(1, 10), running(1, 10, 0.0), task(1), done(1, 5)])
def test_without_a_ground_nothing_is_claimed(quiet: Any) -> None:
    assert view.seconds_left(quiet, NOW) is None


def test_all_that_is_left_at_the_pace_so_far() -> None:
    # Ten seconds each; half of two, and two that wait, on two workers: 3 tasks' work of 10 s over 2.
    tasks = [done(1, 10), running(2, 5, 0.5), running(3, 5, 0.5), task(4), task(5)]
    assert view.all_left(tasks, NOW) == pytest.approx(15)


def test_nothing_is_said_of_the_whole_before_anything_has_moved() -> None:
    assert view.all_left([running(1, 1), task(2)], NOW) is None
    assert view.all_left([task(1), task(2)], NOW) is None


@pytest.mark.parametrize(("seconds", "shown"), [(None, "–"), (0, "0:00"), (59.6, "1:00"), (3661, "1:01:01")])
def test_clock(seconds: float | None, shown: str) -> None:
    assert view.clock(seconds) == shown


def test_changes_are_told_once() -> None:
    before, after = [task(1), task(2)], [running(1, 1), task(2)]
    assert list(view.changes([], before, NAMES)) == []
    assert list(view.changes(before, after, NAMES)) == [" 1 running   reference · 100"]
    assert list(view.changes(after, after, NAMES)) == []


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_usual_terminal_holds_the_picture(width: int) -> None:
    tasks = [done(1, 12), running(2, 5, 0.5, message="year 2035 of 2050"), *(task(n) for n in range(3, 13))]
    lines = picture(tasks, width).splitlines()
    assert len(lines) <= 24
    assert all(len(line) <= width for line in lines)
    assert "1 of 12 done · 1 running · 10 waiting · 1:05 so far" in lines[0]


def test_what_a_task_says_cannot_steer_the_terminal() -> None:
    shown = picture([running(1, 5, 0.5, message="\x1b[2Jgone\x07 [bold]plain")])
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]plain" in shown
