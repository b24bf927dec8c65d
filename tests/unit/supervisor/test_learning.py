"""Claims that are learned: at submit, while tasks wait, and never against what was stated or raised."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from steelyard.machine.processes import TreeUse
from steelyard.rules.admission import Claim
from steelyard.rules.footprint import ONE_ALIKE, WIDE_MARGIN, Experience
from steelyard.rules.states import Cause
from steelyard.store import tasks
from steelyard.store.claims import Outcome
from steelyard.supervisor import (
    claiming,
    dispatch,
    outcomes,
    progress,
    submission,
    system,
    task_views,
    views,
)
from steelyard.supervisor.worker_handle import RunningAttempt
from tests.unit.supervisor.making import GIB, Made

ALIKE = math.ceil(GIB * (1 + ONE_ALIKE))
"""The claim after one run of the same parameters that took 1 GiB."""


async def ran(made: Made, *argv: str, peak: int, cause: Cause = Cause.SUCCEEDED, took: float = 60.0) -> str:
    """A task that ran and ended; its worker is free again."""
    task_id = await made.submit(*argv)
    handle = await made.worker()
    attempt = await made.attempt(handle, task_id)
    outcome = Outcome(cause, peak_memory=peak, duration=took)
    outcomes.finish(made.yard, handle, attempt, outcome)
    await made.yard.database.change(lambda change: None)
    handle.leaving = True
    return task_id


def memory(made: Made, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = task_views.one(made.yard, task_id)["memory"]
    return found


def running(made: Made, task_id: str) -> RunningAttempt:
    held = [handle.attempt for handle in made.yard.handles.values()]
    return next(attempt for attempt in held if attempt is not None and attempt.task_id == task_id)


async def test_a_task_claims_what_its_like_took_before(made: Made) -> None:
    await ran(made, "solver", "4", peak=GIB)
    known = await made.submit("solver", "4")
    assert memory(made, known) == {"claim": ALIKE, "source": "learned", "peak": None}
    other = await made.submit("another")
    assert memory(made, other)["source"] == "default"


async def test_what_was_stated_is_not_learned(made: Made) -> None:
    await ran(made, "solver", peak=GIB)
    stated = await made.submit("solver", memory="3GiB")
    assert memory(made, stated)["claim"] == 3 * GIB
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    assert memory(made, stated) == {"claim": 3 * GIB, "source": "task", "peak": None}


async def test_a_task_that_waits_learns_from_those_that_went_before(made: Made) -> None:
    waits = await made.submit("solver", "5", priority=-1)
    assert memory(made, waits)["source"] == "default"
    await ran(made, "solver", "4", peak=GIB)
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    assert memory(made, waits)["source"] == "learned"
    assert GIB * 5 // 4 < memory(made, waits)["claim"] < 2.2 * GIB  # no more than a cube of 5 / 4


async def test_a_claim_that_was_raised_stays_raised(made: Made) -> None:
    await ran(made, "solver", peak=GIB)
    task_id = await ran(made, "solver", peak=3 * GIB, cause=Cause.MEMORY_GUARD)
    row = tasks.row(made.yard.database, task_id)
    assert row is not None and (row["state"], row["claim"]) == ("READY", int(4.5 * GIB))
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    assert memory(made, task_id)["claim"] == int(4.5 * GIB)


async def test_a_run_that_was_ended_raises_the_default_of_its_like(made: Made) -> None:
    await ran(made, "solver", peak=9 * GIB, cause=Cause.MEMORY_GUARD)
    alike = await made.submit("solver")
    assert memory(made, alike)["claim"] == int(13.5 * GIB)


async def test_one_that_the_guard_ended_within_its_claim_shows_no_need_for_more(made: Made) -> None:
    await ran(made, "solver", peak=7 * GIB, cause=Cause.MEMORY_GUARD)
    alike = await made.submit("solver")
    assert memory(made, alike)["claim"] == int(7 * GIB * (1 + ONE_ALIKE))


async def test_a_learned_claim_is_never_more_than_the_machine_could_give(made: Made) -> None:
    await ran(made, "solver", peak=15 * GIB)
    view = made.yard.scale.view(made.yard.settings)
    assert memory(made, await made.submit("solver"))["claim"] == view.total - view.guard


async def test_a_run_from_checkpoints_took_what_came_before_as_well(made: Made) -> None:
    task_id = await made.submit("solver")
    for cause, took in ((Cause.WORKER_LOST, 100.0), (Cause.SUCCEEDED, 20.0)):
        handle = await made.worker()
        attempt = await made.attempt(handle, task_id)
        if cause is Cause.WORKER_LOST:
            progress.on_checkpointed(made.yard, handle, attempt, {})
        outcomes.finish(made.yard, handle, attempt, Outcome(cause, peak_memory=GIB, duration=took))
        await made.yard.database.change(lambda change: None)
    usual = made.yard.learning.usual("command", {"argv": ["solver"]})
    assert usual is not None and usual.duration == 120.0


async def test_thousands_at_once_are_reckoned_roughly_and_weighed_closely(made: Made) -> None:
    for size, peak in (("1", GIB), ("8", 4 * GIB)):
        await ran(made, "solver", size, peak=peak)
    spec = {"simulation": "command", "parameters": {"argv": ["solver", "1"]}}
    submitted = await submission.submit(made.yard, [spec] * (submission.CLOSELY + 1))
    ids = [task_id for task_id, _ in submitted]
    assert memory(made, ids[0])["claim"] == ALIKE
    assert memory(made, ids[-1])["claim"] > 4 * GIB
    row = tasks.row(made.yard.database, ids[-1])
    assert row is not None
    await made.yard.learning.look_up(made.yard.learning.stale([row]))
    await made.yard.database.change(
        lambda change: made.yard.learning.refresh(change, made.yard.settings, row)
    )
    assert memory(made, ids[-1])["claim"] == ALIKE


async def test_one_more_worker_is_weighed_by_what_its_first_task_was_learned_to_take(made: Made) -> None:
    await ran(made, "solver", peak=GIB)
    await made.submit("solver")
    assert views.next_claim(made.yard) == ALIKE


LIKE = (("1", GIB, 20.0), ("2", GIB, 20.0), ("4", GIB, 90.0))
"""What runs of three sizes take: with two workers the one of 90 s has to begin at once."""


async def test_in_a_sweep_what_ends_it_soonest_goes_first_unless_its_order_counts(made: Made) -> None:
    for size, peak, took in LIKE:
        await ran(made, "solver", size, peak=peak, took=took)
    rows = [{"argv": ["solver", size]} for size, _, _ in LIKE]
    for ordered, first in ((False, 2), (True, 0)):
        _, ids, _ = await submission.submit_sweep(
            made.yard, {"simulation": "command", "rows": rows, "ordered": ordered}
        )
        handles = [await made.worker(), await made.worker()]
        assert await dispatch.dispatch(made.yard) == 2
        assert handles[0].attempt is not None and handles[0].attempt.task_id == ids[first]
        for handle in handles:
            handle.leaving, handle.attempt = True, None
        await made.yard.database.change(lambda change: change.execute("DELETE FROM task"))


async def test_a_sweep_longer_than_a_glance_is_looked_through(made: Made) -> None:
    for size, peak, took in LIKE:
        await ran(made, "solver", size, peak=peak, took=took)
    rows = [{"argv": ["solver", "1"]}] * (claiming.GLANCE * 2) + [{"argv": ["solver", "4"]}]
    _, ids, _ = await submission.submit_sweep(made.yard, {"simulation": "command", "rows": rows})
    handles = [await made.worker() for _ in range(20)]
    assert await dispatch.dispatch(made.yard) > 0
    assert handles[0].attempt is not None and handles[0].attempt.task_id == ids[-1]


async def test_an_eta_comes_from_what_such_runs_take_until_there_is_progress(made: Made) -> None:
    await ran(made, "solver", peak=GIB, took=100.0)
    handle = await made.worker()
    task_id = await made.submit("solver")
    assert await dispatch.dispatch(made.yard) == 1
    attempt = handle.attempt
    assert attempt is not None and attempt.task_id == task_id
    made.clocks.advance(40)
    assert attempt.remaining(made.clocks.awake()) == 60.0
    made.clocks.advance(70)
    assert attempt.remaining(made.clocks.awake()) is None


async def test_what_a_simulation_declares_stands_until_it_is_known_to_take_more(made: Made) -> None:
    learning, settings = made.yard.learning, made.yard.settings
    parameters = {"argv": ["solver"]}
    assert learning.claim(settings, None, 2 * GIB, "command", parameters) == Claim(2 * GIB, "simulation")
    await ran(made, "solver", peak=GIB)
    assert learning.claim(settings, None, 2 * GIB, "command", parameters) == Claim(2 * GIB, "simulation")
    await ran(made, "solver", peak=3 * GIB)
    found = learning.claim(settings, None, 2 * GIB, "command", parameters)
    assert found.source == "learned" and found.bytes > 3 * GIB
    unlike = learning.claim(settings, None, 2 * GIB, "command", {"argv": ["other"]})
    assert unlike == Claim(2 * GIB, "simulation")


async def test_what_runs_is_told_how_long_it_takes_once_others_have_shown_it(made: Made) -> None:
    """The first runs of a sweep start when nothing is known; those that end first speak for the others."""
    long = await made.submit("solver", "--years=20")
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    attempt = running(made, long)
    assert attempt.usual is None
    for years in (1, 2, 4, 9):
        await ran(made, "solver", f"--years={years}", peak=GIB, took=60.0 * years)
    await dispatch.relearn(made.yard)
    made.clocks.advance(300)
    assert attempt.usual is not None
    assert round(attempt.remaining(made.clocks.awake()) or 0) == 900


async def test_what_goes_on_from_a_checkpoint_is_not_told_how_long_a_whole_run_takes(made: Made) -> None:
    resumed = await made.submit("solver", "--years=20")
    await made.yard.database.change(
        lambda change: change.execute("UPDATE task SET checkpoint_at = 1.0 WHERE id = ?", (resumed,))
    )
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    for years in (1, 2, 4, 9):
        await ran(made, "solver", f"--years={years}", peak=GIB, took=60.0 * years)
    await dispatch.relearn(made.yard)
    assert running(made, resumed).usual is None


MODEL = """[simulation]
name = "model"
title = "Model"
command = ["{python}", "model.py", "COMMAND"]

