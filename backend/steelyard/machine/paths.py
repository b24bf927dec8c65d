"""Where things lie: the data directory, its folders and files, and who may have it.

docs/architecture.md draws the tree; all of it is for its owner alone. Whoever needs a path asks here, and
puts none together.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import platformdirs

from steelyard.machine.lock import HeldElsewhere, Lock
from steelyard.machine.private_files import is_full, make_private_directory, write_private
from steelyard.machine.regular_files import Unreadable, read_json, read_regular
from steelyard.rules.errors import StartError, StorageFull

__all__ = ["DataDirectory", "data_directory", "write_private"]

VARIABLE = "STEELYARD_DATA_DIR"
POINTER = "data-directory.txt"
"""In the platform's place: the data directory that a person chose instead, written by the desktop program."""

LONGEST = 504
"""Bytes in the path of the database: SQLite opens none with a longer one (512, with the end of its log)."""

LARGEST_RECORD = 64 * 1024
"""Bytes of runtime/sidecar.json, and of POINTER; both are much smaller."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CHOOSE_ANOTHER = f"Name a folder of your own on a local disk with --data-dir or {VARIABLE}."
_MAKE_ROOM = "Free some space on that disk, then start Steelyard again."


def data_directory(environ: Mapping[str, str]) -> Path:
    """The data directory: STEELYARD_DATA_DIR if it is set and not empty, else the one that a person chose in
    the desktop program, else the platform's place for it.

    Absolute; a relative variable is taken from the current directory, `~` is home. It need not exist.
    """
    stated = environ.get(VARIABLE, "").strip()
    if stated:
        return Path(os.path.abspath(os.path.expanduser(stated)))
    place = platformdirs.user_data_path("Steelyard", appauthor=False)
    return _chosen(place) or place


def _chosen(place: Path) -> Path | None:
    """The absolute path that POINTER in the platform's place holds, whatever else it holds counts as none."""
    try:
        stated = read_regular(place / POINTER, LARGEST_RECORD, links=True).decode().strip()
    except (Unreadable, UnicodeDecodeError):
        return None
    return Path(stated) if os.path.isabs(stated) and stated.isprintable() else None


