"""runtime/sidecar.json: who owns a data directory now, where it listens, and the token that opens it."""

from __future__ import annotations

import logging
import os
from typing import Any

import msgspec

from steelyard.machine import identity
from steelyard.machine.paths import DataDirectory, write_private

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


def read(data: DataDirectory) -> dict[str, Any] | None:
    """The record of whoever owned the directory last; None: there is none, or it cannot be read."""
    try:
        record = msgspec.json.decode((data.runtime / "sidecar.json").read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        # A power cut or a failing disk leaves anything; nobody can be ended by a record that cannot be read.
        log.warning("sidecar.json cannot be read: %s", error)
        return None
    return record if isinstance(record, dict) else None


def refuse_living_owner(data: DataDirectory) -> None:
    """StartError data_dir_locked if the recorded owner lives although we hold the lock.

    So it is when somebody has deleted the file `lock`. It owns the database and the children; ending it
    would cost its tasks their work, and going on beside it the database.
    """
    record = read(data) or {}
    pid, known = record.get("pid"), record.get("identity")
    if not isinstance(pid, int) or not isinstance(known, str) or pid == os.getpid():
        return
    if identity.is_same(pid, known) and identity.executable_of(pid) == record.get("executable"):
        raise data.in_use(pid)


def remove(data: DataDirectory) -> None:
    """Give the directory up: nobody listens there any more."""
    try:
        (data.runtime / "sidecar.json").unlink(missing_ok=True)
    except OSError as error:
        # The disk has failed meanwhile. Who reads it finds nobody under the PID: that is said, not lost.
        log.warning("sidecar.json could not be removed: %s", error)
