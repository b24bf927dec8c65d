"""A folder for temporary files of each run: short, its owner's alone, and gone with the run.

Programs make sockets in there, whose path may hold about 100 bytes: a data directory is too deep for that.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile

from steelyard.machine import links

_LONGEST = 45
"""Bytes of a place that leaves room for a socket's name: OpenMPI, PyTorch and browsers take up to 50 more."""
_SHORT = "/tmp"


def folder_for(*names: str) -> str:
    """Where the temporary files of the run with these names lie: always the same path."""
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return os.path.join(_place(), f"sy-{digest}")


def make(path: str) -> None:
    """Make the folder anew, for its owner alone. OSError: also where something of another user is there."""
    if os.path.lexists(path):
        remove(path)
    os.mkdir(path, 0o700)


def remove(path: str) -> OSError | None:
    """Remove the folder with all that lies in it, if it is ours; what did not go."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    mine = sys.platform == "win32" or found.st_uid == os.getuid()
    if not mine or not stat.S_ISDIR(found.st_mode) or links.leads_elsewhere(found):
        return FileExistsError(f"{path} is not a folder of this user")
    return links.remove_tree(path)


def _place() -> str:
    place = tempfile.gettempdir()
    if sys.platform == "win32" or len(os.fsencode(place)) <= _LONGEST:
        return place
    return _SHORT if os.access(_SHORT, os.W_OK | os.X_OK) else place
