"""A step that fails is told: at once, not every second, and never where the disk has told it already."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from steelyard.rules.errors import StorageFull
from steelyard.supervisor import notices
from steelyard.supervisor.steps import LOG_AGAIN, Steps
from tests.unit.supervisor.making import Made


def breaks() -> Any:
    raise ValueError("a fault of ours")


async def told(made: Made) -> list[str]:
    await made.yard.database.change(lambda change: None)
    rows = made.yard.database.execute("SELECT data FROM event WHERE kind = 'prompt' ORDER BY seq").fetchall()
    return [json.loads(row["data"])["text"] for row in rows]


async def test_a_fault_that_lasts_is_told_once_and_logged_once_a_minute(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    steps = Steps(made.yard)
    for _ in range(int(2 * LOG_AGAIN)):
        assert not await steps.make("counting sheep", breaks)
        made.clocks.advance(1)
    assert steps.failing_for("counting sheep") == 2 * LOG_AGAIN
    assert await told(made) == [
        "Counting sheep failed by a fault of Steelyard's own (ValueError: a fault of ours). It tries again "
        "every second; its log says more."
    ]
    assert len([one for one in caplog.records if one.exc_info]) == 2
    with caplog.at_level(logging.WARNING):
        assert await steps.make("counting sheep", lambda: None)
    assert caplog.records[-1].getMessage() == "counting sheep works again"
    assert steps.failing_for("counting sheep") == 0.0


async def test_what_the_disk_refuses_is_told_by_its_condition_alone(made: Made) -> None:
    def refused() -> None:
        raise StorageFull("The disk is full.", reason="full")

    steps = Steps(made.yard)
    assert not await steps.make("counting sheep", refused)
    assert steps.failing_for("counting sheep") == 0.0
    assert made.yard.database.condition.trouble is not None
    assert all("sheep" not in text for text in await told(made))


async def test_a_step_that_can_be_waited_for_is(made: Made) -> None:
    async def breaks_later() -> None:
        raise ValueError("later")

    assert not await Steps(made.yard).make("counting sheep", breaks_later)


async def test_a_fault_in_telling_is_not_the_end(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "give", lambda *_, **__: breaks())
    assert not await Steps(made.yard).make("counting sheep", breaks)
