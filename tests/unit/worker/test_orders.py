"""Messages of the sidecar, field by field."""

from __future__ import annotations

import pytest

from steelyard.rules.messages import MessageError
from steelyard.worker.orders import Hello, Order

HELLO: dict[str, object] = {
    "type": "hello",
    "v": 1,
    "worker_id": "w1",
    "token": "ab",
    "heartbeat": 30,
    "parent": {"pid": 1, "identity": "boot/1"},
    "log": {"path": "/tmp/x.log", "bytes": 10, "backups": 3},
}
START: dict[str, object] = {
    "type": "start",
    "task_id": "t1",
    "attempt": 1,
    "argv": ["true"],
    "environment": {"A": "b", "C": None},
    "directory": "/",
    "folder": "/tmp/a",
    "timeout": 0,
    "grace": 10,
    "pattern": None,
}


def test_only_a_plain_yes_lowers_the_priority() -> None:
    assert [
        Order({**START, **more}).low_priority for more in ({}, {"low_priority": True}, {"low_priority": 1})
    ] == [
        False,
        True,
        False,
    ]


def test_hello() -> None:
    hello = Hello(HELLO)
    assert (hello.worker_id, hello.heartbeat, hello.parent_pid, hello.log_backups) == ("w1", 30.0, 1, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"v": 2},
        {"worker_id": 5},
        {"token": None},
        {"heartbeat": 0},
        {"heartbeat": True},
        {"heartbeat": float("nan")},
        {"heartbeat": float("inf")},
        {"parent": [1]},
        {"parent": {"pid": 1}},
        {"parent": {"pid": -1, "identity": "x"}},
        {"log": {"path": "x", "bytes": 1.5, "backups": 3}},
    ],
)
def test_a_wrong_hello(wrong: dict[str, object]) -> None:
    with pytest.raises(MessageError):
        Hello({**HELLO, **wrong})


def test_order() -> None:
    order = Order({**START, "pattern": "(a)", "timeout": 1.5})
    assert (order.argv, order.environment, order.pattern) == (["true"], {"A": "b", "C": None}, "(a)")
    assert (order.timeout, order.grace, order.attempt) == (1.5, 10.0, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"argv": []},
        {"argv": "true"},
        {"argv": ["true", 1]},
        {"environment": None},
        {"environment": {"A": 1}},
        {"directory": None},
        {"folder": 1},
        {"timeout": -1},
        {"grace": "10"},
        {"pattern": 5},
        {"attempt": "1"},
        {"attempt": True},
    ],
)
def test_a_wrong_order(wrong: dict[str, object]) -> None:
    with pytest.raises(MessageError):
        Order({**START, **wrong})


def test_reuse_of_an_order() -> None:
    assert (Order(START).reuse_key, Order({**START, "reuse": None}).reuse_key) == (None, None)
    order = Order({**START, "reuse": {"key": "k", "memory": 5}})
    assert (order.reuse_key, order.reuse_memory) == ("k", 5)
    assert Order({**START, "reuse": {"key": "k"}}).reuse_memory is None


@pytest.mark.parametrize(
    "wrong", ["k", {}, {"key": 1}, {"key": "k", "memory": -1}, {"key": "k", "memory": "5"}]
)
def test_a_wrong_reuse(wrong: object) -> None:
    with pytest.raises(MessageError):
        Order({**START, "reuse": wrong})
