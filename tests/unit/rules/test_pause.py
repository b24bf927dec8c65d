"""Whose word counts when a person and a battery hold the queue."""

from __future__ import annotations

from steelyard.rules.pause import Pause


def test_a_person_holds_it_until_a_person_lets_go() -> None:
    pause = Pause()
    pause.person_says(True)
    pause.battery_says(True)
    pause.battery_says(False)
    assert pause.by == "user"
    pause.person_says(False)
    assert pause.by is None


def test_a_low_battery_holds_it_until_it_is_charged() -> None:
    pause = Pause()
    pause.battery_says(True)
    assert pause.by == "battery"
    pause.battery_says(False)
    assert pause.by is None


def test_a_person_may_go_on_on_a_low_battery_and_the_next_low_counts_again() -> None:
    pause = Pause()
    pause.battery_says(True)
    pause.person_says(False)
    pause.battery_says(True)
    assert pause.by is None
    pause.battery_says(False)
    pause.battery_says(True)
    assert pause.by == "battery"


def test_a_person_who_pauses_on_a_low_battery_is_not_overruled_by_an_earlier_word() -> None:
    pause = Pause()
    pause.battery_says(True)
    pause.person_says(False)
    pause.person_says(True)
    assert pause.by == "user"
