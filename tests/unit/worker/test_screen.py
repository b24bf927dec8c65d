"""The tail of the output as a terminal would show it."""

from __future__ import annotations

import pytest

from steelyard.worker.screen import shown


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"boom\n", "boom\n"),
        (b"one\r\ntwo\r\n", "one\ntwo\n"),
        (b"\r 10%|#    |\r 20%|##   |\r 30%|###  |", " 30%|###  |"),
        (b"long text\rshort", "shorttext"),
        (b"long text\r\x1b[Kshort", "short"),
        (b"abc\x1b[2K\rd", "d"),
        (b"abcdef\x1b[3D\x1b[1K!", "   !ef"),
        (b"one\ntwo\x1b[A\rONE\n\n", "ONE\ntwo\n"),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07x\x1b]2;t\x1b\\y\x1b(Bz", "red xyBz"),
        (b"a\x00b\x07c\x7f", "abc"),
        (b"abc\b\bX", "aXc"),
        (b"caf\xe9 \xc3\xa9", "caf\ufffd é"),
        (b"a\x1b[5Gb", "a   b"),
        (b"trailing   \nblanks  ", "trailing\nblanks"),
        (b"tab\there", "tab\there"),
    ],
)
def test_what_a_terminal_shows(raw: bytes, text: str) -> None:
    assert shown(raw, 1000) == text


def test_nested_bars_leave_their_last_state() -> None:
    raw = b"".join(b"\router %d\n\rinner %d\x1b[A" % (n, n * 2) for n in range(5))
    assert shown(raw, 1000) == "outer 4\ninner 8"


def test_the_last_characters() -> None:
    assert shown(b"x" * 5000 + b"end\n", 10) == "xxxxxxend\n"


def test_a_cut_beginning_is_left_out() -> None:
    assert shown(b"31mbroken\nwhole\n", 1000, cut=True) == "whole\n"
    assert shown(b"one endless line", 1000, cut=True) == "one endless line"
    # A line too long to be left out, with its end.
    assert shown(b"x" * 5000 + b"\n", 10, cut=True) == "xxxxxxxxx\n"


def test_hostile_sequences_end_soon_and_stay_small() -> None:
    for raw in (
        b"\x1b[999999999999C" * 30 + b"x",
        b"\x1b[999999B" * 300,
        b"\x1b[" * 16000,
        b"\x1b]" * 16000,
        b"\x1b[1G" * 8000,
    ):
        assert len(shown(raw, 10**9)) <= 200_000
