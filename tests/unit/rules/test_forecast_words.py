"""The forecast as it is read: all only where it is all, and everything that is left out with its number."""

from __future__ import annotations

from typing import Any

import pytest

from steelyard.rules.forecast_words import nobody_works, sentence
from steelyard.rules.quantities import GIB

EVENING = "2026-11-29T20:00:00Z"
OUTLOOK = {"workers": 2, "done_at": EVENING}


def found(able: int, unknown: int = 0, *waiting: dict[str, Any]) -> dict[str, Any]:
    return {"remaining": able, "able": able, "unknown": unknown, "waiting": list(waiting)}


def kept(why: str, tasks: int, **more: Any) -> dict[str, Any]:
    claims = {"least": 19 * GIB, "most": 19 * GIB}
    return {"why": why, "tasks": tasks, "queue": None, "at": None, "closable": None, **claims, **more}


def told(answer: dict[str, Any], outlook: dict[str, Any] | None = OUTLOOK) -> str:
    return sentence(answer, outlook, lambda moment: "at 20:00 (in 15 min)", lambda moment: "08:16")


GPU = kept("queue", 2016, queue="gpu")
BROWSER = {"name": "browser", "memory": 3 * GIB}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (found(12), "All 12 are done at 20:00 (in 15 min) with 2 workers."),
        (found(1), "The only task is done at 20:00 (in 15 min) with 2 workers."),
        (
            found(6, 0, GPU, kept("time", 1, at=EVENING)),
            "The 6 that can start are done at 20:00 (in 15 min) with 2 workers; 2,016 wait for a worker of "
            "queue gpu; 1 starts at 08:16.",
        ),
        (
            found(1, 0, kept("time", 3, at=EVENING)),
            "The 1 that can start is done at 20:00 (in 15 min) with 2 workers; 3 start later, the first at "
            "08:16.",
        ),
        (
            found(2, 0, kept("queue", 1, queue="gpu"), kept("after", 1)),
            "The 2 that can start are done at 20:00 (in 15 min) with 2 workers; 1 waits for a worker of "
            "queue gpu; 1 waits for tasks that cannot start.",
        ),
        (
            found(5, 2),
            "The 3 with known durations are done at 20:00 (in 15 min) with 2 workers; no run like the "
            "other 2 has been completed yet.",
        ),
        (
            found(2, 0, kept("other_programs", 1, closable=[BROWSER]), kept("never_fits", 2, most=40 * GIB)),
            "The 2 that can start are done at 20:00 (in 15 min) with 2 workers; 1 needs 19.0 GiB, "
            "more than other programs leave (it would fit if you close browser (3.0 GiB)); 2 need 19.0 "
            "GiB to 40.0 GiB each, more than this machine can ever give.",
        ),
    ],
)
def test_what_can_start_is_told_and_the_rest_is_named(answer: dict[str, Any], text: str) -> None:
    assert told(answer) == text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (found(0), "Nothing is left to do."),
        (found(1, 1), "When it is done is not known: no run like this one has been completed yet."),
        (
            found(3, 3, GPU),
            "When it is done is not known: no run like these 3 has been completed yet; 2,016 wait for a "
            "worker of queue gpu.",
        ),
    ],
)
def test_without_an_outlook_it_says_what_there_is_to_say(answer: dict[str, Any], text: str) -> None:
    assert told(answer, None) == text


def test_without_a_worker_the_end_is_only_what_it_would_be() -> None:
    assert nobody_works({**found(2), "workers": 0})
    assert not nobody_works({**found(2), "workers": 1})
    assert not nobody_works({**found(0, 0, GPU), "workers": 0})
