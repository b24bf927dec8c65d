"""Files and folders that only their owner may read, written whole or not at all.

Every module that leaves something on the disk comes through here: mode 0700 and 0600 under any umask, on
Windows an access list without Everyone. Nobody else in the program asks which system it runs on for that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from pathlib import Path

if sys.platform == "win32":
    from steelyard.machine import access_lists
else:
    import fcntl

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC})


def is_full(error: OSError) -> bool:
    """True if error says that the disk, or the user's share of it, is full."""
    # 39 and 112: ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL, which Python does not always map to ENOSPC.
    return error.errno in _FULL or getattr(error, "winerror", None) in (39, 112)


def make_private_directory(path: Path) -> None:
    """The folder at path, for its owner alone; parents that are missing are made the same way. OSError.

    A folder that exists is narrowed where it is wider. What a symbolic link leads to is left as it is: its
    owner put it there on purpose.
    """
    if path.is_symlink():
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        return
    try:
        os.mkdir(path, DIRECTORY_MODE)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_private_directory(path.parent)
        os.mkdir(path, DIRECTORY_MODE)
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
    _keep_others_out(path)


def who_else(path: Path) -> str | None:
    """What lets others into a folder: "mode 0755", on Windows the names on its access list; None if nothing.

    OSError.
    """
    if sys.platform == "win32":
        return ", ".join(access_lists.others_in(path)) or None
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"mode {mode:04o}" if mode & 0o077 else None


def write_private(path: Path, data: bytes) -> None:
    """Puts data at path, mode 0600, at once: a reader, or a crash, sees the old file or the new one. OSError.

    The bytes are on the disk when this returns (the file and its folder are flushed).
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if sys.platform != "win32":
                os.fchmod(file.fileno(), FILE_MODE)
            file.write(data)
            file.flush()
            flush_to_disk(file.fileno())
        _replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def set_aside(path: Path, now: float) -> Path:
    """Rename what cannot be used, so that nothing is lost: `path`.unreadable-20260115T103000Z. OSError.

    now: Unix seconds. Gives the new path; none that exists is overwritten.
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    aside = path.with_name(f"{path.name}.unreadable-{moment}")
    number = 1
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.unreadable-{moment}-{number}")
    path.rename(aside)
    return aside


def flush_to_disk(descriptor: int) -> None:
    """Have what was written survive a power cut. OSError.

    fsync, and on macOS, where that leaves it in the drive's own memory, F_FULLFSYNC.
    """
    if sys.platform != "win32":
        full = getattr(fcntl, "F_FULLFSYNC", None)
        if full is not None:
            # Drives and network file systems that do not know it are left with fsync, as SQLite leaves them.
            with contextlib.suppress(OSError):
                fcntl.fcntl(descriptor, full)
                return
    os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Makes a rename or a new name in the folder at path survive a power cut; Windows has no such call."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flush_to_disk(descriptor)
    except OSError as error:
        # Some network and FUSE file systems cannot sync a folder; the file itself was synced.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def private_temporary_directory() -> Path:
    """A fresh folder of one's own in the system's place for temporary files; who asks for it removes it."""
    return Path(tempfile.mkdtemp(prefix="steelyard-"))


def _replace(source: str, target: Path) -> None:
    """os.replace; on Windows a virus scanner or a reader may hold the target for some milliseconds."""
    tries = 10 if sys.platform == "win32" else 1
    for left in reversed(range(tries)):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if not left:
                raise
            time.sleep(0.02)


def _keep_others_out(path: Path) -> None:
    """mkdir's mode is cut by the umask (0777 would leave nothing, not even for the owner), and Windows knows
    none: there a folder has the rights of the one above it, which is private below the data directory.
    """
    if sys.platform == "win32":
        if access_lists.others_in(path):
            access_lists.keep_others_out(path)
    elif stat.S_IMODE(path.stat().st_mode) & 0o777 != DIRECTORY_MODE:
        os.chmod(path, DIRECTORY_MODE)
