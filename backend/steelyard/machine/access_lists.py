"""Access lists of Windows: who besides its owner may enter a folder, and shutting them out.

private_files.py enters here. A list is read and written as SDDL, Windows' own text for it, so that what it
says is judged on every system.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_ALLOWS = re.compile(r"\((?:A|XA|OA);[^;]*;[^;]*;[^;]*;[^;]*;([^;)]+)")
"""An entry that allows something, and its last common field: whom."""
_NAMES = {"WD": "Everyone", "BU": "Users", "AU": "Authenticated Users", "IU": "Interactive", "BG": "Guests"}
_ALWAYS = frozenset({"CO", "OW"})
"""Creator and owner of what lies in the folder: whoever may put something there has an entry of his own."""


def wanted(sid: str) -> str:
    """The list of a private folder: its owner, the system and administrators, and nothing from above."""
    return "D:P" + "".join(f"(A;OICI;FA;;;{who})" for who in ("SY", "BA", sid))


def others(found: str, allowed: str) -> list[str]:
    """Who has an entry in one list and none in the other, by name or SID; Everyone where there is no list."""
    if "D:" not in found or "NO_ACCESS_CONTROL" in found:
        return [_NAMES["WD"]]
    strangers = _trustees(found) - _trustees(allowed) - _ALWAYS
    return sorted(_NAMES.get(each, each) for each in strangers)


def _trustees(text: str) -> set[str]:
    return set(_ALLOWS.findall(text.partition("D:")[2]))


if sys.platform == "win32":
    import contextlib
    import ctypes
    from collections.abc import Iterator
    from ctypes import wintypes
    from functools import cache

    _FILE, _LIST, _NOT_INHERITED = 1, 0x4, 0x80000000  # SE_FILE_OBJECT, (PROTECTED_)DACL_SECURITY_INFORMATION
    _QUERY, _USER, _REVISION = 0x8, 1, 1
    _KEEPS_LISTS = 0x8  # FILE_PERSISTENT_ACLS

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
    _pointer = ctypes.POINTER(ctypes.c_void_p)
    _kernel32.LocalFree.argtypes = (ctypes.c_void_p,)
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
    _kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    _kernel32.GetVolumePathNameW.argtypes = (wintypes.LPCWSTR, wintypes.LPWSTR, wintypes.DWORD)
    _kernel32.GetVolumeInformationW.argtypes = (
        wintypes.LPCWSTR,
        wintypes.LPWSTR,
        wintypes.DWORD,
        *[wintypes.LPDWORD] * 3,
        wintypes.LPWSTR,
        wintypes.DWORD,
    )
    _advapi32.OpenProcessToken.argtypes = (
        wintypes.HANDLE,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.HANDLE),
    )
    _advapi32.GetTokenInformation.argtypes = (
        wintypes.HANDLE,
        ctypes.c_int,
        ctypes.c_void_p,
        wintypes.DWORD,
        wintypes.LPDWORD,
    )
    _advapi32.ConvertSidToStringSidW.argtypes = (ctypes.c_void_p, _pointer)
    _advapi32.GetNamedSecurityInfoW.argtypes = (
        wintypes.LPCWSTR,
        ctypes.c_int,
        wintypes.DWORD,
        *[_pointer] * 5,
    )
    _advapi32.GetNamedSecurityInfoW.restype = wintypes.DWORD
    _advapi32.SetNamedSecurityInfoW.argtypes = (
        wintypes.LPCWSTR,
        ctypes.c_int,
        wintypes.DWORD,
        *[ctypes.c_void_p] * 4,
    )
    _advapi32.SetNamedSecurityInfoW.restype = wintypes.DWORD
    _advapi32.GetSecurityDescriptorDacl.argtypes = (
        ctypes.c_void_p,
        wintypes.LPBOOL,
        _pointer,
        wintypes.LPBOOL,
    )
    _advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW.argtypes = (
        ctypes.c_void_p,
        wintypes.DWORD,
        wintypes.DWORD,
        _pointer,
        ctypes.c_void_p,
    )
    _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = (
        wintypes.LPCWSTR,
        wintypes.DWORD,
        _pointer,
        ctypes.c_void_p,
    )

    def others_in(path: Path) -> list[str]:
        """Who besides its owner may enter the folder. OSError."""
        with _freed() as descriptor:
            code = _advapi32.GetNamedSecurityInfoW(
                str(path), _FILE, _LIST, None, None, None, None, ctypes.byref(descriptor)
            )
            if code:
                raise _error(code, path)
            return others(_text(descriptor), _allowed())

    def keep_others_out(path: Path) -> None:
        """Take all rights but those of a private folder off it and off what lies in it. OSError.

        Does nothing on a disk that keeps no access lists (FAT).
        """
        if not _keeps_lists(path):
            return
        with _freed() as descriptor:
            _descriptor(wanted(_own_sid()), descriptor)
            entries, there, by_default = ctypes.c_void_p(), wintypes.BOOL(), wintypes.BOOL()
            _advapi32.GetSecurityDescriptorDacl(
                descriptor, ctypes.byref(there), ctypes.byref(entries), ctypes.byref(by_default)
            )
            code = _advapi32.SetNamedSecurityInfoW(
                str(path), _FILE, _LIST | _NOT_INHERITED, None, None, entries, None
            )
            if code:
                raise _error(code, path)

    @cache
    def _allowed() -> str:
        """The wanted list in Windows' own words: some SIDs have a short form there."""
        with _freed() as descriptor:
            _descriptor(wanted(_own_sid()), descriptor)
            return _text(descriptor)

    @cache
    def _own_sid() -> str:
        """The user of this process: a name may not be known (a service, a domain that is out of reach)."""
        token, size = wintypes.HANDLE(), wintypes.DWORD()
        _check(_advapi32.OpenProcessToken(_kernel32.GetCurrentProcess(), _QUERY, ctypes.byref(token)))
        try:
            # TOKEN_USER: a pointer to the SID, attributes, then the SID itself (at most 68 bytes).
            buffer = (ctypes.c_void_p * 32)()
            _check(
                _advapi32.GetTokenInformation(token, _USER, buffer, ctypes.sizeof(buffer), ctypes.byref(size))
            )
            with _freed() as text:
                _check(_advapi32.ConvertSidToStringSidW(buffer[0], ctypes.byref(text)))
                return ctypes.wstring_at(text.value or 0)
        finally:
            _kernel32.CloseHandle(token)

    def _keeps_lists(path: Path) -> bool:
        root, flags = ctypes.create_unicode_buffer(32768), wintypes.DWORD()
        if not _kernel32.GetVolumePathNameW(str(path), root, len(root)):
            return True
        told = _kernel32.GetVolumeInformationW(root, None, 0, None, None, ctypes.byref(flags), None, 0)
        return not told or bool(flags.value & _KEEPS_LISTS)

    def _descriptor(text: str, into: ctypes.c_void_p) -> None:
        convert = _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW
        _check(convert(text, _REVISION, ctypes.byref(into), None))

    def _text(descriptor: ctypes.c_void_p) -> str:
        convert = _advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW
        with _freed() as text:
            _check(convert(descriptor, _REVISION, _LIST, ctypes.byref(text), None))
            return ctypes.wstring_at(text.value or 0)

    @contextlib.contextmanager
    def _freed() -> Iterator[ctypes.c_void_p]:
        """A pointer that Windows fills, with memory that is given back."""
        pointer = ctypes.c_void_p()
        try:
            yield pointer
        finally:
            _kernel32.LocalFree(pointer)

    def _check(done: int) -> None:
        if not done:
            raise ctypes.WinError(ctypes.get_last_error())

    def _error(code: int, path: Path) -> OSError:
        return OSError(0, ctypes.FormatError(code), str(path), code)
