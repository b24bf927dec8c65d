"""Linux: one read of /proc/<pid>/stat and of the `children` files a process, and of `status` when its memory
has changed.

Measured (scripts/bench/sampler.py, 2.6 GHz): 16 µs a process with one thread, 50 µs with eight (children are
listed by thread). psutil takes 60 µs, or 1 ms where it walks the process table once for each root.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from steelyard.machine.processes.use import CloserLook, ProcessUse

_LINES = re.compile(rb"(\w+):\s+(\d+) kB")


class _Memory(NamedTuple):
    """What a process has, bytes, and what its `stat` said then."""

    resident: bytes
    faults: bytes
    anonymous: int
    segments: int
    files: int
    tables: int


_NONE = _Memory(b"", b"", 0, 0, 0, 0)


class Processes:
    """The process table below `proc` (a test's own folder, or /proc)."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._tick = 1.0 / os.sysconf("SC_CLK_TCK")
        # A kernel without CONFIG_PROC_CHILDREN has none of these files: then every process is looked at.
        self._has_children_files = os.path.exists(f"{proc}/thread-self/children")
        self._threads: dict[int, int] = {}
        self._by_parent: dict[int, list[int]] | None = None
        self._seen: dict[tuple[int, int], _Memory] = {}
        self._before: dict[tuple[int, int], _Memory] = {}

    def begin(self) -> None:
        """Forget what an earlier sample saw."""
        self._by_parent = None
        self._threads.clear()
        self._before, self._seen = self._seen, {}

    def read(self, pid: int) -> ProcessUse | None:
        """The process with this pid, zombies included; None if there is none."""
        stat = self._content(f"{self._proc}/{pid}/stat")
        # The name stands in brackets and may itself hold brackets and blanks: count from the last one.
        # proc(5) counts from 1 and with the name; ours begin at its field 3, the state. Its 4 ppid,
        # 10 minflt, 14 utime, 15 stime, 16 cutime, 17 cstime, 20 num_threads, 22 starttime, 24 rss,
        # 26 startcode, 28 startstack.
        fields = stat[stat.rfind(b")") + 2 :].split(None, 26)
        if len(fields) < 26:
            return None
        self._threads[pid] = int(fields[17])
        ended, started = fields[0] in b"ZXx", int(fields[19])
        memory = _NONE if ended else self._memory(pid, started, fields[21], fields[7])
        return ProcessUse(
            pid,
            int(fields[1]),
            started,
            memory.anonymous,
            (int(fields[11]) + int(fields[12])) * self._tick,
            (int(fields[13]) + int(fields[14])) * self._tick,
            ended,
            memory.segments,
            memory.files,
            memory.tables,
            # Where code and stack lie is drawn by lot for each program that is started, and kept by a fork.
            (fields[25], fields[23]),
            int(fields[7]),
        )

    def _memory(self, pid: int, started: int, resident: bytes, faults: bytes) -> _Memory:
        """What it has; read again only if it was given a page since, or one was taken from it."""
        known = self._before.get((pid, started))
        if known is None or (known.resident, known.faults) != (resident, faults):
            table = _table(self._content(f"{self._proc}/{pid}/status"))
            # Before Linux 4.5 only the sum is told.
            anonymous = table.get(b"RssAnon", table.get(b"VmRSS", 0))
            known = _Memory(
                resident,
                faults,
                anonymous + table.get(b"VmSwap", 0),
                table.get(b"RssShmem", 0),
                table.get(b"RssFile", 0),
                table.get(b"VmPTE", 0),
            )
        self._seen[pid, started] = known
        return known

    def lives(self, pid: int) -> bool:
        """Whether a process that was there still is, and is no zombie."""
        stat = self._content(f"{self._proc}/{pid}/stat")
        return stat[stat.rfind(b")") + 2 :][:1] not in b"ZXx"

    def look_closer(self, pid: int) -> CloserLook | None:
        """What the process holds page by page; None if it is gone, or not ours, or before Linux 4.14."""
        table = _table(self._content(f"{self._proc}/{pid}/smaps_rollup"))
        if b"Pss" not in table:
            return None
        swapped, swapped_part = table.get(b"Swap", 0), table.get(b"SwapPss", 0)
        anonymous = table.get(b"Anonymous", 0)
        # Before Linux 5.4 the parts are not told by kind.
        part = table.get(b"Pss_Anon", min(table[b"Pss"], anonymous))
        own = min(part, table.get(b"Private_Dirty", 0))
        return CloserLook(
            anonymous + swapped,
            part + swapped_part,
            own + (swapped_part if swapped_part == swapped else 0),
            _table(self._content(f"{self._proc}/{pid}/status")).get(b"RssShmem", 0),
            table.get(b"Pss_Shmem", 0),
        )

    def children(self, pid: int) -> list[int]:
        """The direct children of a process, of all its threads."""
        if not self._has_children_files:
            return self._scanned().get(pid, [])
        found = self._children_of_thread(pid, str(pid))
        if self._threads.get(pid, 2) > 1:
            # A child belongs to the thread that started it.
            try:
                threads = os.listdir(f"{self._proc}/{pid}/task")
            except OSError:
                return found
            for thread in threads:
                if thread != str(pid):
                    found += self._children_of_thread(pid, thread)
        return found

    def _children_of_thread(self, pid: int, thread: str) -> list[int]:
        return [int(child) for child in self._content(f"{self._proc}/{pid}/task/{thread}/children").split()]

    def _scanned(self) -> dict[int, list[int]]:
        """parent -> children from every process there is, once a sample."""
        if self._by_parent is None:
            self._by_parent = {}
            for name in os.listdir(self._proc):
                if name.isdigit():
                    use = self.read(int(name))
                    if use is not None:
                        self._by_parent.setdefault(use.parent, []).append(use.pid)
        return self._by_parent

    @staticmethod
    def _content(path: str) -> bytes:
        """A whole file; nothing if it has gone. A file object would cost as much as the read itself."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            content = os.read(descriptor, 4096)
            more = content
            # The kernel hands out about a page at a time, whole numbers only: a little less is not the end.
            while len(more) > 4000:
                more = os.read(descriptor, 4096)
                content += more
            return content
        except OSError:
            # The process ended between the two calls (ESRCH).
            return b""
        finally:
            os.close(descriptor)


def _table(content: bytes) -> dict[bytes, int]:
    """The "Name: number kB" lines of a file, bytes."""
    return {name: int(number) * 1024 for name, number in _LINES.findall(content)}
