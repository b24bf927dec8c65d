"""Messages on a pipe that takes little: bounded, in order, and never blocking."""

from __future__ import annotations

import json
from typing import cast

import pytest

from steelyard.machine.waiting import Waiter
from steelyard.worker.outbox import KEY, Outbox, SidecarGone


class Pipe:
    """A Waiter whose pipe takes `room` bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = b""

    def write(self, key: str, data: bytes) -> int:
        assert key == KEY
        if self.room < 0:
            raise BrokenPipeError(32, "Broken pipe")
        piece = data[: self.room]
        self.taken += piece
        self.room -= len(piece)
        return len(piece)

    def kinds(self) -> list[str]:
        return [json.loads(line)["type"] for line in self.taken.splitlines()]


def boxed(room: int) -> tuple[Pipe, Outbox]:
    pipe = Pipe(room)
    return pipe, Outbox(cast(Waiter, pipe))


def test_all_leaves_at_once_when_there_is_room() -> None:
    pipe, outbox = boxed(10_000)
    outbox.send("started", pid=1)
    outbox.offer("heartbeat")
    assert pipe.kinds() == ["started", "heartbeat"] and outbox.is_empty


def test_a_full_pipe_keeps_the_newest_of_each() -> None:
    pipe, outbox = boxed(5)
    outbox.send("started", pid=1)
    for number in range(10_000):
        outbox.offer("progress", fraction=number)
        outbox.offer("heartbeat")
    pipe.room = 10_000
    outbox.flush()
    assert pipe.kinds() == ["started", "progress", "heartbeat"]
    assert json.loads(pipe.taken.splitlines()[1])["fraction"] == 9999


def test_what_must_arrive_comes_after_what_waited() -> None:
    pipe, outbox = boxed(0)
    outbox.send("started", pid=1)
    outbox.offer("progress", fraction=0.5)
    outbox.send("ended", exit_code=0)
    outbox.offer("heartbeat")
    while not outbox.is_empty:
        pipe.room = 7
        outbox.flush()
    assert pipe.kinds() == ["started", "progress", "ended", "heartbeat"]


def test_a_sidecar_that_is_gone() -> None:
    _, outbox = boxed(-1)
    with pytest.raises(SidecarGone):
        outbox.send("started", pid=1)
