"""What lies in a folder, looked at before and after something ran. Bounded, and never through a link."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from steelyard.machine.links import leads_elsewhere

Stamp = tuple[int, int, int]
"""Size, time of the last change (ns) and number of a file: one that has the same was not written to."""

REBUILT = frozenset({"__pycache__"})
"""Folders that programs fill for themselves only, whatever they compute."""
_NOT_LOOKED_INTO = REBUILT | {".git", ".hg", ".svn", "node_modules"}
_OF_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")


@dataclass
class Seen:
    """Files by their path (relative, with the system's separator), folders with the time of their last
    change; closed: folders that were not looked into; whole: False where there was more than the limit.
    """

    files: dict[str, Stamp] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    whole: bool = True


def stamp(found: os.stat_result) -> Stamp:
    """What tells a file that was written to from one that was not."""
    return (found.st_size, found.st_mtime_ns, found.st_ino)


def look(
    root: str,
    limit: int,
    leave_out: Callable[[str], bool] = lambda path: False,
    go_on: Callable[[], bool] = lambda: True,
) -> Seen:
    """Files and folders below root, those near the top first, and at most `limit` of them. OSError for root.

    leave_out is asked of each full path. Environments of Python, folders of version control and such are not
    looked into. go_on is asked before each folder; once it says no, that is all.
    """
    seen = Seen(folders={"": os.stat(root).st_mtime_ns})
    waiting = deque([""])
    while waiting:
        folder = waiting.popleft()
        if not go_on():
            seen.whole = False
            return seen
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                for entry in entries:
                    if leave_out(entry.path):
                        continue
                    if len(seen.files) + len(seen.folders) > limit:
                        seen.whole = False
                        return seen
                    _note(seen, waiting, os.path.join(folder, entry.name), entry)
        except OSError:
            if not folder:
                raise
            # It went meanwhile, or its owner keeps everybody out: nothing in it can be compared.
            seen.folders.pop(folder, None)
    return seen


def _note(seen: Seen, waiting: deque[str], path: str, entry: os.DirEntry[str]) -> None:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return
    if not stat.S_ISDIR(found.st_mode) or leads_elsewhere(found):
        seen.files[path] = stamp(found)
    elif entry.name in _NOT_LOOKED_INTO or _is_environment(entry.path):
        seen.closed.add(path)
    else:
        seen.folders[path] = found.st_mtime_ns
        waiting.append(path)


def _is_environment(path: str) -> bool:
    return any(os.path.lexists(os.path.join(path, mark)) for mark in _OF_ENVIRONMENTS)


def written(before: Seen, after: Seen) -> list[str]:
    """Paths of the files that are new or changed, and then of the folders in which something came and went.

    A folder that was looked at whole both times and lists the same files, but was changed, had a file in it
    meanwhile. What was removed only is told by its folder too.
    """
    if not (before.whole and after.whole):
        common = before.files.keys() & after.files.keys()
        return sorted(path for path in common if before.files[path] != after.files[path])
    files = sorted(path for path, found in after.files.items() if before.files.get(path) != found)
    told = {os.path.dirname(path) for path in files}
    # Python's cache of modules, made for the first time.
    rebuilt = {os.path.dirname(path) for path in after.closed - before.closed}
    folders = [
        path + os.sep
        for path, changed in after.folders.items()
        if before.folders.get(path, changed) != changed and path not in told and path not in rebuilt
    ]
    return files + sorted(folders)


def names(paths: Sequence[str]) -> tuple[str, ...]:
    """Paths as a sentence shows them, with `/`; bytes that are no text stand as U+FFFD."""
    shown = (os.fsencode(path).decode("utf-8", "replace").replace(os.sep, "/") for path in paths)
    return tuple("the folder itself" if name == "/" else name for name in shown)
