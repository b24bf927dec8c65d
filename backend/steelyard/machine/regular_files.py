"""Open and read files that somebody else wrote: a simulation, a person, another program, a power cut.

Only regular files are opened. A named pipe would wait for a writer, a device may do anything, and a link
leads to whatever its maker likes, so none is followed unless the caller says that a person put it there.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from io import BufferedReader

# O_NONBLOCK: what has become a pipe between the look and the opening does not wait for a writer.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)

_KINDS = (
    (stat.S_ISLNK, "is a link, and links are not followed"),
    (stat.S_ISDIR, "is a folder, not a file"),
    (stat.S_ISFIFO, "is a named pipe, not a file"),
    (stat.S_ISSOCK, "is a socket, not a file"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "is a device, not a file"),
)


class Unreadable(Exception):
    """A file that cannot be read. Its text goes on after the file's name: "is a folder, not a file"."""

    def __init__(self, what: str, missing: bool = False) -> None:
        super().__init__(what)
        self.missing = missing
        """True if there is nothing of that name."""


def open_regular(path: str | os.PathLike[str], *, links: bool = False) -> BufferedReader:
    """A regular file, open for reading. Unreadable.

    links: follow them, for a file that a person put there; what they lead to must be a regular file too.
    """
    try:
        # Before the opening, for opening alone is an order to some devices.
        _refuse_odd(os.stat(path, follow_symlinks=links))
        return _regular(os.open(path, _FLAGS | (0 if links else _NO_LINK)))
    except (OSError, ValueError) as error:
        raise unreadable(error) from error


def open_below(folder: str | os.PathLike[str], *parts: str) -> BufferedReader:
    """The regular file that `parts` name one below the other in a folder. No part may be a link, lead up, or
    name a place of its own. Unreadable.
    """
    if not parts or not all(_is_name(part) for part in parts):
        raise Unreadable("is not there", missing=True)
    try:
        if sys.platform == "win32":
            return _open_below_by_path(os.fspath(folder), parts)
        here = os.open(folder, _FOLDER)
        try:
            for part in parts[:-1]:
                below = os.open(part, _FOLDER | _NO_LINK, dir_fd=here)
                os.close(here)
                here = below
            _refuse_odd(os.stat(parts[-1], dir_fd=here, follow_symlinks=False))
            return _regular(os.open(parts[-1], _FLAGS | _NO_LINK, dir_fd=here))
        finally:
            os.close(here)
    except (OSError, ValueError) as error:
        raise unreadable(error) from error


def read_regular(path: str | os.PathLike[str], limit: int, *, links: bool = False) -> bytes:
    """All of a regular file of at most limit bytes. Unreadable, also for a larger one."""
    with open_regular(path, links=links) as file:
        return read_all(file, limit)


def read_all(file: BufferedReader, limit: int) -> bytes:
    """All of an open file of at most limit bytes. Unreadable, also for a larger one."""
    try:
        data = file.read(limit + 1)
    except OSError as error:
        raise unreadable(error) from error
    if len(data) > limit:
        size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
        raise Unreadable(f"is larger than {size}")
    return data


def read_json(path: str | os.PathLike[str], limit: int, *, links: bool = False) -> object:
    """The JSON value in a regular file of at most limit bytes, in any UTF. Unreadable, whatever is wrong."""
    data = read_regular(path, limit, links=links)
    try:
        return json.loads(data, parse_constant=_no_number)
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"is no JSON: {error}") from None


def unreadable(error: Exception) -> Unreadable:
    """The Unreadable that stands for an error of the system."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return Unreadable("is not there", missing=True)
        if error.errno == errno.ELOOP:
            return Unreadable("is a link, and links are not followed")
        return Unreadable(f"cannot be read: {error.strerror or error}")
    return Unreadable(f"cannot be read: {error}")


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _regular(descriptor: int) -> BufferedReader:
    try:
        _refuse_odd(os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _refuse_odd(found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode) and not _is_reparse_point(found):
        return
    for is_one, what in _KINDS:
        if is_one(found.st_mode):
            raise Unreadable(what)
    raise Unreadable("is no regular file")


def _is_reparse_point(found: os.stat_result) -> bool:
    """Whether it is a link of Windows. What OneDrive keeps elsewhere is a reparse point too, and a file."""
    return getattr(found, "st_reparse_tag", 0) in (
        getattr(stat, "IO_REPARSE_TAG_SYMLINK", -1),
        getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1),
    )


def _is_name(part: str) -> bool:
    """Whether a text is the name of one thing in a folder, on this system."""
    if part in ("", ".", "..") or "/" in part or "\0" in part:
        return False
    return sys.platform != "win32" or not ("\\" in part or ":" in part or part != part.rstrip(". "))


def _open_below_by_path(folder: str, parts: tuple[str, ...]) -> BufferedReader:
    """The same where no folder can be held open: each part is looked at on the way, the file twice."""
    path = folder
    for part in parts[:-1]:
        path = os.path.join(path, part)
        found = os.stat(path, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode) or _is_reparse_point(found):
            raise Unreadable("is not there", missing=True)
    path = os.path.join(path, parts[-1])
    before = os.stat(path, follow_symlinks=False)
    _refuse_odd(before)
    file = _regular(os.open(path, _FLAGS))
    after = os.fstat(file.fileno())
    if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino):
        file.close()
        raise Unreadable("is not there", missing=True)
    return file
