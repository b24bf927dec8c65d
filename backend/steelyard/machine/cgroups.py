"""Linux control groups: the folders that say what this process may use, own level first, then its ancestors.

Knows version 1 and 2 and mixed machines, and what a container hides. Only Linux files of machine/ come here.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Literal, NamedTuple

Version = Literal["cgroup v1", "cgroup v2"]

_ESCAPE = re.compile(r"\\([0-7]{3})")


class Level(NamedTuple):
    """One control group: its folder as seen from here, and which version's files lie in it."""

    folder: Path
    version: Version


def levels(controller: str, root: Path = Path("/")) -> list[Level]:
    """The groups that bind this process for controller ("memory", "cpu"), innermost first; [] without any.

    From /proc/self/cgroup and /proc/self/mountinfo below root. Which groups those are is remembered until
    the process is moved to another one.
    """
    try:
        memberships = (root / "proc/self/cgroup").read_text()
    except OSError:
        return []
    return list(_levels(controller, root, memberships))


def read_number(file: Path) -> int | None:
    """The integer in a control file; None if it says "max", cannot be read, or holds something else."""
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def read_table(file: Path) -> dict[str, int]:
    """The "name number" lines of a control file; none if it cannot be read."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


@functools.lru_cache(maxsize=16)
def _levels(controller: str, root: Path, memberships: str) -> tuple[Level, ...]:
    try:
        mounts = (root / "proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return ()
    found: list[Level] = []
    for line in memberships.splitlines():
        # "4:memory:/user/me" (version 1: a list of controllers) or "0::/user.slice" (version 2).
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        version: Version
        if hierarchy == "0" and not controllers:
            version = "cgroup v2"
        elif controller in controllers.split(","):
            version = "cgroup v1"
        else:
            continue
        place = _place(mounts, version, controller, path)
        if place is not None:
            found += [Level(root / folder.relative_to("/"), version) for folder in place]
    return tuple(found)


def _place(mounts: str, version: Version, controller: str, path: str) -> list[Path] | None:
    """The folder of the group at path and its ancestors up to the mount point; None if it is not mounted."""
    for line in mounts.splitlines():
        # "35 31 0:32 <root> <mount point> <options> - <type> <source> <super options>", see proc(5)
        left, separator, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if not separator or len(fields) < 5 or len(kind) < 3:
            continue
        if version == "cgroup v2":
            if kind[0] != "cgroup2":
                continue
        elif kind[0] != "cgroup" or controller not in kind[2].split(","):
            continue
        return _upwards(Path(_plain(fields[4])), _plain(fields[3]), path)
    return None


def _upwards(mount_point: Path, mount_root: str, path: str) -> list[Path]:
    """From the group's folder up to the mount point.

    A container may show only a part of the hierarchy: what lies outside of it cannot be read, so the mount
    point then stands for the group (that is the container's own one).
    """
    inside = "" if mount_root == "/" else mount_root
    if ".." in path.split("/") or not (path == inside or path.startswith(inside + "/")):
        return [mount_point]
    below = [part for part in path[len(inside) :].split("/") if part]
    return [mount_point.joinpath(*below[:depth]) for depth in range(len(below), -1, -1)]


def _plain(field: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), field)
