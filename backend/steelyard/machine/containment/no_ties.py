"""POSIX systems without prctl(2) (macOS): no tie to a parent but its pipe, and the watch of waiting."""

from __future__ import annotations


def become_subreaper() -> bool:
    """Orphans go to init here: False. A tree is then ended through what is still below its first process."""
    return False


def die_with_parent(signal_number: int) -> None:
    """Nothing like it here; end-of-file and NOTE_EXIT (machine.waiting) do it."""


def offer_as_victim() -> None:
    """No such choice here."""
