"""Output of programs that write UTF-8, the code page of their system, or both."""

from __future__ import annotations

import pytest

from steelyard.machine import decoding
from steelyard.machine.decoding import text_of, whole_characters


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("CO₂ → 100 °C\n".encode(), "CO₂ → 100 °C\n"),
        (b"h\xe4llo\n", "hällo\n"),
        # A family of programs: each line is judged by itself.
        (
            "Stahl für Köln\n".encode() + b"f\xfcr K\xf6ln\n" + "日本\n".encode(),
            "Stahl für Köln\nfür Köln\n日本\n",
        ),
        # Ended in the middle of a character.
        (b"f\xfcr\n" + "Länge 3 €".encode()[:-1], "für\nLänge 3 \ufffd"),
        (b"\xb0C\n", "°C\n"),
        (b"ohne \xc4nderung, gr\xf6\xdfer als \xe4", "ohne Änderung, größer als ä"),
        (b"\x81", "\ufffd"),
        (b"", ""),
    ],
)
def test_lines_of_windows_programs(data: bytes, text: str) -> None:
    assert text_of(data, "cp1252") == text


def test_what_was_cut_off_in_front_leaves_no_rest() -> None:
    assert text_of("…ö ".encode()[1:] + b"\nf\xfcr", "cp1252", cut=True) == "ö \nfür"
    assert text_of("€".encode()[2:], "utf-8", cut=True) == ""


def test_where_the_system_speaks_utf8_what_is_none_is_replaced() -> None:
    assert text_of(b"K\xf6ln", "utf-8") == "K\ufffdln"
    assert decoding.of_this_system()


@pytest.mark.parametrize("name", ["ascii", "ANSI_X3.4-1968", "no such encoding"])
def test_a_system_that_names_nothing_better_speaks_utf8(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("locale.getencoding", lambda: name)
    assert decoding.of_this_system() == "utf-8"


@pytest.mark.parametrize("text", ["a→", "€", "𝄞!", "für", "plain"])
def test_a_character_cut_at_the_end_waits_for_its_rest(text: str) -> None:
    data = text.encode()
    for end in range(1, len(data) + 1):
        found, used = whole_characters(data[:end], "cp1252")
        if used < end:
            rest, more = whole_characters(data[used:], "cp1252")
            assert (found + rest, used + more) == (text, len(data))
        elif end == len(data):
            assert (found, used) == (text, end)


def test_nothing_waits_for_ever() -> None:
    """A byte that looks like the beginning of a character, and is all there is, is told."""
    assert whole_characters(b"\xe4", "cp1252") == ("ä", 1)
    assert whole_characters(b"K\xf6ln\n", "cp1252") == ("Köln\n", 5)