def make_log_folder(folder: Path) -> None:
    """Make a folder for workers' logs, for the owner alone; OSError if no log could be written into it.

    One that is there stays as it is, for it may be anybody's: a home, /tmp. The logs themselves are private.
    """
    if not folder.is_dir():
        make_private_directory(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


class DataDirectory:
    """The tree of one data directory. Making one touches no disk; prepare() and lock() do."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "steelyard.db"
        self.preferences = path / "preferences.json"
        self.simulations = path / "simulations"
        self.logs = path / "logs"
        self.tasks = path / "tasks"
        self.runtime = path / "runtime"
        self.record = self.runtime / "sidecar.json"
        self.lock_file = self.runtime / "lock"

    def __repr__(self) -> str:
        return f"DataDirectory({str(self.path)!r})"

    def task(self, task_id: str) -> Path:
        """A task's folder, made or not; ValueError for what is no id (`..` is none)."""
        return self.tasks / _checked(task_id)

    def attempt(self, task_id: str, number: int) -> Path:
        """The folder of attempt `number` (from 1): it holds output.log and output/."""
        return self.task(task_id) / f"attempt-{number:d}"

    def worker_log(self, worker_id: str, log_dir: Path | None = None) -> Path:
        """A worker's log, in log_dir (the setting WORKER_LOG_DIR) or in logs/."""
        return (log_dir or self.logs) / f"worker_{_checked(worker_id)}.log"

    def prepare(self) -> None:
        """Makes what is missing, for the owner alone. On a directory that is whole it changes nothing.

        StartError data_dir_unwritable or disk_full.
        """
        self._refuse_shared()
        if str(self.path).encode("utf-8", "replace").decode() != str(self.path):
            # Tasks, pages and the record name it, and all of them are JSON.
            raise _unwritable(f"The name of {str(self.path)!r} is no text in UTF-8.")
        try:
            self._refuse_long()
            for folder in (self.path, self.simulations, self.logs, self.tasks, self.runtime):
                make_private_directory(folder)
        except OSError as error:
            raise self._start_error(error) from error
        except ValueError as error:
            raise _unwritable(f"{str(self.path)!r} is no path: {error}.") from error
        for folder in (self.path, self.simulations, self.logs, self.tasks, self.runtime):
            # Asked, not tried: a second sidecar on a directory in use must leave no trace in it.
            if not os.access(folder, os.W_OK | os.X_OK):
                raise _unwritable(f"Nothing can be written into {folder}.")

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """For the start: what cannot be written inside the block is StartError data_dir_unwritable or
        disk_full.
        """
        try:
            yield
        except OSError as error:
            raise self._start_error(error) from error
        except StorageFull as error:
            message = f"{error.message.rstrip('.')} ({self.path})."
            raise StartError("disk_full", message, _MAKE_ROOM) from error

    def lock(self) -> Lock:
        """The directory's lock, held until it is closed or this process ends.

        StartError data_dir_locked (it says who has it, as far as runtime/sidecar.json tells),
        data_dir_unwritable, disk_full.
        """
        try:
            make_private_directory(self.runtime)
            return Lock.take(self.lock_file)
        except HeldElsewhere as held:
            raise self.in_use(held.pid) from held
        except OSError as error:
            raise self._start_error(error) from error

    def in_use(self, pid: int | None) -> StartError:
        """The error of a start on a directory that another process owns; pid: whose, as far as known."""
        return StartError(
            "data_dir_locked",
            f"{self._holder(pid)} uses the data directory {self.path}.",
            "Use that one, stop it first, or name another folder with --data-dir.",
        )

    def _holder(self, pid: int | None) -> str:
        """Who has the lock, in words. The record may be older than the lock: the lock's own PID decides."""
        try:
            record = read_json(self.record, LARGEST_RECORD)
        except Unreadable:
            record = None
        url = None
        if isinstance(record, dict):
            if isinstance(record.get("pid"), int):
                url = record.get("url") if pid in (None, record["pid"]) else None
                pid = pid or record["pid"]
            if not isinstance(url, str):
                url = None
        told = ", ".join([f"process {pid}"] * (pid is not None) + [str(url)] * (url is not None))
        return f"Another Steelyard ({told})" if told else "Another Steelyard"

    def _refuse_shared(self) -> None:
        """Narrowing /tmp, / or somebody's home to 0700 would hurt others: those are no data directory."""
        try:
            found = self.path.stat()
        except (OSError, ValueError):
            return
        shared = self.path.parent == self.path or bool(found.st_mode & stat.S_ISVTX)
        if shared or self.path == Path(os.path.expanduser("~")):
            raise _unwritable(f"{self.path} is not a folder for Steelyard alone.")

    def _refuse_long(self) -> None:
        """SQLite looks behind links, so both names count."""
        length = max(len(os.fsencode(path)) for path in (self.database, os.path.realpath(self.database)))
        if length > LONGEST and sys.platform != "win32":
            raise _unwritable(
                f"The path of {self.path} is too long: with the database's name it has {length} bytes, and "
                f"at most {LONGEST} are possible."
            )

    def _start_error(self, error: OSError) -> StartError:
        where = error.filename or self.path
        if is_full(error):
            return StartError("disk_full", f"The disk is full: {where} could not be written.", _MAKE_ROOM)
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP):
            return _unwritable(f"The disk of {self.path} (a network drive?) cannot lock files.")
        return _unwritable(f"{where} cannot be written: {error.strerror or error}.")


def _unwritable(message: str) -> StartError:
    return StartError("data_dir_unwritable", message, _CHOOSE_ANOTHER)


def _checked(name: str) -> str:
    if not _ID.fullmatch(name):
        raise ValueError(f"{name!r:.80} is no id")
    return name
