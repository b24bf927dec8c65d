"""Messages: what goes in comes out, however the bytes are cut; anything else is a MessageError, no worse."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.rules.messages import (
    FROM_WORKER,
    LINE_LIMIT,
    TO_WORKER,
    Lines,
    MessageError,
    decode,
    encode,
)

TABLES = {"to the worker": TO_WORKER, "from the worker": FROM_WORKER}
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def messages(draw: st.DrawFn, table: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    type_ = draw(st.sampled_from(sorted(table)))
    return {"type": type_, **{name: draw(values) for name in table[type_]}}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@given(data=st.data())
def test_a_message_comes_out_as_it_went_in(table: dict[str, tuple[str, ...]], data: st.DataObject) -> None:
    message = data.draw(messages(table))
    fields = {name: value for name, value in message.items() if name != "type"}
    line = encode(message["type"], **fields)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line, table) == message


@given(st.lists(messages(FROM_WORKER), max_size=5), st.lists(st.integers(0, 4000), max_size=8))
def test_the_stream_may_be_cut_anywhere(sent: list[dict[str, Any]], cuts: list[int]) -> None:
    stream = b"".join(encode(one["type"], **{k: v for k, v in one.items() if k != "type"}) for one in sent)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    lines, received = Lines(), []
    for start, end in itertools.pairwise(edges):
        received += [decode(line, FROM_WORKER) for line in lines.feed(stream[start:end])]
    assert received == sent


def test_every_single_split_point_of_a_stream() -> None:
    stream = encode("checkpointed", task_id="é\u2028\U0001f600", attempt=1) + encode("heartbeat")
    for cut in range(len(stream) + 1):
        lines = Lines()
        received = lines.feed(stream[:cut]) + lines.feed(stream[cut:])
        assert [decode(line, FROM_WORKER)["type"] for line in received] == ["checkpointed", "heartbeat"]


@given(st.binary(max_size=200))
def test_garbage_is_a_message_error(garbage: bytes) -> None:
    for table in TABLES.values():
        try:
            message = decode(garbage, table)
        except MessageError:
            continue
        assert message["type"] in table


@given(values)
def test_json_that_is_no_message_is_a_message_error(value: Any) -> None:
    with pytest.raises(MessageError):
        decode(json.dumps(value).encode(), FROM_WORKER)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}",
        b"[]",
        b"null",
        b'{"type": 1}',
        b'{"type": ["ready"]}',
        b'{"type": {"a": 1}}',
        b'{"type": null}',
        b'{"type": "nonsense"}',
        b'{"type": "' + b"x" * 10_000 + b'"}',
        b'{"type": "ended"}',
        b'{"type": "checkpointed", "task_id": "a"}',
        b'{"type": "heartbeat"} trailing',
        b'{"type": "heartbeat", "x": NaN}',
        b'{"type": "heartbeat", "x": [-Infinity]}',
        b'{"type": "heartbeat"',
        b'\xff\xfe{"type": "heartbeat"}',
        b'{"type": "heartbeat\x00"}',
        b"[" * 100_000,
        b"[" * 5_000 + b"]" * 5_000,
        b'{"type":' * 100_000,
        b"9" * 5_000,
        b"\x00" * 100,
    ],
    ids=lambda line: repr(line[:30]),
)
def test_these_lines_are_refused_with_a_short_sentence(line: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        decode(line, FROM_WORKER)
    assert len(str(caught.value)) < 200


def test_deep_nesting_inside_a_message_is_refused() -> None:
    depth = 200_000
    line = (
        b'{"type": "suspended", "task_id": "a", "attempt": 1, "suspended": '
        + b"[" * depth
        + b"]" * depth
        + b"}"
    )
    with pytest.raises(MessageError):
        decode(line, FROM_WORKER)


def test_a_message_of_the_other_direction_is_refused() -> None:
    with pytest.raises(MessageError, match="unknown type"):
        decode(encode("heartbeat"), TO_WORKER)


def test_fields_that_a_later_version_adds_are_let_through() -> None:
    assert decode(encode("heartbeat", new=1), FROM_WORKER) == {"type": "heartbeat", "new": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_no_word_for_is_never_sent(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode("exit", grace=value)


def test_a_line_of_five_megabytes_is_refused_in_one_piece_and_in_many() -> None:
    long = b"x" * (5 * 2**20)
    with pytest.raises(MessageError, match="over the limit"):
        decode(long, FROM_WORKER)
    lines = Lines()
    with pytest.raises(MessageError, match="grew past"):
        for start in range(0, len(long), 65_536):
            lines.feed(long[start : start + 65_536])


def test_the_rest_behind_a_newline_may_not_grow_either() -> None:
    with pytest.raises(MessageError, match="grew past"):
        Lines().feed(b"{}\n" + b"x" * (LINE_LIMIT + 1))


def test_a_line_at_the_limit_passes() -> None:
    frame = encode("progress", task_id="a", attempt=1, fraction=None, message="")
    line = encode("progress", task_id="a", attempt=1, fraction=None, message="x" * (LINE_LIMIT - len(frame)))
    assert len(line) == LINE_LIMIT
    (received,) = Lines().feed(line)
    assert decode(received, FROM_WORKER)["type"] == "progress"
