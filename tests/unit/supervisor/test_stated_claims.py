"""Claims as people write them: taken as they are meant, or refused with a sentence and nothing queued."""

from __future__ import annotations

from typing import Any

import pytest

from steelyard.rules.errors import InvalidRequest, WillNeverFit
from steelyard.store import tasks
from steelyard.supervisor import task_actions
from tests.unit.supervisor.making import GIB, Made


@pytest.mark.parametrize(
    ("stated", "claim"),
    [("8 GB", 8 * 10**9), ("8GiB", 8 * GIB), (8 * 10**9, 8 * 10**9), ("8000000000", 8 * 10**9), (1, 1)],
)
async def test_a_claim_is_taken_as_it_is_meant(made: Made, stated: Any, claim: int) -> None:
    row = tasks.row(made.yard.database, await made.submit(memory=stated))
    assert row is not None and (row["claim"], row["claim_source"]) == (claim, "task")


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (0, "a claim is more than 0 bytes"),
        ("0 GiB", "a claim is more than 0 bytes"),
        (-1, "not negative"),
        ("-8GiB", "not"),
        ("8e9", "a number with a unit, such as 8GiB"),
        (8e9, "a number with a unit, such as 8GiB"),
        ("8 G", "the unit of '8 G' is none of"),
        ("much", "such as 8GiB"),
    ],
)
async def test_a_claim_that_is_none_is_refused_and_nothing_is_queued(
    made: Made, stated: Any, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=r"^memory: ") as refused:
        await made.submit(memory=stated)
    assert words in refused.value.message and refused.value.detail["field"] == "memory"
    assert not any(tasks.counts(made.yard.database).values())
    waiting = await made.submit(memory="1GiB")
    with pytest.raises(InvalidRequest):
        await task_actions.edit(made.yard, waiting, {"memory": stated})
    row = tasks.row(made.yard.database, waiting)
    assert row is not None and row["claim"] == GIB


async def test_more_than_the_machine_is_refused_unless_it_is_forced(made: Made) -> None:
    with pytest.raises(WillNeverFit, match=r"can give a task 14\.0 GiB at most"):
        await made.submit(memory="15GiB")
    assert not any(tasks.counts(made.yard.database).values())
    row = tasks.row(made.yard.database, await made.submit(memory="15GiB", force=True))
    assert row is not None and row["claim"] == 15 * GIB
