"""A made-up Linux machine in a folder: the files of /proc and /sys that machine/ reads below a root."""

from __future__ import annotations

from pathlib import Path

KIB = 1024
GIB = 2**30


class LinuxTree:
    """Writes the files of a machine below root; every figure in bytes unless a method says otherwise."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._mounts: list[str] = []
        self._memberships: list[str] = []
        self.memory(16 * GIB, 12 * GIB)

    def write(self, path: str, text: str) -> None:
        """A file, with the folders above it."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def memory(self, total: int, available: int) -> None:
        """/proc/meminfo."""
        self.write(
            "/proc/meminfo",
            f"MemTotal:       {total // KIB} kB\nMemFree:        123 kB\n"
            f"MemAvailable:   {available // KIB} kB\nHugePages_Total:       0\n",
        )

    def pressure(self, some: float, full: float, path: str = "/proc/pressure/memory") -> None:
        """A PSI file; per cent of the last 10 s."""
        self.write(
            path,
            f"some avg10={some:.2f} avg60=0.00 avg300=0.00 total=1\n"
            f"full avg10={full:.2f} avg60=0.00 avg300=0.00 total=1\n",
        )

    def mount(self, mount_point: str, kind: str, options: str, inside: str = "/") -> None:
        """A line of /proc/self/mountinfo; `inside` is the part of the hierarchy that is seen there."""
        self._mounts.append(f"3{len(self._mounts)} 31 0:32 {inside} {mount_point} rw - {kind} none {options}")
        self.write("/proc/self/mountinfo", "\n".join(self._mounts) + "\n")

    def member(self, line: str) -> None:
        """A line of /proc/self/cgroup."""
        self._memberships.append(line)
        self.write("/proc/self/cgroup", "\n".join(self._memberships) + "\n")

    def version_2(self, group: str, inside: str = "/") -> None:
        """This process is in `group` of a version 2 hierarchy at /sys/fs/cgroup."""
        self.mount("/sys/fs/cgroup", "cgroup2", "rw", inside)
        self.member(f"0::{group}")

    def version_1(self, controller: str, group: str, inside: str = "/") -> None:
        """This process is in `group` of the version 1 hierarchy of one controller."""
        self.mount(f"/sys/fs/cgroup/{controller}", "cgroup", f"rw,{controller}", inside)
        self.member(f"{len(self._memberships) + 2}:{controller}:{group}")
