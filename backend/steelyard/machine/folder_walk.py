"""List the files of a folder that somebody else fills, however many there are: a walk with an end.

It reads the disk for up to a second: call it in a thread.
"""

from __future__ import annotations

import os
import stat
import sys
from itertools import islice
from pathlib import Path
from typing import NamedTuple

DEEPEST = 64
"""Folders inside each other that are looked into."""

_JUNCTION = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


class Found(NamedTuple):
    """One regular file. name: below the folder, with `/`; size: bytes; modified: Unix seconds."""

    name: str
    size: int
    modified: float


class Listing(NamedTuple):
    """The first files of a folder in the order of their names, and how many there are at least."""

    files: tuple[Found, ...]
    total: int
    ended: bool = True
    """False: the walk stopped counting, and there may be more than `total`."""

    @property
    def cut(self) -> bool:
        """Whether files are missing from the list."""
        return not self.ended or self.total > len(self.files)


def walk(folder: Path, most: int, counted: int) -> Listing:
    """The regular files below a folder, first its own and then those of each folder in it: `most` of them are
    listed, `counted` entries looked at.

    Links are not followed and not listed, nor is a folder that is one. What vanishes meanwhile, or may not
    be read, is left out. Never raises OSError.
    """
    files: list[Found] = []
    total, left, ended = 0, counted, True
    to_do = [] if _is_link(os.fspath(folder)) else [("", 0)]
    while to_do:
        below, depth = to_do.pop()
        if left <= 0:
            ended = False
            break
        entries = _entries(os.path.join(folder, below), left + 1)
        if len(entries) > left or depth > DEEPEST:
            ended = False
        deeper = []
        for entry in entries[:left] if depth <= DEEPEST else ():
            try:
                if entry.is_dir(follow_symlinks=False) and not _leads_away(entry):
                    deeper.append((f"{below}{entry.name}/", depth + 1))
                elif entry.is_file(follow_symlinks=False):
                    total += 1
                    if len(files) < most:
                        about = entry.stat(follow_symlinks=False)
                        files.append(Found(f"{below}{entry.name}", about.st_size, about.st_mtime))
            except OSError:
                continue
        to_do += reversed(deeper)
        left -= len(entries)
    return Listing(tuple(files), total, ended)


def _entries(folder: str, most: int) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(islice(found, most), key=lambda entry: entry.name)
    except OSError:
        return []


def _is_link(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION


def _leads_away(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is a junction: no symbolic link, but it leads elsewhere all the same."""
    if sys.platform == "win32":
        return getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == _JUNCTION
    return False
