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


def entry(pid: int) -> Entry | None:
    """The process with this pid; None if there is none. One that ended and is still held is `ended`."""
    times = _times(pid)
    if times is None:
        return None
    created, ended = times
    parent = _parents().get(pid, 0)
    return Entry(pid, parent, str(created), ended=ended, stopped=False)


def children(pid: int) -> list[int]:
    """The direct children of a process: those that name it as parent and began after it.

    Windows never changes the parent that a process names, so a pid that was used again has foreign
    "children".
    """
    mine = _times(pid)
    found = []
    for child, parent in _parents().items():
        if parent != pid or child == pid:
            continue
        theirs = _times(child)
        if theirs is not None and (mine is None or theirs[0] >= mine[0]):
            found.append(child)
    return found


def entries() -> list[Entry]:
    """Every process that may be asked."""
    found = []
    for pid, parent in _parents().items():
        times = _times(pid)
        if times is not None:
            found.append(Entry(pid, parent, str(times[0]), ended=times[1], stopped=False))
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


def _times(pid: int) -> tuple[int, bool] | None:
    """(creation time, whether it has ended)."""
    handle = kernel32.OpenProcess(QUERY, False, pid)
    if not handle:
        return None
    try:
        created, exited, kernel, user = (wintypes.FILETIME() for _ in range(4))
        if not kernel32.GetProcessTimes(
            handle, *(ctypes.byref(each) for each in (created, exited, kernel, user))
        ):
            return None
        ended = kernel32.WaitForSingleObject(handle, 0) == _WAIT_OBJECT_0
        return (created.dwHighDateTime << 32) + created.dwLowDateTime, ended
    finally:
        kernel32.CloseHandle(handle)


def _parents() -> dict[int, int]:
    """pid -> pid of the parent it names, of every process."""
    found: dict[int, int] = {}
    snapshot = kernel32.CreateToolhelp32Snapshot(_SNAP_PROCESSES, 0)
    if not snapshot or snapshot == _INVALID:
        return found
    try:
        each = _ProcessEntry()
        each.size = ctypes.sizeof(each)
        more = kernel32.Process32FirstW(snapshot, ctypes.byref(each))
        while more:
            found[int(each.pid)] = int(each.parent)
            more = kernel32.Process32NextW(snapshot, ctypes.byref(each))
    finally:
        kernel32.CloseHandle(snapshot)
    return found
