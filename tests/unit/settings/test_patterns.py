"""What counts as a regular expression."""

from __future__ import annotations

import warnings

import pytest

from steelyard.settings.patterns import compiled


def test_a_pattern_is_compiled() -> None:
    assert compiled(r"year (\d+) of (\d+)").groups == 2


@pytest.mark.parametrize("text", [r"[[(\d+) of (\d+)]", "[a||b]", "[x&&y]"])
def test_what_another_python_may_read_differently_is_one_without_a_word(text: str) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert compiled(text).pattern == text
    assert said == []


@pytest.mark.parametrize("text", ["(", "*", "(" * 5000 + ")" * 5000, "a{99999999999999999999}"])
def test_what_is_none_is_said_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="expected a regular expression: "):
        compiled(text)
