"""What a running attempt uses is written down now and then, and is there after a kill."""

from __future__ import annotations

from steelyard.rules.states import Cause
from steelyard.store import footprints, samples
from steelyard.store.claims import Outcome
from steelyard.supervisor import outcomes, recovery, task_views, usage
from tests.unit.supervisor.making import GIB, Made


async def test_what_an_attempt_used_is_known_after_a_kill(made: Made) -> None:
    worker = await made.worker()
    attempt = await made.attempt(worker, await made.submit(memory="1GiB"))
    for second in range(200):
        made.clocks.advance(1)
        attempt.note_sample(made.clocks.wall(), made.clocks.awake(), GIB + second, 50.0, second / 2)
        usage.keep(made.yard)
    await made.yard.database.change(lambda change: None)
    kept = samples.read(made.yard.database, attempt.task_id)
    assert 100 < len(kept) <= 200
    made.yard.handles.clear()  # kill -9: nothing of what was in memory is left
    recovery.recover(made.yard)
    found = task_views.one(made.yard, attempt.task_id)
    [past] = found["attempts"]
    assert past["cause"] == "sidecar_lost"
    assert past["peak_memory"] > GIB + 100 and past["cpu_seconds"] > 50
    (learned,) = footprints.newest(made.yard.database, "command", "true").runs
    assert (learned.peak, learned.complete) == (past["peak_memory"], False)
    assert (found["memory"]["peak"], found["cpu_seconds"]) == (past["peak_memory"], past["cpu_seconds"])


async def test_it_is_written_seldom_and_only_what_is_new(made: Made) -> None:
    worker = await made.worker()
    attempt = await made.attempt(worker, await made.submit(memory="1GiB"))
    written = []
    for second in range(600):
        made.clocks.advance(1)
        attempt.note_sample(made.clocks.wall(), made.clocks.awake(), GIB, 50.0, 1.0)
        before = attempt.use_kept
        usage.keep(made.yard)
        written += [second + 1] if attempt.use_kept != before else []
    assert written[:5] == [2, 4, 8, 16, 32] and len(written) < 16
    await made.yard.database.change(lambda change: None)
    assert len(samples.read(made.yard.database, attempt.task_id)) <= 500


async def test_what_has_ended_is_left_alone(made: Made) -> None:
    worker = await made.worker()
    attempt = await made.attempt(worker, await made.submit(memory="1GiB"))
    attempt.note_sample(made.clocks.wall(), made.clocks.awake(), GIB, 50.0, 1.0)
    made.clocks.advance(10)
    usage.keep(made.yard)
    attempt.peak = 2 * GIB
    outcomes.finish(made.yard, worker, attempt, Outcome(Cause.CANCELLED, peak_memory=2 * GIB))
    made.clocks.advance(100)
    usage.keep(made.yard)
    await made.yard.database.change(lambda change: None)
    assert task_views.one(made.yard, attempt.task_id)["attempts"][0]["peak_memory"] == 2 * GIB
