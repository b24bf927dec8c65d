"""Notices for a person: stored, so that whoever opens the panel later sees them too."""

from __future__ import annotations

from typing import Any

from steelyard.rules.timestamps import iso
from steelyard.supervisor.yard import Yard


def give(yard: Yard, subject: str, text: str, **figures: Any) -> None:
    """Tell whoever looks, now or later: a sentence, and the figures behind it."""
    prompt = {"subject": subject, "text": text, "at": iso(yard.clocks.wall()), **figures}
    yard.note(lambda change: change.event("prompt", subject, prompt))