[parameters.size]
type = "number"
default = 1
"""


def write_model(made: Made, command: str) -> None:
    path: Path = made.yard.data.simulations / "model.toml"
    path.write_text(MODEL.replace("COMMAND", command))
    made.yard.catalogue.reload()


async def ran_model(made: Made, peak: int, took: float, *, meanwhile: str | None = None) -> None:
    """A run of the model; meanwhile: what its file says by the time it ends."""
    [(task_id, _)] = await submission.submit(made.yard, [{"simulation": "model"}])
    handle = await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    if meanwhile is not None:
        write_model(made, meanwhile)
    attempt = running(made, task_id)
    outcomes.finish(made.yard, handle, attempt, Outcome(Cause.SUCCEEDED, peak_memory=peak, duration=took))
    await made.yard.database.change(lambda change: None)
    handle.leaving = True


async def test_what_another_command_took_answers_until_one_of_its_own_has_ended(made: Made) -> None:
    """A command that did nothing was corrected in the simulation's file."""
    write_model(made, "--help")
    await ran_model(made, 200 * 2**20, 0.4)
    write_model(made, "run")
    known = made.yard.learning.footprint("model", '{"size":1}')
    assert known is not None and known.claim == int(200 * 2**20 * (1 + WIDE_MARGIN))
    await ran_model(made, 782 * 2**20, 930.0)
    known = made.yard.learning.footprint("model", '{"size":1}')
    assert known is not None and (known.peak, known.runs) == (782 * 2**20, 1)
    usual = made.yard.learning.usual("model", {})
    assert usual is not None and usual.duration == 930.0
    write_model(made, "--help")
    usual = made.yard.learning.usual("model", {})
    assert usual is not None and usual.duration == 0.4


