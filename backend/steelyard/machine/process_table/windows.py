"""The process table of Windows, by kernel32. Identity is the creation time in 100 ns (FILETIME)."""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes

from steelyard.machine.process_table.entry import Entry

assert sys.platform == "win32"

QUERY = 0x1000 | 0x00100000  # PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE
_SNAP_PROCESSES = 0x2
_WAIT_OBJECT_0 = 0
_INVALID = ctypes.c_void_p(-1).value

kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
kernel32.OpenProcess.restype = wintypes.HANDLE
kernel32.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
kernel32.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
kernel32.GetProcessTimes.argtypes = (wintypes.HANDLE, *[ctypes.POINTER(wintypes.FILETIME)] * 4)
kernel32.QueryFullProcessImageNameW.argtypes = (
    wintypes.HANDLE,
    wintypes.DWORD,
    wintypes.LPWSTR,
    ctypes.POINTER(wintypes.DWORD),
)
kernel32.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
kernel32.CreateToolhelp32Snapshot.argtypes = (wintypes.DWORD, wintypes.DWORD)


class _ProcessEntry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_size_t),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("name", wintypes.WCHAR * 260),
    )


kernel32.Process32FirstW.argtypes = (wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))
kernel32.Process32NextW.argtypes = (wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))


class Times:
    """Of one process: its identity, whether it has ended, and the CPU seconds that it has used."""

    __slots__ = ("cpu_seconds", "ended", "identity")

    def __init__(self, identity: str, ended: bool, cpu_seconds: float) -> None:
        self.identity = identity
        self.ended = ended
        self.cpu_seconds = cpu_seconds


def identity(pid: int) -> str | None:
    """The identity of a living process; None if there is none. Of the whole table nothing is read."""
    times = _times(pid)
    return None if times is None or times.ended else times.identity


def entry(pid: int) -> Entry | None:
    """The process with this pid; None if there is none. One that ended and is still held is `ended`."""
    times = _times(pid)
    if times is None:
        return None
    parent, program = _listed().get(pid, (0, ""))
    return Entry(pid, parent, times.identity, ended=times.ended, stopped=False, program=program)


def children(pid: int) -> list[int]:
    """The direct children of a process: those that name it as parent and began after it.

    Windows never changes the parent that a process names, so a pid that was used again has foreign
    "children".
    """
    mine = _times(pid)
    found = []
    for child, (parent, _) in _listed().items():
        if parent != pid or child == pid:
            continue
        theirs = _times(child)
        if theirs is not None and (mine is None or int(theirs.identity) >= int(mine.identity)):
            found.append(child)
    return found


def entries() -> list[Entry]:
    """Every process that may be asked."""
    found = []
    for pid, (parent, program) in _listed().items():
        times = _times(pid)
        if times is not None:
            found.append(
                Entry(pid, parent, times.identity, ended=times.ended, stopped=False, program=program)
            )
    return found


def executable(pid: int) -> str | None:
    """The program file that a process runs; None if it is gone or may not be asked."""
    handle = kernel32.OpenProcess(QUERY, False, pid)
    if not handle:
        return None
    try:
        size = wintypes.DWORD(32768)
        buffer = ctypes.create_unicode_buffer(size.value)
        return (
            buffer.value
            if kernel32.QueryFullProcessImageNameW(handle, 0, buffer, ctypes.byref(size))
            else None
        )
    finally:
        kernel32.CloseHandle(handle)


def times_of(handle: int) -> Times | None:
    """When the process of a handle began, and what it has used; None if Windows does not tell."""
    created, exited, kernel, user = (wintypes.FILETIME() for _ in range(4))
    if not kernel32.GetProcessTimes(
        handle, *(ctypes.byref(each) for each in (created, exited, kernel, user))
    ):
        return None
    ended = kernel32.WaitForSingleObject(handle, 0) == _WAIT_OBJECT_0
    return Times(str(_ticks(created)), ended, (_ticks(kernel) + _ticks(user)) / 1e7)


def _times(pid: int) -> Times | None:
    handle = kernel32.OpenProcess(QUERY, False, pid)
    if not handle:
        return None
    try:
        return times_of(handle)
    finally:
        kernel32.CloseHandle(handle)


def _ticks(time: wintypes.FILETIME) -> int:
    return (time.dwHighDateTime << 32) + time.dwLowDateTime


def _listed() -> dict[int, tuple[int, str]]:
    """pid -> pid of the parent it names and file name of its program, of every process."""
    found: dict[int, tuple[int, str]] = {}
    snapshot = kernel32.CreateToolhelp32Snapshot(_SNAP_PROCESSES, 0)
    if not snapshot or snapshot == _INVALID:
        return found
    try:
        each = _ProcessEntry()
        each.size = ctypes.sizeof(each)
        more = kernel32.Process32FirstW(snapshot, ctypes.byref(each))
        while more:
            found[int(each.pid)] = int(each.parent), str(each.name)
            more = kernel32.Process32NextW(snapshot, ctypes.byref(each))
    finally:
        kernel32.CloseHandle(snapshot)
    return found
