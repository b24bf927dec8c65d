"""Notices for a person: stored, so that whoever opens the panel later sees them too."""

from __future__ import annotations

from typing import Any

from steelyard.rules.timestamps import iso
from steelyard.supervisor.yard import Yard


def give(yard: Yard, subject: str, text: str, **figures: Any) -> None:
    """Tell whoever looks, now or later: a sentence, and the figures behind it."""
    prompt = words(yard, subject, text, **figures)
    yard.note(lambda change: change.event("prompt", subject, prompt))


def words(yard: Yard, subject: str, text: str, **figures: Any) -> dict[str, Any]:
    """The notice itself, for whoever stores it in a transaction of their own."""
    return {"subject": subject, "text": text, "at": iso(yard.clocks.wall()), **figures}
