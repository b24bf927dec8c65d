"""Waiting on Windows, where pipes cannot be selected: one thread a pipe or process, all feeding one queue."""

from __future__ import annotations

import ctypes
import os
import queue
import sys
import threading
import time

from steelyard.machine.waiting.events import END, WRITABLE

assert sys.platform == "win32"

from steelyard.machine.process_table.windows import QUERY, kernel32  # noqa: E402

CHUNK = 256 * 1024
_INFINITE = 0xFFFFFFFF
_LAST_BYTES = 0.5
"""Seconds in which a pipe without writers must have shown its end."""

_Event = tuple[str, "bytes | int | None"]


class _Pipe:
    """A reader: its thread takes the next piece only when the last one was taken from the queue."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.taken = threading.Semaphore(1)
        self.removed = False


class Waiter:
    """Waits for readers, writers and processes, each known by a key of the caller's choice."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[tuple[object, str, bytes | int | None]] = queue.SimpleQueue()
        self._pipes: dict[str, _Pipe] = {}
        self._writers: dict[str, queue.SimpleQueue[bytes]] = {}
        self._busy: set[str] = set()
        self._broken: set[str] = set()
        self._owners: dict[str, object] = {}
        self._held: list[tuple[object, str, bytes | int | None]] = []

    def add_reader(self, fd: int, key: str, *, flood: bool = False) -> None:
        """Read from a pipe from now on; the Waiter owns the descriptor until remove()."""
        pipe = self._pipes[key] = _Pipe(fd)
        self._owners[key] = pipe
        self._spawn(self._read, pipe, key)

    def add_writer(self, fd: int, key: str) -> None:
        """Take a pipe to write() to, without ever blocking."""
        self._writers[key] = queue.SimpleQueue()
        self._owners[key] = self._writers[key]
        self._spawn(self._write, fd, key)

    def write(self, key: str, data: bytes) -> int:
        """How many bytes were taken: all, or none while the last ones are under way ((key, WRITABLE) then
        comes).

        BrokenPipeError when the reader of the pipe is gone.
        """
        if key in self._broken:
            raise BrokenPipeError(0, "nobody reads the pipe")
        if key in self._busy:
            return 0
        self._busy.add(key)
        self._writers[key].put(data)
        return len(data)

    def watch_process(self, pid: int, key: str) -> None:
        """Tell when a process, child or not, has ended. One that is gone is told at the next wait()."""
        handle = kernel32.OpenProcess(QUERY, False, pid)
        owner = self._owners[key] = object()
        if not handle:
            self._events.put((owner, key, pid))
            return
        self._spawn(self._watch, handle, owner, key, pid)

    def remove(self, key: str) -> None:
        """Forget a key; an unknown key is no error. A descriptor is closed by the thread that reads it."""
        self._owners.pop(key, None)
        pipe = self._pipes.pop(key, None)
        if pipe is not None:
            pipe.removed = True
            pipe.taken.release()

    def close(self) -> None:
        """Forget everything."""
        for key in list(self._owners):
            self.remove(key)

    def drain(self, key: str) -> bytes:
        """What a reader's pipe still holds, up to its end; what does not come soon is abandoned."""
        found = bytearray()
        deadline = time.monotonic() + _LAST_BYTES
        pipe = self._pipes.get(key)
        waiting = self._held
        self._held = []
        while pipe is not None:
            try:
                left = max(0.0, deadline - time.monotonic())
                event = waiting.pop(0) if waiting else self._events.get(timeout=left)
            except queue.Empty:
                break
            if event[0] is not pipe:
                self._held.append(event)
            elif isinstance(event[2], bytes):
                found += event[2]
                pipe.taken.release()
            else:
                break
        self._held += waiting
        return bytes(found)

    def wait(self, timeout: float) -> list[_Event]:
        """What happened to which key, in order; empty after timeout seconds.

        An ended process is told last: what its pipe still holds is then drained by whoever ends the rest.
        """
        found: list[_Event] = []
        # Python looks for signals between waits only: never wait long.
        deadline = time.monotonic() + min(timeout, 1.0)
        try:
            first = not self._held
            while True:
                if self._held:
                    event = self._held.pop(0)
                else:
                    event = self._events.get(timeout=max(0.0, deadline - time.monotonic()) if first else 0)
                first = False
                found += self._told(event)
                if isinstance(event[2], int) and event[2] != WRITABLE:
                    return found
        except queue.Empty:
            return found

    def _told(self, event: tuple[object, str, bytes | int | None]) -> list[_Event]:
        owner, key, value = event
        if self._owners.get(key) is not owner:
            return []
        if isinstance(owner, _Pipe) and isinstance(value, bytes):
            owner.taken.release()
        if value == WRITABLE:
            self._busy.discard(key)
        if value is END and key in self._writers:
            self._broken.add(key)
        return [(key, value)]

    def _read(self, pipe: _Pipe, key: str) -> None:
        while True:
            pipe.taken.acquire()
            if pipe.removed:
                break
            try:
                data = os.read(pipe.fd, CHUNK)
            except OSError:
                data = b""
            self._events.put((pipe, key, data or END))
            if not data:
                break
        os.close(pipe.fd)

    def _write(self, fd: int, key: str) -> None:
        lines = self._writers[key]
        while True:
            data = memoryview(lines.get())
            try:
                while data:
                    data = data[os.write(fd, data) :]
            except OSError:
                self._events.put((lines, key, END))
                return
            self._events.put((lines, key, WRITABLE))

    def _watch(self, handle: int, owner: object, key: str, pid: int) -> None:
        kernel32.WaitForSingleObject(ctypes.c_void_p(handle), _INFINITE)
        kernel32.CloseHandle(ctypes.c_void_p(handle))
        self._events.put((owner, key, pid))

    def _spawn(self, work: object, *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]
