"""The moment that what a run left behind has: it ends, whoever lives."""

from __future__ import annotations

import pytest

from steelyard.machine import containment
from steelyard.worker.clearing import WITHIN, Clearing


def test_one_that_not_even_sigkill_ends_does_not_keep_the_attempt_from_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A process that hangs in the kernel cannot be made here: this is one that nothing has an effect on.
    for name in ("press", "end_tree", "end_descendants"):
        monkeypatch.setattr(containment, name, lambda *_, **__: None)
    monkeypatch.setattr(containment, "is_alone", lambda keep: False)
    monkeypatch.setattr(containment, "descendants", lambda pid: {7, 8})
    clearing = Clearing(0.0, first=7, asked=None, ask_at=0.0, gone_by=float("inf"))
    assert not clearing.look(0.0)
    assert clearing.look(WITHIN)
    clearing.first_ended(WITHIN + 1.0)
    assert clearing.look(clearing.due())
    assert clearing.ended == 1