async def test_a_run_counts_for_the_command_that_it_was_started_with(made: Made) -> None:
    write_model(made, "--help")
    await ran_model(made, 200 * 2**20, 0.4, meanwhile="run")
    usual = made.yard.learning.usual("model", {})
    assert usual is not None and usual.claim == int(200 * 2**20 * (1 + WIDE_MARGIN))


async def test_a_task_that_ran_into_its_time_limit_claims_what_it_had_reached(made: Made) -> None:
    await ran(made, "solver", "--hours=24", peak=GIB)
    await ran(made, "solver", "--hours=24", peak=GIB)
    await ran(made, "solver", "--hours=8760", peak=3 * GIB, cause=Cause.TIMEOUT)
    longer = await made.submit("solver", "--hours=8760")
    assert memory(made, longer)["claim"] >= int(3 * GIB * (1 + ONE_ALIKE))
    assert memory(made, await made.submit("solver", "--hours=24"))["claim"] < 3 * GIB


async def level(made: Made, attempt: RunningAttempt, peak: int, seconds: int) -> None:
    """It takes so much, and no more, for so long."""
    for _ in range(seconds):
        made.clocks.advance(1)
        now = made.clocks.awake()
        attempt.note_sample(made.clocks.wall(), now, peak, 100.0, 1.0)
        attempt.note_growth(now, peak)
    await dispatch.relearn(made.yard)


