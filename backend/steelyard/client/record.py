"""Finds a running sidecar: reads `<data dir>/runtime/sidecar.json` and says in words why it leads nowhere.

Clients come here; the sidecar writes the file itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from steelyard.client.errors import NoSidecar
from steelyard.machine.identity import identity_of
from steelyard.machine.paths import LARGEST_RECORD
from steelyard.machine.regular_files import Unreadable, read_json

# The token must never travel further than this machine, whatever a file says.
_LOOPBACK = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/?")


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """Where a sidecar said that it can be reached. The token is a secret: it is left out of repr()."""

    url: str
    token: str
    pid: int
    instance: str
    identity: str | None = None

    def __repr__(self) -> str:
        return f"RuntimeRecord(url={self.url!r}, pid={self.pid}, instance={self.instance!r})"


def read_record(data_dir: Path) -> RuntimeRecord:
    """The record of the sidecar that runs on data_dir; NoSidecar, with the reason, if there is none."""
    path = data_dir / "runtime" / "sidecar.json"
    try:
        fields = read_json(path, LARGEST_RECORD)
    except Unreadable as error:
        if error.missing:
            raise NoSidecar(f"no sidecar runs on {data_dir}") from None
        raise NoSidecar(f"{path} is not the record of a sidecar: it {error}") from None
    record = _record(fields, path)
    now = identity_of(record.pid)
    if now is None:
        raise _gone(data_dir, path, record.pid, "is gone: it was killed, or crashed")
    if record.identity is not None and now != record.identity:
        raise _gone(data_dir, path, record.pid, "is gone: that PID is another program's now")
    return record


def _gone(data_dir: Path, path: Path, pid: int, what: str) -> NoSidecar:
    return NoSidecar(f"no sidecar runs on {data_dir}: the one that {path} names (PID {pid}) {what}")


def _record(fields: object, path: Path) -> RuntimeRecord:
    if isinstance(fields, dict):
        url, token, pid = fields.get("url"), fields.get("token"), fields.get("pid")
        if (
            isinstance(url, str)
            and _LOOPBACK.fullmatch(url)
            and isinstance(token, str)
            and re.fullmatch(r"[\x21-\x7e]+", token)
            and isinstance(pid, int)
            and pid > 0
        ):
            identity = fields.get("identity")
            known = identity if isinstance(identity, str) else None
            return RuntimeRecord(url.rstrip("/"), token, pid, str(fields.get("instance") or ""), known)
    raise NoSidecar(
        f"{path} is not the record of a sidecar: url, token or pid is missing or of the wrong form"
    )
