"""Bodies: what is decoded, and in which words the rest is refused."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from starlette.requests import Request

from steelyard.rules.errors import InvalidRequest
from steelyard.web import bodies, forms


def decoded(text: str) -> forms.SubmitTask:
    return bodies.decode(text.encode(), forms.SubmitTask)


def test_what_was_given_is_told_from_what_was_not() -> None:
    form = decoded('{"simulation": "s", "priority": 0, "label": null, "force": false, "tags": []}')
    assert bodies.given(form) == {"simulation": "s", "priority": 0, "force": False, "tags": []}


@pytest.mark.parametrize(
    ("text", "field", "sentence"),
    [
        ('{"simulation": 1}', "simulation", "simulation: expected a text, found a whole number."),
        ('{"simulation": "s", "x": 1}', "x", "x: there is no such field."),
        ("{}", "simulation", "simulation: is missing."),
        (
            '{"simulation": "s", "priority": 101}',
            "priority",
            "priority: expected a whole number of at most 100.",
        ),
        (
            '{"simulation": "s", "attempts": 0}',
            "attempts",
            "attempts: expected a whole number of at least 1.",
        ),
        ('{"simulation": ""}', "simulation", "simulation: expected a text of at least 1 characters."),
        (
            '{"simulation": "s", "queue": "A b"}',
            "queue",
            "queue: expected a text of the form [a-z0-9_-]{1,64}.",
        ),
        ('{"simulation": "s", "after": [1]}', "after[0]", "after[0]: expected a text, found a whole number."),
        (
            '{"simulation": "s", "memory": []}',
            "memory",
            "memory: expected a whole number or a text or null, found a list.",
        ),
        ("[]", "", "The body: expected an object, found a list."),
        ("{", "", "The body is not JSON: Input data was truncated."),
    ],
)
def test_a_refusal_is_a_sentence_that_starts_with_the_field(text: str, field: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decoded(text)
    assert (caught.value.message, caught.value.detail["field"]) == (sentence, field)


def test_the_limit_of_depth_is_exact() -> None:
    def nested(depth: int) -> str:
        # The body and its parameters are two levels, the value at the bottom one more.
        return '{"simulation": "s", "parameters": {"x":' + "[" * (depth - 3) + "1" + "]" * (depth - 3) + "}}"

    assert decoded(nested(bodies.DEEPEST)).parameters
    with pytest.raises(InvalidRequest):
        decoded(nested(bodies.DEEPEST + 1))


def test_whole_numbers_have_64_bits() -> None:
    text = '{"simulation": "s", "parameters": {"x": [%d]}}'
    for number in (2**63 - 1, -(2**63)):
        assert decoded(text % number).parameters == {"x": [number]}
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(InvalidRequest):
            decoded(text % number)


async def test_a_body_that_does_not_arrive_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_TIMEOUT", 0.05)

    async def never() -> Any:
        await asyncio.Event().wait()

    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, never)
    with pytest.raises(InvalidRequest, match="did not arrive"):
        await bodies.read(request, forms.Nothing)


async def test_a_large_body_is_decoded_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    decode = bodies.decode

    def noted(*arguments: Any) -> Any:
        threads.append(threading.get_ident())
        return decode(*arguments)

    monkeypatch.setattr(bodies, "decode", noted)
    for label in ("short", "x" * bodies.SMALL):
        body = b'{"tasks": [{"simulation": "command", "label": "%s"}]}' % label.encode()

        async def arrives(body: bytes = body) -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, arrives)
        assert len((await bodies.read(request, forms.SubmitBatch)).tasks) == 1
    assert [thread == threading.get_ident() for thread in threads] == [True, False]
