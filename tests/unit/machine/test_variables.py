"""machine.variables: layers of an environment, and one variable under two spellings."""

from __future__ import annotations

from steelyard.machine.variables import overlay, present, same


def test_the_later_layer_has_the_word_and_may_take_away() -> None:
    found = overlay({"A": "1", "B": "1", "C": "1"}, {"B": "2", "C": None}, {"D": None}, folded=False)
    assert found == {"A": "1", "B": "2", "C": None, "D": None}
    assert present(found) == {"A": "1", "B": "2"}


def test_on_windows_two_spellings_are_one_variable() -> None:
    agents = {"PATH": r"C:\Windows", "SYSTEMROOT": r"C:\Windows"}
    assert overlay(agents, {"Path": r"C:\conda"}, folded=True) == {
        "Path": r"C:\conda",
        "SYSTEMROOT": r"C:\Windows",
    }
    assert overlay(agents, {"Path": "x"}, {"pAtH": None}, folded=True)["pAtH"] is None
    assert same("Path", folded=True) == same("PATH", folded=True)


def test_elsewhere_they_are_two() -> None:
    assert overlay({"PATH": "1"}, {"Path": "2"}, folded=False) == {"PATH": "1", "Path": "2"}
    assert same("Path", folded=False) != same("PATH", folded=False)
