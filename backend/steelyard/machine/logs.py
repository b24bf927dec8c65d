"""Logs that rotate while they are written: a worker's or the sidecar's own, and the output of an attempt.

The agent and the supervisor enter here. A write that fails (disk full) is counted and never raised: a log is
not worth a run of 14 hours.
"""

from __future__ import annotations

import os
from contextlib import suppress

from steelyard.machine.decoding import text_of
from steelyard.machine.regular_files import Unreadable, open_regular

_MODE = 0o600
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


class RotatingFile:
    """A log of at most `limit` bytes with `backups` older ones beside it: name, name.1 (the newest) ...
    name.n.

    descriptor: write to this one (2, standard error) instead of one of our own; after each rotation it leads
    to the new file, so that what the interpreter itself prints there lands in the log as well.
    """

    def __init__(self, path: str, limit: int, backups: int, descriptor: int | None = None) -> None:
        self.path = path
        self.limit = limit
        self.backups = backups
        self.failures = 0
        self._size = 0
        self._fd = -1
        self._descriptor = descriptor
        self._open()

    def write(self, data: bytes) -> None:
        """Append; rotates first if the file would pass its limit. Errors are counted in `failures`."""
        try:
            if self._fd < 0 or not os.path.exists(self.path):
                # Whoever cleans up folders may have taken the log, or all of its folder, away.
                self.close()
                self._open()
            if self._size and self._size + len(data) > self.limit:
                self._rotate()
            self._size += _write_all(self._fd, data)
        except OSError:
            self.failures += 1

    def close(self) -> None:
        """Close the file, unless its descriptor belongs to someone else."""
        if self._descriptor is None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._size = 0
        self._fd = -1 if self._descriptor is None else self._descriptor
        try:
            fd = _open_or_make(self.path)
        except OSError:
            self.failures += 1
            return
        self._size = os.fstat(fd).st_size
        if self._descriptor is None:
            self._fd = fd
        else:
            os.dup2(fd, self._descriptor)
            os.close(fd)

    def _rotate(self) -> None:
        for number in range(self.backups - 1, 0, -1):
            with suppress(FileNotFoundError):
                os.replace(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        if self.backups < 1:
            os.truncate(self.path, 0)
            self._size = 0
            return
        try:
            os.replace(self.path, f"{self.path}.1")
        except PermissionError:
            # Windows: someone else has it open. Copy it, then go on in the same file.
            with open(self.path, "rb") as old, open(f"{self.path}.1", "wb") as copy:
                while piece := old.read(1024 * 1024):
                    copy.write(piece)
            os.truncate(self.path, 0)
            self._size = 0
            return
        self.close()
        self._open()


def _open_or_make(path: str) -> int:
    """A descriptor of the log at path; its folder is made if that is gone. OSError."""
    try:
        return os.open(path, _APPEND, _MODE)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        return os.open(path, _APPEND, _MODE)


HEAD = 1_000_000
"""Bytes of an attempt's output that are kept from its beginning."""
LAST = 30_000_000
"""Bytes of an attempt's output that are kept from its end, at least."""
_PART = 5_000_000


class OutputLog:
    """The output of one attempt in its folder: output.log holds the first HEAD bytes, output.<offset>.log the
    rest.

    <offset> (15 digits) is where the file's first byte stands in the whole output, so that names alone tell a
    reader what is there. Files of _PART bytes; the oldest goes when those after it hold LAST bytes. After a
    write error the next file begins at the offset then reached: what was lost shows as a gap. A file that
    took nothing becomes the next one, so that a full disk does not make one for each write.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.size = 0
        """Bytes of output so far, those that were dropped or lost included."""
        self.lost = 0
        """Bytes that could not be written."""
        self.error = ""
        """The last write error, as a sentence of the system."""
        self._parts: list[int] = []
        self._fd = -1
        self._start = 0
        self._room = HEAD
        self._is_empty = False
        self._open(os.path.join(folder, "output.log"))

    def write(self, data: bytes) -> None:
        """Append output; never raises OSError."""
        view = memoryview(data)
        while len(view):
            if self._room <= 0:
                self._next_part()
            piece = view[: self._room]
            self._append(piece)
            view = view[len(piece) :]

    def close(self) -> None:
        """Close the file; write() opens a new one."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._room = 0

    def _append(self, piece: memoryview) -> None:
        taken = 0
        try:
            if self._fd >= 0:
                while taken < len(piece):
                    taken += os.write(self._fd, piece[taken:])
                    self._is_empty = False
        except OSError as error:
            self.error = error.strerror or str(error)
        self.size += len(piece)
        self._room -= len(piece)
        if taken < len(piece):
            self.lost += len(piece) - taken
            # Offsets in this file would no longer be true.
            self.close()

    def _next_part(self) -> None:
        self.close()
        self._room = _PART
        path = _part_path(self.folder, self.size)
        if self._is_empty:
            with suppress(OSError):
                os.replace(_part_path(self.folder, self._parts.pop()), path)
        self._parts.append(self.size)
        self._is_empty = True
        self._open(path)
        while len(self._parts) > 1 and self.size - self._parts[1] >= LAST:
            with suppress(OSError):
                os.unlink(_part_path(self.folder, self._parts[0]))
            del self._parts[0]

    def _open(self, path: str) -> None:
        try:
            self._fd = os.open(path, _APPEND | os.O_TRUNC, _MODE)
        except OSError as error:
            self._fd = -1
            self.error = error.strerror or str(error)


def parts(folder: str) -> list[tuple[int, int, str]]:
    """(first offset, offset after the last byte, path) of each output file of an attempt, in order."""
    found = []
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    for name in names:
        middle = name[len("output") : -len(".log")]
        if not name.startswith("output") or not name.endswith(".log"):
            continue
        if middle and not (middle[0] == "." and middle[1:].isdigit()):
            continue
        start = int(middle[1:]) if middle else 0
        path = os.path.join(folder, name)
        # It may be rotated away under our eyes.
        with suppress(OSError):
            found.append((start, start + os.stat(path).st_size, path))
    return sorted(found)


def size(folder: str) -> int:
    """Bytes of output so far, those that are no longer kept included; 0 if there is none."""
    found = parts(folder)
    return found[-1][1] if found else 0


def kept_from(folder: str, offset: int) -> int:
    """The first offset at or after this one whose byte is kept; the size of the output if there is none."""
    found = parts(folder)
    for start, end, _ in found:
        # A part to which nothing could be written holds no byte, wherever it stands.
        if max(offset, start) < end:
            return max(offset, start)
    return found[-1][1] if found else 0


def read_range(folder: str, offset: int, limit: int) -> bytes:
    """At most limit bytes of output from kept_from(folder, offset) on; never over a gap; empty at the end."""
    data = bytearray()
    first = kept_from(folder, offset)
    for start, end, path in parts(folder):
        position = first + len(data)
        if start <= position < end and len(data) < limit:
            # It may be rotated away under our eyes: then the next files do not join on, and the loop adds
            # none.
            with suppress(OSError, Unreadable), open_regular(path) as file:
                file.seek(position - start)
                data += file.read(min(limit - len(data), end - position))
    return bytes(data)


def read_tail(folder: str, chars: int) -> str:
    """The last characters of the output as text, NUL left out."""
    end = size(folder)
    # Four bytes a character at most; what is cut in its middle is left out at the front.
    start = max(0, end - 4 * chars)
    data = bytearray()
    while start < end:
        start = kept_from(folder, start)
        piece = read_range(folder, start, end - start)
        if not piece:
            break
        data += piece
        start += len(piece)
    text = text_of(bytes(data)).replace("\0", "")
    return text[-chars:] if chars > 0 else ""


def _part_path(folder: str, offset: int) -> str:
    return os.path.join(folder, f"output.{offset:015}.log")


def _write_all(fd: int, data: bytes) -> int:
    written = 0
    while written < len(data):
        written += os.write(fd, data[written:])
    return written


def read_file_tail(path: str, chars: int) -> str:
    """The last characters of a plain log file as text, as read_tail() gives them; empty if there is none."""
    try:
        with open_regular(path, links=True) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4 * chars))
            text = text_of(file.read(4 * chars), cut=True).replace("\0", "")
    except (OSError, Unreadable):
        return ""
    return text[-chars:] if chars > 0 else ""
