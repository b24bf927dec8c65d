"""Names that lead elsewhere: symbolic links, and on Windows what needs no right of its own in their place.

Whoever removes something goes through here too: a link is taken away, and never what it leads to.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable

if sys.platform == "win32":
    import _winapi

_REPARSE_POINT = 0x400


def leads_elsewhere(found: os.stat_result) -> bool:
    """Whether what lstat found is a symbolic link, a junction or another mount point."""
    return stat.S_ISLNK(found.st_mode) or bool(getattr(found, "st_file_attributes", 0) & _REPARSE_POINT)


def is_folder(path: str) -> bool:
    """Whether path is a folder itself, and no link to one."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(found.st_mode) and not leads_elsewhere(found)


def is_junction(path: str) -> bool:
    """Whether path is a link of Windows to a folder, which is removed as a folder."""
    found = os.lstat(path)
    return stat.S_ISDIR(found.st_mode) and leads_elsewhere(found)


def own_folders(root: str, below: Iterable[str]) -> list[str]:
    """Those of the relative paths below root that are folders of its own, reached through no link and no
    links themselves; first comes root, as "". A folder has to come after the one in which it lies.
    """
    own = {"": None} if is_folder(root) else {}
    for path in below:
        if os.path.dirname(path) in own and is_folder(os.path.join(root, path)):
            own[path] = None
    return list(own)


def link(source: str, target: str) -> None:
    """Let target lead to source (absolute), a file or a folder. OSError.

    Windows keeps symbolic links to administrators: there a folder becomes a junction, and a file a hard
    link, or on another disk a copy.
    """
    if sys.platform != "win32":
        os.symlink(source, target)
    elif os.path.isdir(source):
        _winapi.CreateJunction(source, target)
    else:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)


def remove(path: str) -> None:
    """Remove a file, or a link of any kind without touching what it leads to. OSError."""
    try:
        os.unlink(path)
    except PermissionError:
        if not is_junction(path):
            raise
        os.rmdir(path)


def remove_tree(path: str) -> OSError | None:
    """Remove a folder with all that lies in it, never through a link; the first thing that did not go.

    Folders that keep even their owner out are opened up first, and files that are only to be read go as well.
    """
    failed: list[OSError] = []

    def once_more(call: Callable[[str], object], name: str, info: tuple[object, object, object]) -> None:
        error = info[1]
        if isinstance(error, FileNotFoundError) or not isinstance(error, OSError):
            return
        try:
            if not stat.S_ISREG(os.lstat(name).st_mode):
                raise error
            os.chmod(name, stat.S_IWRITE)
            remove(name)
        except OSError as second:
            failed.append(second)

    open_up(path)
    shutil.rmtree(path, onerror=once_more)
    return failed[0] if failed else None


def open_up(path: str) -> None:
    """Let the owner of a folder into it and into all folders below, through no link."""
    waiting = [path] if is_folder(path) else []
    while waiting:
        folder = waiting.pop()
        try:
            mode = os.lstat(folder).st_mode
            if mode & 0o700 != 0o700:
                os.chmod(folder, stat.S_IMODE(mode) | 0o700)
            with os.scandir(folder) as entries:
                waiting += [
                    entry.path
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and is_folder(entry.path)
                ]
        except OSError:
            continue  # whoever reads or removes it meets the same, and says so
