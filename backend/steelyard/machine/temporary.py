"""A folder for temporary files of each run: short, its owner's alone, and gone with the run.

Programs make sockets in there, whose path may hold about 100 bytes: a data directory is too deep for that.
So it lies in the system's place, and a note among our own files says where. Its name holds the number of
that file: a copy of a data directory has other files, and removes nothing that the original's runs use.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import tempfile
from pathlib import Path

from steelyard.machine import links
from steelyard.machine.private_files import make_private_directory
from steelyard.machine.regular_files import Unreadable, read_regular

log = logging.getLogger(__name__)

_PREFIX = "sy-"
_LONGEST = 4096


def make(note: Path) -> str:
    """A new folder, and a note of where it lies; OSError."""
    make_private_directory(note.parent)
    note.touch(0o600)
    path = tempfile.mkdtemp(prefix=_prefix(os.lstat(note)))
    try:
        note.write_bytes(os.fsencode(path))
    except OSError:
        os.rmdir(path)
        raise
    return path


def left(folder: Path) -> list[Path]:
    """The notes in a folder. At the start, before any run begins: all are of an earlier sidecar's runs."""
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        log.warning("temporary files of earlier runs stay: %s cannot be read: %s", folder, error)
        return []


def remove(note: Path) -> None:
    """Remove the folder that a note tells of with all that lies in it, and the note. The log says what stays.

    Whatever is written in it: only a folder that we can have made for this note, of this user, goes.
    """
    try:
        path = os.fsdecode(read_regular(note, _LONGEST))
        prefix = _prefix(os.lstat(note))
    except (Unreadable, OSError):
        return  # there is none, or it is none of ours
    failed = links.remove_tree(path) if _is_ours(path, prefix) else None
    if failed is not None:
        log.warning("temporary files of a run stay in %s: %s", path, failed)
        return
    try:
        note.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s could not be removed: %s", note, error)


def _prefix(note: os.stat_result) -> str:
    return f"{_PREFIX}{note.st_ino:x}-"


def _is_ours(path: str, prefix: str) -> bool:
    if not os.path.basename(path).startswith(prefix) or not os.path.isabs(path):
        return False
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return False
    mine = sys.platform == "win32" or found.st_uid == os.getuid()
    return mine and stat.S_ISDIR(found.st_mode) and not links.leads_elsewhere(found)
