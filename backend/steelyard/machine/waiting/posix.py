"""Waiting on Linux and macOS: a selector over pipes, pidfds (Linux), kqueues (macOS), and a signal pipe."""

from __future__ import annotations

import fcntl
import os
import select
import selectors
import signal
import sys
import time
from contextlib import suppress

from steelyard.machine import process_table
from steelyard.machine.waiting.events import CHILDREN, END, WRITABLE

assert sys.platform != "win32"

CHUNK = 256 * 1024
_PIPE_SIZE = 1024 * 1024
_F_SETPIPE_SZ = 1031
_SMALL = 128 * 1024
_PAUSE = 0.001

_PROCESS, _READER, _WRITER, _SIGNALS = range(4)


class Waiter:
    """Waits for readers, writers and processes, each known by a key of the caller's choice."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._sources: dict[str, int] = {}
        self._pids: dict[str, int] = {}
        self._unwatched: dict[str, int] = {}
        # Reader -> when it last gave only little; see _read().
        self._floods: dict[str, float] = {}
        if sys.platform != "linux":
            self._queues: dict[str, select.kqueue] = {}
        self._signals, wake = os.pipe()
        os.set_blocking(self._signals, False)
        os.set_blocking(wake, False)
        self._wake = wake
        self._selector.register(self._signals, selectors.EVENT_READ, (_SIGNALS, ""))
        # A handler must be there for the wake-up to be written; the signal itself says all.
        signal.signal(signal.SIGCHLD, _ignore)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def add_reader(self, fd: int, key: str, *, flood: bool = False) -> None:
        """Read from a pipe from now on; the Waiter owns the descriptor until remove().

        flood: expect much, and make the pipe as large as the system lets us.
        """
        os.set_blocking(fd, False)
        if flood:
            self._floods[key] = 0.0
        if flood and sys.platform == "linux":
            # Fewer turns for the same bytes. Refused beyond the user's share of pipe memory: no matter.
            with suppress(OSError):
                fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_SIZE)
        self._sources[key] = fd
        self._selector.register(fd, selectors.EVENT_READ, (_READER, key))

    def add_writer(self, fd: int, key: str) -> None:
        """Take a pipe to write() to, without ever blocking."""
        os.set_blocking(fd, False)
        self._sources[key] = fd

    def write(self, key: str, data: bytes) -> int:
        """How many bytes the pipe took; if fewer than given, (key, WRITABLE) comes when it takes more.

        OSError (BrokenPipeError) when its reader is gone.
        """
        fd = self._sources[key]
        try:
            taken = os.write(fd, data)
        except BlockingIOError:
            taken = 0
        waiting = fd in self._selector.get_map()
        if taken < len(data) and not waiting:
            self._selector.register(fd, selectors.EVENT_WRITE, (_WRITER, key))
        return taken

    def watch_process(self, pid: int, key: str) -> None:
        """Tell when a process, child or not, has ended. One that is gone is told at the next wait()."""
        self._pids[key] = pid
        try:
            fd = self._process_descriptor(pid, key)
        except ProcessLookupError:
            self._unwatched[key] = pid
        except OSError:
            # No pidfd in this kernel or sandbox: SIGCHLD wakes us, and the table says who it was.
            self._unwatched[key] = pid
        else:
            self._sources[key] = fd
            self._selector.register(fd, selectors.EVENT_READ, (_PROCESS, key))

    def remove(self, key: str) -> None:
        """Forget a key and close its descriptor; an unknown key is no error."""
        self._pids.pop(key, None)
        self._unwatched.pop(key, None)
        self._floods.pop(key, None)
        fd = self._sources.pop(key, None)
        if fd is not None:
            if fd in self._selector.get_map():
                self._selector.unregister(fd)
            if sys.platform == "linux" or key not in self._queues:
                os.close(fd)
            else:
                self._queues.pop(key).close()

    def close(self) -> None:
        """Close everything, signals last."""
        for key in list(self._sources):
            self.remove(key)
        self._selector.close()
        signal.set_wakeup_fd(-1)
        os.close(self._signals)
        os.close(self._wake)

    def drain(self, key: str) -> bytes:
        """What a reader's pipe holds at this moment, at most 4 MiB, without waiting for more."""
        fd = self._sources.get(key)
        found = bytearray()
        while fd is not None and len(found) < 4 * _PIPE_SIZE:
            try:
                data = os.read(fd, CHUNK)
            except OSError:
                break
            if not data:
                break
            found += data
        return bytes(found)

    def wait(self, timeout: float) -> list[tuple[str, bytes | int | None]]:
        """What happened to which key; empty after timeout seconds, or for a signal.

        An ended process is told alone, before anything else of that moment: a stop that crosses it finds it
        gone.
        """
        events: list[tuple[str, bytes | int | None]] = []
        if self._unwatched:
            timeout = min(timeout, 0.05)
        ready = self._selector.select(max(0.0, timeout))
        events += self._ended(
            [key for kind, key in (selected.data for selected, _ in ready) if kind == _PROCESS]
        )
        if events:
            # Alone: what its pipe still holds is then drained by whoever ends the rest, in order and once.
            return events
        for kind, key in (selected.data for selected, _ in ready):
            if kind == _READER:
                events += self._read(key)
            elif kind == _WRITER:
                self._selector.unregister(self._sources[key])
                events.append((key, WRITABLE))
            else:
                events += self._read_signals()
        return events

    def _ended(self, keys: list[str]) -> list[tuple[str, bytes | int | None]]:
        for key in keys:
            self._selector.unregister(self._sources[key])
        unwatched = [key for key, pid in self._unwatched.items() if _has_ended(pid)]
        for key in unwatched:
            del self._unwatched[key]
        return [(key, self._pids[key]) for key in (*keys, *unwatched)]

    def _read(self, key: str) -> list[tuple[str, bytes | int | None]]:
        fd = self._sources[key]
        if time.monotonic() - self._floods.get(key, 0.0) < _PAUSE:
            # It comes in small pieces and without a break: let the pipe fill, a turn costs the same for much.
            time.sleep(_PAUSE)
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if key in self._floods and len(data) < _SMALL:
            self._floods[key] = time.monotonic()
        if data:
            return [(key, data)]
        self._selector.unregister(fd)
        return [(key, END)]

    def _read_signals(self) -> list[tuple[str, bytes | int | None]]:
        with suppress(BlockingIOError):
            if signal.SIGCHLD in os.read(self._signals, 4096):
                return [(CHILDREN, 0)]
        return []

    def _process_descriptor(self, pid: int, key: str) -> int:
        """A descriptor that becomes readable when the process ends."""
        if sys.platform == "linux":
            return os.pidfd_open(pid)
        else:
            queue = select.kqueue()
            flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
            queue.control([select.kevent(pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)], 0)
            # The object closes its descriptor when it is collected: keep it as long as the key.
            self._queues[key] = queue
            return queue.fileno()


def _has_ended(pid: int) -> bool:
    entry = process_table.entry(pid)
    return entry is None or entry.ended


def _ignore(number: int, frame: object) -> None:
    """Only so that the signal wakes the selector."""
