"""What may go from the history and what never does."""

from __future__ import annotations

from steelyard.rules.states import Cause, TaskState
from steelyard.store import claims, retention, samples, sweeps, tasks, workers
from steelyard.store.database import Database
from tests.unit.store.making import NOW, end, new, run, state, submit

LONG_AGO = NOW + 1_000_000.0
EVERYTHING = (LONG_AGO, -1)


def ended(
    database: Database, how: TaskState = TaskState.SUCCEEDED, now: float = NOW, **fields: object
) -> str:
    [task_id] = submit(database, new(**fields))
    end(database, task_id, run(database, task_id), how, now=now)
    return task_id


def go(database: Database, mark: tuple[float, int] = EVERYTHING, limit: int = 100) -> list[str]:
    found = retention.tasks_to_go(database, mark, limit)
    return database.change_now(lambda change: retention.remove_tasks(change, mark, found))


def test_age_and_number_say_up_to_where(database: Database) -> None:
    ids = [ended(database, now=NOW + second) for second in range(5)]
    assert retention.mark(database, before=None, keep=None) is None
    assert retention.mark(database, before=None, keep=5) is None
    mark = retention.mark(database, before=NOW + 2, keep=None)
    assert mark is not None and retention.tasks_to_go(database, mark, 100) == ids[:2]
    mark = retention.mark(database, before=None, keep=1)
    assert mark is not None and retention.tasks_to_go(database, mark, 100) == ids[:4]
    mark = retention.mark(database, before=NOW + 2, keep=1)
    assert mark is not None and retention.tasks_to_go(database, mark, 2) == ids[:2]
    mark = retention.mark(database, before=None, keep=0)
    assert mark is not None and go(database, mark) == ids


def test_of_those_that_ended_in_one_moment_the_number_keeps_exactly_so_many(database: Database) -> None:
    ids = submit(database, *(new() for _ in range(10)))
    database.change_now(
        lambda change: [
            tasks.end_waiting(change, one, TaskState.CANCELLED, Cause.CANCELLED, NOW) for one in ids
        ]
    )
    mark = retention.mark(database, before=None, keep=4)
    assert mark is not None and go(database, mark) == ids[:6]


def test_a_sweep_goes_with_its_last_task(database: Database) -> None:
    for sweep_id, key in (("aaaa", "once"), ("bbbb", "twice")):
        made = sweeps.NewSweep(sweep_id, "command", "", key, "digest")
        database.change_now(lambda change, made=made: sweeps.insert(change, made))
    gone = [ended(database, sweep_id="aaaa") for _ in range(2)]
    went = ended(database, sweep_id="bbbb")
    [stays] = submit(database, new(sweep_id="bbbb"))
    assert go(database) == [*gone, went]
    assert sweeps.view(database, "aaaa") is None
    found = sweeps.view(database, "bbbb")
    assert found is not None and found["total"] == 1 and sweeps.task_ids(database, "bbbb") == [stays]


def test_what_waits_runs_or_can_go_on_stays(database: Database) -> None:
    [waits] = submit(database, new())
    [retries] = submit(database, new())
    end(database, retries, run(database, retries), TaskState.READY, delay=60)
    [runs] = submit(database, new())
    run(database, runs)
    stays = []
    for how in (TaskState.FAILED, TaskState.CANCELLED, TaskState.SUCCEEDED):
        [task_id] = submit(database, new())
        number = run(database, task_id)
        database.change_now(lambda change, t=task_id, n=number: claims.checkpointed(change, t, n, NOW))  # type: ignore[misc]
        end(database, task_id, number, how)
        stays.append(task_id)
    *with_checkpoint, done = stays
    assert go(database) == [done], "a checkpoint is of no use to one that succeeded"
    for task_id in (waits, retries, runs, *with_checkpoint):
        assert state(database, task_id)


def test_a_task_that_another_waits_for_stays_until_that_one_has_succeeded(database: Database) -> None:
    first = ended(database)
    [second] = submit(database, new(after=[first]))
    assert go(database) == []
    number = run(database, second)
    assert go(database) == []
    end(database, second, number, TaskState.SUCCEEDED, now=NOW + 60)
    assert go(database) == [first, second]


def test_one_that_was_rejected_can_still_be_retried_with_what_it_waits_for(database: Database) -> None:
    first = ended(database, TaskState.FAILED)
    [second] = submit(database, new(after=[first]))
    assert state(database, second) == "CANCELLED"
    assert go(database) == [second], "nobody waits for the last of the chain"
    assert go(database) == [first]


def test_one_that_is_retried_meanwhile_is_not_deleted(database: Database) -> None:
    task_id = ended(database, TaskState.FAILED)
    found = retention.tasks_to_go(database, EVERYTHING, 10)
    database.change_now(lambda change: tasks.retry_by_user(change, task_id, NOW))
    assert database.change_now(lambda change: retention.remove_tasks(change, EVERYTHING, found)) == []
    assert state(database, task_id) == "READY"


def test_all_of_a_task_goes_and_the_counts_are_right(database: Database) -> None:
    task_id = ended(database, tags=["a"], label="to be found")
    database.change_now(lambda change: samples.save(change, task_id, 1, [(NOW, 1, 1.0)]))
    kept = ended(database, now=LONG_AGO + 5)
    assert go(database) == [task_id]
    for table in ("attempt", "sample", "task_after"):
        rows = database.execute(f"SELECT count(*) FROM {table} WHERE task_id = ?", (task_id,)).fetchone()
        assert rows[0] == 0, table
    assert database.execute("SELECT count(*) FROM task_tag").fetchone()[0] == 0
    assert tasks.counts(database)["SUCCEEDED"] == 1
    assert tasks.page(database, {"q": "found"}, 10, None)["total"] == 0
    assert retention.missing(database, "task", [task_id, kept]) == [task_id]
    assert database.integrity_check() == []


def test_workers_go_when_they_ended_and_are_off_the_list(database: Database) -> None:
    for worker_id in ("alive", "listed", "gone"):
        database.change_now(
            lambda change, w=worker_id: workers.insert(  # type: ignore[misc]
                change, worker_id=w, queue="default", started_at=NOW, forced=False, view={}
            )
        )
    database.execute("UPDATE worker SET state = 'DEAD', ended_at = ? WHERE id <> 'alive'", (NOW,))
    database.execute("UPDATE worker SET listed = 0 WHERE id = 'gone'")
    assert retention.workers_to_go(database, NOW, 10) == []
    assert retention.workers_to_go(database, NOW + 1, 10) == ["gone"]
    everybody = ["alive", "listed", "gone"]
    assert database.change_now(lambda change: retention.remove_workers(change, everybody)) == ["gone"]
