"""A control group with a memory limit of its own, in which the kernel would really kill. Root on Linux."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from steelyard.machine.cgroups import levels

V2 = "cgroup v2"


class CannotLimit(Exception):
    """No such group can be made here; the message says why."""


class Limited:
    """A group of this folder; `enter` is what a command line begins with to run inside it."""

    def __init__(self, folder: Path, version: str) -> None:
        self.folder = folder
        self.version = version

    @property
    def enter(self) -> tuple[str, ...]:
        """A prefix that puts whatever follows it into the group."""
        return ("/bin/sh", "-c", f'echo $$ > "{self.folder}/cgroup.procs" && exec "$@"', "sh")

    @property
    def oom_kills(self) -> int:
        """How many processes the kernel has ended here for want of memory."""
        if self.version == V2:
            return self._count(self.folder / "memory.events")
        # Version 1 counts the victims of each group by itself.
        return sum(self._count(each / "memory.oom_control") for each in (self.folder, *self._below()))

    def _below(self) -> list[Path]:
        return [each for each in self.folder.iterdir() if each.is_dir()]

    @staticmethod
    def _count(file: Path) -> int:
        for line in file.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        raise CannotLimit(f"{file} does not count")

    def limit(self, size: int) -> None:
        """Let it use so many bytes, from now on."""
        name = "memory.max" if self.version == V2 else "memory.limit_in_bytes"
        (self.folder / name).write_text(str(size))

    def close(self, within: float = 20.0) -> None:
        """Remove it; whatever ran in it has to be gone, or nearly."""
        deadline = time.monotonic() + within
        while self.folder.exists():
            with contextlib.suppress(OSError):
                for below in self._below():
                    below.rmdir()
                self.folder.rmdir()
                return
            if time.monotonic() > deadline:
                left = (self.folder / "cgroup.procs").read_text().split()
                raise CannotLimit(f"{self.folder} cannot be removed; in it are still {left}")
            time.sleep(0.02)


@contextlib.contextmanager
def limited(size: int) -> Iterator[Limited]:
    """A group of `size` bytes below our own. CannotLimit where none can be made."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotLimit("a control group can only be made by root on Linux")
    found = levels("memory")
    if not found:
        raise CannotLimit("a control group for memory is not mounted here")
    own = found[0]
    made = own.folder / f"steelyard-{uuid.uuid4().hex[:12]}"
    try:
        made.mkdir()
    except OSError as error:
        raise CannotLimit(f"a control group cannot be made here: {error.strerror}") from error
    group = Limited(made, own.version)
    try:
        try:
            group.limit(size)
        except OSError as error:
            raise CannotLimit(f"a control group cannot be limited here: {error.strerror}") from error
        yield group
    finally:
        group.close()