async def test_told_nothing_the_rest_of_a_sweep_does_not_wait_until_the_first_has_ended(made: Made) -> None:
    """16 GiB, 14 of them for tasks; what nobody knows claims 8 GiB, and each takes 2."""
    rows = [{"argv": ["solver", f"--seed={seed}"]} for seed in range(10, 16)]
    _, ids, _ = await submission.submit_sweep(made.yard, {"simulation": "command", "rows": rows})
    handles = [await made.worker() for _ in range(6)]
    made.machine.available = 15 * GIB
    made.yard.scale.weigh()
    assert await dispatch.dispatch(made.yard) == 1
    first = running(made, ids[0])
    made.machine.available = 13 * GIB
    made.yard.scale.weigh()
    for handle in handles:
        if handle.attempt is first:
            handle.use, handle.own_memory = TreeUse(2 * GIB, 0.0, 1.0, 1), 0
    await level(made, first, 2 * GIB, 50)
    assert first.reckoned == 8 * GIB
    assert await dispatch.dispatch(made.yard) == 0
    await level(made, first, 2 * GIB, 20)
    assert first.reckoned == 3 * GIB
    assert await dispatch.dispatch(made.yard) >= 3
    assert memory(made, ids[1]) == {"claim": 3 * GIB, "source": "learned", "peak": None}
    larger = memory(made, await made.submit("solver", "--seed=1000"))
    assert larger == {"claim": 8 * GIB, "source": "learned", "peak": None}


async def test_one_that_grows_again_is_reckoned_with_its_claim_again(made: Made) -> None:
    task_id = await made.submit("solver")
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    attempt = running(made, task_id)
    await level(made, attempt, 2 * GIB, 70)
    assert attempt.reckoned == 3 * GIB
    await level(made, attempt, 5 * GIB, 2)
    assert attempt.reckoned == 8 * GIB
    alike = await made.submit("solver")
    assert memory(made, alike)["source"] == "default"


