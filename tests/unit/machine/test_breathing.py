"""Arithmetic in a thread leaves the interpreter to others again and again."""

from __future__ import annotations

import time

import pytest

from steelyard.machine import breathing
from steelyard.machine.breathing import Breath


def test_it_rests_after_each_slice_of_work_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now, rested = [0.0], list[float]()
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "sleep", rested.append)
    breath = Breath()
    for _ in range(4):
        now[0] += breathing.SLICE / 2
        breath()
    assert rested == [breathing.PAUSE] * 2
