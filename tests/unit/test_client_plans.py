"""The client's plans without any socket: a script answers their steps, and their clock is a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from steelyard.client.errors import NoSidecar, Unreachable, WaitTimeout
from steelyard.client.exchange import Call
from steelyard.client.following import Following
from steelyard.client.listening import Ear, Patience
from steelyard.client.steps import Dropped, FindAgain, Give, Listen, Now, Pause, Plan, Receive, Stream, Tell
from steelyard.client.waiting import Ends
from steelyard.rules.errors import AtCapacity, ShuttingDown, Unauthorised
from steelyard.rules.reasons import no_worker
from tests.fakes.answers import ended, task

A = "a" * 12
SNAPSHOT = {"type": "snapshot", "seq": 7, "status": {}}


class World:
    """Carries steps out: messages come from `messages`, answers from `answers`, time passes in pauses.

    A message or answer that is an exception is raised; a function is called. Silence costs its whole wait.
    """

    def __init__(self, *messages: Any, **answers: Any) -> None:
        self.messages = list(messages)
        self.answers = answers
        self.listens: list[Any] = []
        """What each Listen meets: nothing, or an exception."""
        self.found: Any = None
        self.now = 0.0
        self.steps: list[Any] = []
        self.told: list[str] = []

    def do(self, step: Any) -> Any:
        self.steps.append(step)
        match step:
            case Pause(seconds):
                self.now += seconds
                return None
            case Now():
                return self.now
            case Tell(text):
                return self.told.append(text)
            case Listen():
                return _value(self.listens.pop(0) if self.listens else None)
            case FindAgain():
                return _value(self.found)
            case Receive(within):
                if self.messages:
                    return _value(self.messages.pop(0))
                assert within is not None, "it would listen for ever"
                self.now += within
                return None
            case Call(path=path):
                name = path.strip("/").rpartition("/")[2]
                return _value(self.answers["task" if name == A else name])
        raise AssertionError(step)

    def run(self, plan: Plan[Any] | Stream[Any], most: int = 1000) -> Any:
        """The value of a plan, or the items of a stream."""
        items = []
        try:
            step = next(plan)
            for _ in range(most):
                if isinstance(step, Give):
                    items.append(step.item)
                    step = next(plan)
                    continue
                try:
                    reply = self.do(step)
                except Exception as error:
                    step = plan.throw(error)
                else:
                    step = plan.send(reply)
        except StopIteration as end:
            return items if end.value is None else end.value
        raise AssertionError("it does not end")

    def of(self, kind: type) -> list[Any]:
        return [step for step in self.steps if isinstance(step, kind)]


def _value(found: Any) -> Any:
    if isinstance(found, Exception):
        raise found
    return found() if callable(found) else found


def sequence(*values: Any) -> Callable[[], Any]:
    """One after the other; the last one again and again."""
    left = list(values)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def changed(view: dict[str, Any], seq: int = 8) -> dict[str, Any]:
    return {"type": "task", "seq": seq, "task": view}


def pushed(offset: int, text: str, attempt: int = 1) -> dict[str, Any]:
    return {"type": "log", "seq": 7, "task_id": A, "attempt": attempt, "offset": offset, "text": text}


def written(text: str, offset: int = 0, attempt: int = 1) -> dict[str, Any]:
    end = offset + len(text.encode())
    return {"text": text, "offset": offset, "next": end, "size": end, "attempt": attempt}


def test_waiting_listens_and_does_not_ask_again() -> None:
    world = World(SNAPSHOT, changed(ended("b" * 12)), changed(ended(A), 9))
    world.answers["task"] = sequence(task(A), task(A), ended(A))
    assert [one["state"] for one in world.run(Ends([A], 30.0).stream())] == ["SUCCEEDED"]
    assert len(world.of(Call)) == 3 and not world.of(Pause)


def test_who_waits_for_a_worker_that_nobody_started_is_told_once() -> None:
    alone = task(A, waiting_for=no_worker("default"))
    for plan in (Ends([A], 30.0).stream(), Following(A, 0, None, 30.0, None).stream()):
        world = World(SNAPSHOT, changed(ended(A), 9), log=written(""))
        world.answers["task"] = sequence(alone, alone, ended(A))
        world.run(plan)
        assert world.told == [
            f'task {A} waits for a worker: none serves the queue "default".'
            " Start one with client.add_worker(), or steelyard workers add"
        ]
    world = World(SNAPSHOT, changed(ended(A), 9))
    world.answers["task"] = sequence(alone, alone, ended(A))
    world.run(Ends([A], 30.0, watch=lambda seen: None).stream())
    assert not world.told, "who watches a task sees why it waits"


def test_a_dropped_websocket_is_opened_again_where_it_was() -> None:
    world = World(SNAPSHOT, changed(task(A), 9), Dropped(), changed(ended(A), 11))
    world.answers["task"] = sequence(task(A), task(A), task(A), ended(A))
    world.run(Ends([A], 30.0).stream())
    assert [step.since for step in world.of(Listen)] == [None, 9]


def test_one_that_takes_us_in_only_to_send_us_away_is_not_asked_in_a_circle() -> None:
    world = World(*[Dropped()] * 20, SNAPSHOT)
    world.run(Ear(Patience(30.0)).hear())
    pauses = [step.seconds for step in world.of(Pause)]
    assert len(pauses) == 20 and pauses == sorted(pauses) and pauses[-1] == 1.0


def test_without_a_websocket_one_looks_with_growing_pauses() -> None:
    world = World(task=sequence(*[task(A)] * 12, ended(A)))
    world.listens = [AtCapacity("32 are open")]
    world.run(Ends([A], 30.0).stream())
    pauses = [step.seconds for step in world.of(Pause)]
    assert pauses[:11] == sorted(pauses[:11]) and pauses[10] == 1.0
    assert len(world.of(Listen)) == 1


def test_a_sidecar_that_comes_back_in_time_is_found() -> None:
    world = World(SNAPSHOT, task=sequence(Unreachable("gone"), ended(A)))
    world.answers["task"] = sequence(*[lambda: _value(Unreachable("gone"))] * 5, lambda: ended(A))
    answers = world.answers["task"]
    world.answers["task"] = lambda: answers()()
    world.found = sequence(*[False] * 4, True)
    assert len(world.run(Ends([A], 30.0).stream())) == 1
    assert world.told == ["gone; waiting up to 30 s for it to come back", "the sidecar is back"]


def test_patience_ends_with_the_reason_that_the_record_gives() -> None:
    world = World(task=ShuttingDown("Steelyard is shutting down."))
    world.found = NoSidecar("no sidecar runs on /data")
    with pytest.raises(NoSidecar, match="no sidecar runs on /data"):
        world.run(Ends([A], 5.0).stream())
    assert 5.0 <= world.now < 7.0


def test_one_that_refuses_us_and_is_the_right_one_is_not_waited_for() -> None:
    world = World(task=Unauthorised("not this token"))
    world.found = False
    with pytest.raises(Unauthorised):
        world.run(Ends([A], 30.0).stream())
    assert world.now == 0.0


def test_the_time_that_one_may_wait() -> None:
    world = World(SNAPSHOT, task=task(A, state="RUNNING"))
    with pytest.raises(WaitTimeout, match="still RUNNING after 3 s"):
        world.run(Ends([A], 30.0).stream(3.0))
    assert world.now == 3.0


def test_pushes_are_taken_as_they_come_and_gaps_are_fetched() -> None:
    world = World(
        SNAPSHOT,
        pushed(0, "one"),  # known already
        pushed(3, " two"),
        pushed(5, "wo three"),  # its beginning is known
        pushed(40, "behind a gap"),
        pushed(13, "\ufffd"),  # how many bytes that is cannot be told
        changed(ended(A)),
    )
    world.answers["task"] = sequence(*[task(A, state="RUNNING", attempt=1)] * 2, ended(A))
    world.answers["log"] = sequence(
        written("one"), written("", 3), written(" gap", 13), written(" end", 17), written("", 21)
    )
    pieces = world.run(Following(A, 0, None, 30.0, None).stream())
    assert "".join(piece["text"] for piece in pieces) == "one two three gap end"


def test_the_next_attempts_output_follows_from_its_start() -> None:
    world = World(SNAPSHOT, pushed(0, "ag", attempt=2), changed(ended(A)))
    world.answers["task"] = sequence(*[task(A, state="RUNNING", attempt=1)] * 2, ended(A))
    world.answers["log"] = sequence(
        written("one"),
        written("", 3),
        written("", 3, attempt=2),
        written("again", attempt=2),
        written("", 5, attempt=2),
    )
    pieces = world.run(Following(A, 0, None, 30.0, None).stream())
    assert [(piece["attempt"], piece["text"]) for piece in pieces] == [(1, "one"), (2, "again")]


def test_a_quiet_log_is_looked_at_twice_more_and_then_left_alone() -> None:
    world = World(SNAPSHOT, log=written(""), task=task(A, state="RUNNING", attempt=1))
    with pytest.raises(AssertionError, match="listen for ever"):
        world.run(Following(A, 0, None, 30.0, None).stream())
    assert world.now == 2.5