async def test_what_was_stated_is_reckoned_as_stated_however_level_it_is(made: Made) -> None:
    task_id = await made.submit("solver", memory="6GiB")
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    attempt = running(made, task_id)
    await level(made, attempt, GIB, 100)
    assert attempt.reckoned == 6 * GIB


async def small_trials(made: Made) -> None:
    for size, mib in ((24, 406), (48, 408), (24, 406), (48, 407)):
        await ran(made, "solver", f"--hours={size}", "--nodes=1", peak=mib * 2**20)


async def test_far_beyond_what_was_seen_the_default_is_claimed_and_not_what_small_trials_took(
    made: Made,
) -> None:
    await small_trials(made)
    longer = memory(made, await made.submit("solver", "--hours=8760", "--nodes=1"))
    assert longer == {"claim": 8 * GIB, "source": "default", "peak": None}
    await ran(made, "solver", "--hours=8760", "--nodes=1", peak=587 * 2**20)
    longer = memory(made, await made.submit("solver", "--hours=8760", "--nodes=1"))
    assert longer["claim"] == math.ceil(587 * 2**20 * (1 + ONE_ALIKE))
    more = memory(made, await made.submit("solver", "--hours=8760", "--nodes=10"))
    assert more == {"claim": 8 * GIB, "source": "default", "peak": None}
    await ran(made, "solver", "--hours=8760", "--nodes=10", peak=1434 * 2**20, cause=Cause.TIMEOUT)
    again = memory(made, await made.submit("solver", "--hours=8760", "--nodes=10"))
    assert again["claim"] >= 1434 * 2**20


async def test_one_task_far_beyond_goes_ahead_until_it_is_level_or_has_ended(made: Made) -> None:
    made.machine.total, made.machine.available = 64 * GIB, 60 * GIB
    made.yard.scale.weigh()
    await small_trials(made)
    rows = [{"argv": ["solver", f"--hours={hours}", "--nodes=1"]} for hours in (8760, 8784, 8000)]
    _, ids, _ = await submission.submit_sweep(made.yard, {"simulation": "command", "rows": rows})
    small = await made.submit("solver", "--hours=48", "--nodes=1")
    for _ in range(4):
        await made.worker()
    assert await dispatch.dispatch(made.yard) == 2
    scout, _ = running(made, ids[1]), running(made, small)
    assert memory(made, ids[0])["source"] == "default"
    assert made.yard.waiting[ids[0]].reason == "scout"
    assert made.yard.waiting[ids[0]].subject == ids[1]
    assert await dispatch.dispatch(made.yard) == 0
    await level(made, scout, 2 * GIB, 70)
    assert await dispatch.dispatch(made.yard) == 2
    assert memory(made, ids[0]) == {"claim": 3 * GIB, "source": "learned", "peak": None}


async def test_many_that_wait_for_a_scout_hide_nothing_that_stands_behind_them(made: Made) -> None:
    made.machine.total, made.machine.available = 64 * GIB, 60 * GIB
    made.yard.scale.weigh()
    await small_trials(made)
    many = claiming.WINDOW + 44
    rows = [{"argv": ["solver", f"--hours={8760 + n}", "--nodes=1"]} for n in range(many)]
    _, ids, _ = await submission.submit_sweep(made.yard, {"simulation": "command", "rows": rows})
    behind = await made.submit("other", memory="1GiB")
    for _ in range(2):
        await made.worker()
    for _ in range(4):
        await dispatch.dispatch(made.yard)
    assert running(made, behind).claim == GIB
    held = [handle.attempt.task_id for handle in made.yard.handles.values() if handle.attempt is not None]
    assert len(held) == 2 and len({*held} & {*ids}) == 1


async def far_beyond(made: Made) -> tuple[RunningAttempt, str]:
    """One that goes ahead, and the id of one that waits for it."""
    made.machine.total, made.machine.available = 64 * GIB, 60 * GIB
    made.yard.scale.weigh()
    await small_trials(made)
    ahead = await made.submit("solver", "--hours=8784", "--nodes=1")
    waits = await made.submit("solver", "--hours=8760", "--nodes=1")
    for _ in range(2):
        await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    assert made.yard.waiting[waits].reason == "scout"
    return running(made, ahead), waits


