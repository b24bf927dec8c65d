"""What a pattern like `data/**/*.csv` chooses in a folder, looked for as long as somebody waits for it."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator
from pathlib import PurePath

from steelyard.machine import links

Pause = Callable[[], None]
"""Called before each look at a folder and for each of its entries; what it raises ends the search."""


def choose(root: str, pattern: str, pause: Pause) -> Iterator[str]:
    """Paths below root, relative, as Path.glob() finds them; one may come more than once.

    `**` are all folders below, the first one included, and none that a link leads to. A folder that cannot be
    read holds nothing.
    """
    parts: list[str] = []
    for part in PurePath(pattern).parts:
        if part != "**" or parts[-1:] != ["**"]:
            parts.append(part)
    return _below(root, "", parts, pause)


def _below(root: str, at: str, parts: list[str], pause: Pause) -> Iterator[str]:
    pause()
    if not parts:
        yield at
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        for folder in _folders(root, at, pause):
            yield from _below(root, folder, rest, pause)
    elif any(sign in part for sign in "*?["):
        fits = re.compile(fnmatch.translate(os.path.normcase(part))).match
        for entry in _entries(root, at, pause):
            if fits(os.path.normcase(entry.name)) and (not rest or _is_folder(entry)):
                yield from _below(root, os.path.join(at, entry.name), rest, pause)
    elif os.path.exists(os.path.join(root, at, part)):
        yield from _below(root, os.path.join(at, part), rest, pause)


def _folders(root: str, at: str, pause: Pause) -> Iterator[str]:
    """A folder and all below it, through no link."""
    waiting = [at]
    while waiting:
        folder = waiting.pop()
        yield folder
        inside = [entry.name for entry in _entries(root, folder, pause) if links.is_folder(entry.path)]
        waiting += [os.path.join(folder, name) for name in sorted(inside, reverse=True)]


def _entries(root: str, at: str, pause: Pause) -> list[os.DirEntry[str]]:
    found = []
    try:
        with os.scandir(os.path.join(root, at)) as entries:
            for entry in entries:
                pause()
                found.append(entry)
    except InterruptedError:
        raise
    except OSError:
        return []
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
