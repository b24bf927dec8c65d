"""What of a run's own files goes after a success, as `keep` and `drop` say. For threads."""

from __future__ import annotations

import os
from collections.abc import Mapping

from steelyard.machine import links, trees
from steelyard.rules import workspace
from steelyard.settings.run_section import Run


def remove_unkept(work: str, run: Run) -> dict[str, OSError]:
    """Remove what is not kept, and folders that are empty then; what could not be, by its relative path."""
    failed = {}
    for folder, _, names in os.walk(work, topdown=False):
        for name in names:
            here = os.path.join(folder, name)
            inside = os.path.relpath(here, work)
            path = inside.replace(os.sep, "/")
            kept = not run.keep or any(workspace.selects(pattern, path) for pattern in run.keep)
            if not kept or any(workspace.selects(pattern, path) for pattern in run.drop):
                try:
                    links.remove(here)
                except OSError as error:
                    failed[inside] = error
        if folder != work:
            remove_if_empty(folder)
    return failed


def remove_if_empty(folder: str) -> None:
    """Remove a folder unless something lies in it, or it is in use."""
    try:
        os.rmdir(folder)
    except OSError:
        return


def in_words(failed: Mapping[str, OSError]) -> list[str]:
    """What could not be removed from a run's folder, in a sentence; none if there is nothing."""
    if not failed:
        return []
    names = workspace.listed(trees.names(list(failed)))
    first = next(iter(failed.values()))
    return [f"Not removed from the run's folder: {names} ({first.strerror or first})."]