async def test_nobody_waits_for_one_ahead_that_a_person_has_suspended(made: Made) -> None:
    scout, waits = await far_beyond(made)
    scout.suspended_by = "user"
    assert await dispatch.dispatch(made.yard) == 1
    assert running(made, waits).scouts is not None


async def test_those_that_ran_out_of_memory_wait_for_nobody_of_their_kind(made: Made) -> None:
    made.machine.total, made.machine.available = 64 * GIB, 60 * GIB
    made.yard.scale.weigh()
    await ran(made, "solver", "4", peak=GIB)
    for size in ("5", "6"):
        # Ended while its claim was the default still: what it is tried again with was raised.
        task_id = await ran(made, "solver", size, peak=9 * GIB, cause=Cause.KERNEL_OOM)
        await made.yard.database.change(
            lambda change, each=task_id: tasks.reckon(change, each, 14 * GIB, "default")
        )
    for _ in range(2):
        await made.worker()
    assert await dispatch.dispatch(made.yard) == 2


async def test_what_cannot_be_learned_from_one_simulation_keeps_no_task_waiting(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.machine.total, made.machine.available = 64 * GIB, 60 * GIB
    made.yard.scale.weigh()
    await ran(made, "solver", "4", peak=GIB)

    def broken(self: Experience, parameters: object) -> None:
        raise OverflowError("int too large to convert to float")

    monkeypatch.setattr(Experience, "of", broken)
    ids = [await made.submit("solver", "5"), await made.submit("another", "5")]
    for _ in ids:
        await made.worker()
    assert await dispatch.dispatch(made.yard) == 2
    assert [memory(made, task_id)["source"] for task_id in ids] == ["default", "default"]


async def test_one_that_is_level_within_what_was_seen_says_nothing_of_those_far_beyond(made: Made) -> None:
    await small_trials(made)
    small = await made.submit("solver", "--hours=48", "--nodes=1")
    await made.worker()
    assert await dispatch.dispatch(made.yard) == 1
    await level(made, running(made, small), 410 * 2**20, 70)
    longer = memory(made, await made.submit("solver", "--hours=8760", "--nodes=1"))
    assert longer == {"claim": 8 * GIB, "source": "default", "peak": None}


async def test_of_a_sweep_the_task_that_is_farthest_out_goes_ahead_and_speaks_for_the_others(
    made: Made,
) -> None:
    await small_trials(made)
    rows = [{"argv": ["solver", f"--hours={hours}", "--nodes=1"]} for hours in (8000, 500, 80_000)]
    for ordered, first in ((False, 2), (True, 0)):
        _, ids, _ = await submission.submit_sweep(
            made.yard, {"simulation": "command", "rows": rows, "ordered": ordered}
        )
        handle = await made.worker()
        assert await dispatch.dispatch(made.yard) == 1
        assert running(made, ids[first]).scouts is not None
        handle.leaving, handle.attempt = True, None
        await made.yard.database.change(lambda change: change.execute("DELETE FROM task"))


async def test_the_form_hears_what_lies_far_beyond_the_runs_so_far(made: Made) -> None:
    write_model(made, "run")
    await ran_model(made, 200 * 2**20, 60.0)
    seen = system.simulation(made.yard, "model")["seen"]
    assert seen == {"size": {"least": 1, "most": 1, "falling": False}}
    found = await system.usually(made.yard, "model", {"size": 1})
    assert found is not None and (found["unseen"], found["unknown"]) == ([], False)
    found = await system.usually(made.yard, "model", {"size": 10})
    assert found is not None
    assert (found["unseen"], found["unknown"], found["claim"]) == (
        ["size = 10 was never seen, only 1"],
        True,
        8 * GIB,
    )
