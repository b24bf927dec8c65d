"""The marks of a run in a stream of bytes, wherever the pipe cuts it."""

from __future__ import annotations

import pytest

from steelyard.worker.marks import Marks

NONCE = "ab" * 16
BEGIN, END = f"\x1e::steelyard begin {NONCE}\n".encode(), f"\x1e::steelyard end {NONCE} 7 1.25\n".encode()
OUTPUT = b"one\n\x1e::steelyard end 00 0 0.1\n::steelyard progress 0.5\nlast \x1e::steelyard"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
@pytest.mark.parametrize("fresh", [True, False])
def test_output_stands_between_the_marks(size: int, fresh: bool) -> None:
    stream = b"early" + BEGIN + OUTPUT + END + b"late"
    marks = Marks(NONCE, fresh=fresh)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    output = b"".join(marks.feed(piece) for piece in pieces) + marks.rest()
    assert output == (b"early" if fresh else b"") + OUTPUT
    assert bytes(marks.stray) == (b"late" if fresh else b"earlylate")
    assert (marks.begun, marks.ending) == (True, (7, 1.25))


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_run_that_never_says_its_end(size: int) -> None:
    stream = BEGIN + OUTPUT + END[:-1]
    marks = Marks(NONCE, fresh=False)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert b"".join(marks.feed(piece) for piece in pieces) + marks.rest() == OUTPUT + END[:-1]
    assert marks.ending is None


def test_an_end_before_the_begin_is_none() -> None:
    marks = Marks(NONCE, fresh=True)
    assert marks.feed(END) == END and (marks.begun, marks.ending) == (False, None)


def test_only_what_may_be_a_mark_is_held() -> None:
    marks = Marks(NONCE, fresh=True)
    marks.feed(BEGIN)
    assert marks.feed(b"bar 50% :") == b"bar 50% :"
    assert marks.feed(b"x\x1e::ste") == b"x"
    assert marks.feed(b"am") == b"\x1e::steam"
