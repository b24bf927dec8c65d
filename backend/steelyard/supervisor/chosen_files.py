"""Which of the files that `copy` and `link` of [run] choose are copied, which linked. Paths are relative."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Set

from steelyard.machine import trees
from steelyard.settings.run_section import Run


def settle(copies: Set[str], linked: Set[str], run: Run) -> tuple[set[str], set[str], set[str]]:
    """(what is copied, what is linked, what of the copied was to be linked as well).

    What link names outright is linked, whatever patterns of copy fit it or a folder above it; of all else
    that both choose a copy is made, which no run can spoil for another.
    """
    copied_by_name = set(copies & by_name(run.copy))
    linked_by_name = (linked & by_name(run.link)) - copied_by_name
    copied = copied_by_name | {path for path in copies if not linked_by_name & {path, *above(path)}}
    both = {path for path in linked - linked_by_name if copied & {path, *above(path)}}
    return copied, {path for path in linked - both if not linked & set(above(path))}, both


def contradiction(copies: Set[str], linked: Set[str]) -> str | None:
    """What cannot be had at once, in a sentence; None if all can."""
    for path in sorted(copies):
        through = linked & set(above(path))
        if through:
            inside, whole = trees.names([path])[0], trees.names(sorted(through))[0]
            return (
                f"copy chooses {inside}, which lies in {whole}, and link chooses all of {whole}. Name under "
                "link only what is to be linked."
            )
    return None


def above(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first."""
    while path := os.path.dirname(path):
        yield path


def by_name(patterns: Iterable[str]) -> set[str]:
    """The paths that patterns name outright."""
    return {os.path.normpath(one) for one in patterns if not any(mark in one for mark in "*?[")}
