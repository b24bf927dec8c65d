"""The process table of macOS, by libproc (sys/proc_info.h). Identity is the creation time in µs."""

from __future__ import annotations

import ctypes

from steelyard.machine.process_table.entry import Entry

_PROC_ALL_PIDS = 1
_PROC_PIDTBSDINFO = 3
_SSTOP, _SZOMB = 4, 5
_PATH_SIZE = 4096

_libproc = ctypes.CDLL("/usr/lib/libproc.dylib", use_errno=True)


class _BsdInfo(ctypes.Structure):
    """struct proc_bsdinfo."""

    _fields_ = (
        ("flags", ctypes.c_uint32),
        ("status", ctypes.c_uint32),
        ("xstatus", ctypes.c_uint32),
        ("pid", ctypes.c_uint32),
        ("ppid", ctypes.c_uint32),
        ("uid", ctypes.c_uint32),
        ("gid", ctypes.c_uint32),
        ("ruid", ctypes.c_uint32),
        ("rgid", ctypes.c_uint32),
        ("svuid", ctypes.c_uint32),
        ("svgid", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("comm", ctypes.c_char * 16),
        ("name", ctypes.c_char * 32),
        ("files", ctypes.c_uint32),
        ("pgid", ctypes.c_uint32),
        ("jobs", ctypes.c_uint32),
        ("terminal_device", ctypes.c_uint32),
        ("terminal_group", ctypes.c_uint32),
        ("nice", ctypes.c_int32),
        ("start_seconds", ctypes.c_uint64),
        ("start_microseconds", ctypes.c_uint64),
    )


def identity(pid: int) -> str | None:
    """The identity of a living process; None if there is no such process, or only its zombie."""
    found = entry(pid)
    return None if found is None or found.ended else found.identity


def entry(pid: int) -> Entry | None:
    """The process with this pid, zombies included; None if there is none."""
    info = _BsdInfo()
    # The 1 asks for zombies as well.
    size = ctypes.sizeof(info)
    if _libproc.proc_pidinfo(pid, _PROC_PIDTBSDINFO, ctypes.c_uint64(1), ctypes.byref(info), size) != size:
        return None
    return Entry(
        pid,
        int(info.ppid),
        f"{info.start_seconds}.{info.start_microseconds:06}",
        ended=info.status == _SZOMB,
        stopped=info.status == _SSTOP,
    )


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    return [each.pid for each in entries() if each.parent == pid]


def entries() -> list[Entry]:
    """Every process that can be seen."""
    size = _libproc.proc_listpids(_PROC_ALL_PIDS, 0, None, 0)
    # Room for those that begin between the two calls.
    pids = (ctypes.c_int * (size // 4 + 64))()
    size = _libproc.proc_listpids(_PROC_ALL_PIDS, 0, pids, ctypes.sizeof(pids))
    found = (entry(pid) for pid in pids[: max(0, size) // 4] if pid > 0)
    return [each for each in found if each is not None]


def footprint(pid: int) -> int | None:
    """Bytes that a process holds, as Activity Monitor tells them: what it has written to, compressed and
    swapped out pages too, without pages of files. None if that cannot be told.
    """
    # struct rusage_info_v0 of sys/resource.h: a UUID of 16 bytes and ten words, the eighth of them this one.
    info = (ctypes.c_uint64 * 12)()
    return int(info[9]) if _libproc.proc_pid_rusage(pid, 0, ctypes.byref(info)) == 0 else None


def executable(pid: int) -> str | None:
    """The program file that a process runs; None if it is gone or may not be asked."""
    buffer = ctypes.create_string_buffer(_PATH_SIZE)
    size = _libproc.proc_pidpath(pid, buffer, _PATH_SIZE)
    return buffer.raw[:size].decode("utf-8", "surrogateescape") if size > 0 else None
