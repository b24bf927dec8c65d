"""The forecast of a yard: learned durations, progress, and what nobody knows."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from typing import Any

import pytest

from steelyard.rules import forecast
from steelyard.rules.footprint import ONE_ALIKE
from steelyard.rules.timestamps import iso, unix
from steelyard.supervisor import dispatch, forecasting, startup, submission, system, task_views
from steelyard.supervisor.scale import Scale
from tests.unit.supervisor.making import GIB, Made, NoTrees
from tests.unit.supervisor.test_learning import ran


async def test_an_empty_yard_has_nothing_to_tell(made: Made) -> None:
    assert await forecasting.view(made.yard) == {
        "remaining": 0,
        "able": 0,
        "unknown": 0,
        "workers": 0,
        "paused": None,
        "outlooks": [],
        "waiting": [],
    }


async def test_what_never_ran_cannot_be_reckoned(made: Made) -> None:
    await made.submit("solver")
    found = await forecasting.view(made.yard)
    assert (found["remaining"], found["unknown"], found["outlooks"]) == (1, 1, [])


async def test_learned_durations_make_moments(made: Made) -> None:
    await ran(made, "solver", peak=GIB, took=100.0)
    for _ in range(4):
        await made.submit("solver")
    await made.submit("another")
    found = await forecasting.view(made.yard)
    assert (found["remaining"], found["unknown"]) == (5, 1)
    now = made.clocks.wall()
    assert [unix(one["done_at"]) - now for one in found["outlooks"][:2]] == [
        pytest.approx(400, rel=0.1),
        pytest.approx(200, rel=0.1),
    ]
    assert unix(found["outlooks"][0]["earliest"]) < unix(found["outlooks"][0]["done_at"])


async def test_what_runs_is_told_by_its_progress(made: Made) -> None:
    handle = await made.worker()
    attempt = await made.attempt(handle, await made.submit("solver"))
    assert (await forecasting.view(made.yard))["unknown"] == 1
    attempt.progress, attempt.first_progress = 0.25, (0.0, 0.0)
    made.clocks.advance(25)
    found = await forecasting.view(made.yard)
    assert unix(found["outlooks"][0]["done_at"]) - made.clocks.wall() == pytest.approx(75, rel=0.1)
    assert found["unknown"] == 0


async def test_of_a_long_queue_a_sample_is_looked_at(made: Made) -> None:
    await ran(made, "solver", peak=GIB, took=10.0)
    spec = {"simulation": "command", "parameters": {"argv": ["solver"]}}
    await submission.submit(made.yard, [spec] * (4 * forecasting.SAMPLE))
    found = await forecasting.view(made.yard)
    assert found["remaining"] == 4 * forecasting.SAMPLE
    alone = unix(found["outlooks"][0]["done_at"]) - made.clocks.wall()
    assert alone == pytest.approx(40 * forecasting.SAMPLE, rel=0.1)


async def test_what_cannot_start_is_named_and_no_part_of_it(made: Made) -> None:
    await ran(made, "solver", peak=GIB, took=100.0)
    await made.worker()
    for queue, count in (("default", 2), ("gpu", 3)):
        for _ in range(count):
            await made.submit("solver", queue=queue)
    tonight = made.clocks.wall() + 36_000
    await made.submit("solver", not_before=iso(tonight))
    await made.submit("solver", memory="13GiB")
    await made.submit("solver", memory="15GiB", force=True)
    found = await forecasting.view(made.yard)
    assert (found["remaining"], found["able"], found["unknown"]) == (8, 3, 0)
    waiting = {one.pop("why"): one for one in found["waiting"]}
    assert (waiting["queue"]["tasks"], waiting["queue"]["queue"]) == (3, "gpu")
    assert (waiting["time"]["tasks"], unix(waiting["time"]["at"])) == (1, pytest.approx(tonight))
    assert (waiting["other_programs"]["tasks"], waiting["other_programs"]["least"]) == (1, 13 * GIB)
    assert unix(found["outlooks"][0]["done_at"]) - made.clocks.wall() == pytest.approx(300, rel=0.15)


async def test_what_will_never_fit_is_named_and_runs_alone_where_that_is_wanted(made: Made) -> None:
    await ran(made, "solver", peak=GIB, took=100.0)
    await made.worker()
    task_id = await made.submit("solver", memory="15GiB", force=True)
    assert (await forecasting.view(made.yard))["able"] == 1
    await made.yard.database.change(
        lambda change: change.execute("UPDATE task SET forced = 0 WHERE id = ?", (task_id,))
    )
    found = await forecasting.view(made.yard)
    assert (found["able"], found["outlooks"]) == (0, [])
    assert [(one["why"], one["tasks"]) for one in found["waiting"]] == [("never_fits", 1)]


async def test_a_time_that_comes_before_all_is_done_is_reckoned_with(made: Made) -> None:
    await ran(made, "solver", peak=GIB, took=1000.0)
    await made.worker()
    for _ in range(2):
        await made.submit("solver")
    await made.submit("solver", not_before=iso(made.clocks.wall() + 900))
    found = await forecasting.view(made.yard)
    assert (found["able"], found["waiting"]) == (3, [])
    assert unix(found["outlooks"][0]["done_at"]) - made.clocks.wall() == pytest.approx(3000, rel=0.15)


async def test_who_still_runs_tells_that_the_others_take_long_too(made: Made) -> None:
    await ran(made, "solver", "--seed=1", peak=GIB, took=60.0)
    for number in range(2, 8):
        attempt = await made.attempt(await made.worker(), await made.submit("solver", f"--seed={number}"))
        attempt.parameters = json.dumps({"argv": ["solver", f"--seed={number}"]})
    made.clocks.advance(3600)
    found = await forecasting.view(made.yard)
    assert unix(found["outlooks"][-1]["done_at"]) - made.clocks.wall() > 600


async def test_all_who_ask_at_once_share_an_answer_which_stands_until_something_changes(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ran(made, "solver", peak=GIB, took=100.0)
    await made.submit("solver")
    asked: list[int] = []
    original = forecast.forecast

    def counted(*args: Any, **more: Any) -> Any:
        asked.append(threading.get_ident())
        return original(*args, **more)

    monkeypatch.setattr(forecast, "forecast", counted)
    forecasts = forecasting.Forecasts()
    found = await asyncio.gather(*(forecasts.view(made.yard) for _ in range(5)))
    assert len(asked) == 1 and threading.get_ident() not in asked
    assert all(one == found[0] for one in found)
    assert await forecasts.view(made.yard) == found[0] and len(asked) == 1
    await made.submit("solver")
    assert (await forecasts.view(made.yard))["remaining"] == 2 and len(asked) == 2
    made.clocks.advance(forecasting.STANDS + 1)  # what runs goes on, and other programs come and go
    await forecasts.view(made.yard)
    assert len(asked) == 3


async def test_who_no_longer_asks_spoils_no_answer_for_the_others(made: Made) -> None:
    forecasts = forecasting.Forecasts()
    first = asyncio.ensure_future(forecasts.view(made.yard))
    second = asyncio.ensure_future(forecasts.view(made.yard))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)["remaining"] == 0


async def test_the_first_question_names_what_could_be_closed(made: Made) -> None:
    programs = [("browser", 6 * GIB), ("editor", 3 * GIB), ("mail", GIB)]
    made.yard.scale = Scale(made.machine.probe, NoTrees(), 8, programs=lambda limit: programs)
    made.machine.available = 7 * GIB
    made.yard.scale.weigh()
    asked = await startup.question(made.yard)
    assert asked["prompt"] == "insufficient_memory"
    assert asked["closable"] == [{"name": "editor", "memory": 3 * GIB}]
    made.machine.available = 12 * GIB
    made.yard.scale.weigh()
    assert (await startup.question(made.yard))["closable"] is None


async def test_tasks_that_other_programs_keep_waiting_say_which_and_the_machine_is_looked_at_once(
    made: Made,
) -> None:
    looks: list[int] = []

    def look(limit: int) -> list[tuple[str, int]]:
        looks.append(threading.get_ident())
        return [("browser", 9 * GIB)]

    made.yard.scale = Scale(made.machine.probe, NoTrees(), 8, programs=look)
    made.machine.available = 4 * GIB
    made.yard.scale.weigh()
    await made.worker()
    for _ in range(50):
        await made.submit("solver", memory="8GiB")
    assert await dispatch.dispatch(made.yard) == 0
    assert await made.yard.scale.programs.fresh()
    for _ in range(3):
        shown = task_views.page(made.yard, {}, 100, None)["tasks"]
        assert len(shown) == 50
        for task in shown:
            assert task["waiting_for"].endswith(
                "other programs hold the rest; it would fit if you close browser (9.0 GiB)"
            )
        await dispatch.dispatch(made.yard)
    assert len(looks) == 1
    assert threading.get_ident() not in looks


async def test_the_form_hears_what_a_run_usually_takes_and_whether_it_would_wait(made: Made) -> None:
    assert await system.usually(made.yard, "command", {"argv": ["solver"]}) is None
    await ran(made, "solver", peak=4 * GIB, took=90.0)
    found = await system.usually(made.yard, "command", {"argv": ["solver"]})
    assert found is not None
    assert (found["peak"], found["claim"], found["duration"], found["runs"], found["room"]) == (
        4 * GIB,
        math.ceil(4 * GIB * (1 + ONE_ALIKE)),
        90.0,
        1,
        None,
    )
    made.machine.available = 3 * GIB
    made.yard.scale.weigh()
    found = await system.usually(made.yard, "command", {"argv": ["solver"]})
    assert found is not None
    assert found["room"] == "It is weighed with 4.6 GiB, and 1.0 GiB are free now: it will wait."
    assert await system.usually(made.yard, "command", {"argv": "wrong"}) is None


async def test_what_takes_longer_than_the_calendar_goes_is_told_all_the_same(made: Made) -> None:
    await ran(made, "solver", peak=GIB, took=1e9)
    spec = {"simulation": "command", "parameters": {"argv": ["solver"]}}
    await submission.submit(made.yard, [spec] * 1000)
    found = await forecasting.view(made.yard)
    assert unix(found["outlooks"][0]["latest"]) > made.clocks.wall() + 1e10


async def test_a_run_that_ends_while_it_is_reckoned_spoils_no_answer(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ran(made, "solver", peak=GIB, took=100.0)
    handle = await made.worker()
    await made.attempt(handle, await made.submit("solver"))
    read = made.yard.database.aside.read

    async def meanwhile(work: Any) -> Any:
        handle.attempt = None
        return await read(work)

    monkeypatch.setattr(made.yard.database.aside, "read", meanwhile)
    assert (await forecasting.view(made.yard))["remaining"] == 1
