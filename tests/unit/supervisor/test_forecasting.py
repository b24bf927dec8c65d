"""The forecast of a yard: learned durations, progress, and what nobody knows."""

from __future__ import annotations

import math
import threading

from steelyard.rules.footprint import ONE_ALIKE
from steelyard.rules.timestamps import unix
from steelyard.supervisor import dispatch, forecasting, startup, submission, system, task_views
from steelyard.supervisor.scale import Scale
from tests.unit.supervisor.making import GIB, Made, NoTrees
from tests.unit.supervisor.test_learning import ran


async def test_an_empty_yard_has_nothing_to_tell(made: Made) -> None:
    assert await forecasting.view(made.yard) == {
        "remaining": 0,
        "unknown": 0,
        "workers": 0,
        "paused": None,
        "outlooks": [],
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
    assert [round(unix(one["done_at"]) - now) for one in found["outlooks"][:2]] == [400, 200]
    assert unix(found["outlooks"][0]["earliest"]) < unix(found["outlooks"][0]["done_at"])


async def test_what_runs_is_told_by_its_progress(made: Made) -> None:
    handle = await made.worker()
    attempt = await made.attempt(handle, await made.submit("solver"))
    assert (await forecasting.view(made.yard))["unknown"] == 1
    attempt.progress, attempt.first_progress = 0.25, (0.0, 0.0)
    made.clocks.advance(25)
    found = await forecasting.view(made.yard)
    assert round(unix(found["outlooks"][0]["done_at"]) - made.clocks.wall()) == 75
    assert found["unknown"] == 0


async def test_of_a_long_queue_a_sample_is_looked_at(made: Made) -> None:
    await ran(made, "solver", peak=GIB, took=10.0)
    spec = {"simulation": "command", "parameters": {"argv": ["solver"]}}
    await submission.submit(made.yard, [spec] * (4 * forecasting.SAMPLE))
    found = await forecasting.view(made.yard)
    assert found["remaining"] == 4 * forecasting.SAMPLE
    alone = unix(found["outlooks"][0]["done_at"]) - made.clocks.wall()
    assert abs(alone - 40 * forecasting.SAMPLE) < 0.05 * alone


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
