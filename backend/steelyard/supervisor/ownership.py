"""runtime/sidecar.json: who owns a data directory now, where it listens, and the token that opens it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from steelyard.machine import identity
from steelyard.machine.paths import LARGEST_RECORD, DataDirectory, write_private
from steelyard.machine.private_files import set_aside
from steelyard.machine.regular_files import Unreadable, read_json

log = logging.getLogger(__name__)


def write(data: DataDirectory, *, url: str, token: str, instance: str, create_time: float) -> None:
    """Record this process as the owner; readable for its user alone."""
    record = {
        "url": url,
        "token": token,
        "pid": os.getpid(),
        "create_time": create_time,
        "identity": identity.identity_of(os.getpid()),
        "executable": identity.executable_of(os.getpid()),
        "instance": instance,
    }
    write_private(data.runtime / "sidecar.json", msgspec.json.encode(record))


def refuse_living_owner(data: DataDirectory, now: float) -> str | None:
    """StartError data_dir_locked if the recorded owner lives although we hold the lock.

    So it is when somebody has deleted the file `lock`. It owns the database and the children; ending it
    would cost its tasks their work, and going on beside it the database.

    A record that cannot be read, as a power cut leaves it, names nobody: it is set aside, and the answer is a
    sentence about that. now: Unix seconds.
    """
    try:
        record = read_json(data.record, LARGEST_RECORD)
        if not isinstance(record, dict):
            raise Unreadable("holds no JSON object")
    except Unreadable as error:
        return None if error.missing else _set_aside(data.record, error, now)
    pid, known = record.get("pid"), record.get("identity")
    if not isinstance(pid, int) or not isinstance(known, str) or pid == os.getpid():
        return None
    if identity.is_same(pid, known) and identity.executable_of(pid) == record.get("executable"):
        raise data.in_use(pid)
    return None


def _set_aside(path: Path, why: Unreadable, now: float) -> str:
    try:
        return f"{path} {why}. It was kept as {set_aside(path, now).name}."
    except OSError as error:
        return f"{path} {why}, and cannot be set aside: {error.strerror or error}."


def remove(data: DataDirectory) -> None:
    """Give the directory up: nobody listens there any more."""
    try:
        (data.runtime / "sidecar.json").unlink(missing_ok=True)
    except OSError as error:
        # The disk has failed meanwhile. Who reads it finds nobody under the PID: that is said, not lost.
        log.warning("sidecar.json could not be removed: %s", error)
