"""Linux: one read of /proc/<pid>/stat, of statm and of the `children` files a process.

Measured (scripts/bench/sampler.py, 2.6 GHz): 16 µs a process with one thread, 50 µs with eight (children are
listed by thread). psutil takes 60 µs, or 1 ms where it walks the process table once for each root.
"""

from __future__ import annotations

import os

from steelyard.machine.processes.use import ProcessUse


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

    def begin(self) -> None:
        """Forget what an earlier sample saw."""
        self._by_parent = None
        self._threads.clear()

    def read(self, pid: int) -> ProcessUse | None:
        """The process with this pid, zombies included; None if there is none."""
        stat = self._content(f"{self._proc}/{pid}/stat")
        # The name stands in brackets and may itself hold brackets and blanks: count from the last one.
        fields = stat[stat.rfind(b")") + 2 :].split(None, 22)
        if len(fields) < 22:
            return None
        self._threads[pid] = int(fields[17])
        ended = fields[0] in b"ZXx"
        # size, resident, shared, ... in pages; empty for a process that has just gone.
        pages = b"" if ended else self._content(f"{self._proc}/{pid}/statm")
        counts = pages.split(None, 3)
        resident, shared = (int(counts[1]), int(counts[2])) if len(counts) >= 3 else (0, 0)
        # proc(5) counts from 1 and with the name; ours begin at its field 3, the state. Its 4 ppid,
        # 14 utime, 15 stime, 16 cutime, 17 cstime, 20 num_threads, 22 starttime.
        return ProcessUse(
            pid,
            int(fields[1]),
            int(fields[19]),
            resident * self._page,
            (int(fields[11]) + int(fields[12])) * self._tick,
            (int(fields[13]) + int(fields[14])) * self._tick,
            ended,
            min(shared, resident) * self._page,
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
