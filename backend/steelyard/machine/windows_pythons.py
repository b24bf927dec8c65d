"""The Pythons of a Windows computer: on the PATH, in the registry (PEP 514), from the Microsoft Store.

interpreters.py enters here. Only the registry is Windows' own, so that the choice is tested on every system.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import chain

from steelyard.machine.windows_programs import find, folders

_ALIASES = "windowsapps"
"""The folder of empty files by which Windows starts what the Store installed, or offers to install it."""
_OF_THE_STORE = "PythonSoftwareFoundation.Python.3."
_KEY = r"Software\Python\PythonCore"


def first(path: str) -> str | None:
    """The python.exe that a simulation runs in: the first on the PATH, else the newest that is registered,
    else the Store's. None if Python 3 is not installed.

    python3.exe comes last: python.org installs none, and the one that is there offers the Store.
    """
    return choose(path, _registered())


def choose(path: str, registered: Iterable[tuple[str, str]]) -> str | None:
    """first(), with what is registered: version ("3.12", "3.12-32") and file of each Python."""
    real = [folder for folder in folders(path) if not _has_aliases(folder)]
    on_path = (_program(folder, name) for name in ("python", "python3") for folder in real)
    newest = (file for _, file in sorted(registered, key=lambda each: _order(each[0]), reverse=True))
    of_the_store = (file for folder in folders(path) if _has_aliases(folder) for file in _from_store(folder))
    files = chain(on_path, newest, of_the_store)
    return next((file for file in files if file is not None and os.path.lexists(file)), None)


def _program(folder: str, name: str) -> str | None:
    return find(os.path.join(folder, name), folder, {"PATHEXT": ".exe"})


def _has_aliases(folder: str) -> bool:
    return os.path.basename(folder.rstrip("\\/")).lower() == _ALIASES


def _from_store(aliases: str) -> Iterator[str]:
    """Each installed one has a folder of its own below the aliases; the stub that offers them has none."""
    with contextlib.suppress(OSError):
        found = [name for name in os.listdir(aliases) if name.startswith(_OF_THE_STORE)]
        for name in sorted(found, key=lambda name: _order(name.partition("Python.")[2]), reverse=True):
            yield os.path.join(aliases, name, "python.exe")


def _order(version: str) -> tuple[int, int]:
    """Of versions: 3.9 before 3.12, and Python 2 is none."""
    found = re.match(r"3\.(\d+)", version)
    return (1, int(found[1])) if found else (0, 0)


if sys.platform == "win32":
    import winreg

    def _registered() -> Iterator[tuple[str, str]]:
        """Version and file of each that python.org's installer has registered, the user's own first."""
        for hive in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
            with contextlib.suppress(OSError), winreg.OpenKey(hive, _KEY) as core:
                for number in range(winreg.QueryInfoKey(core)[0]):
                    version = winreg.EnumKey(core, number)
                    file = _executable(core, version)
                    if file is not None:
                        yield version, file

    def _executable(core: winreg.HKEYType, version: str) -> str | None:
        try:
            with winreg.OpenKey(core, rf"{version}\InstallPath") as place:
                return str(winreg.QueryValueEx(place, "ExecutablePath")[0])
        except OSError:
            return None

else:

    def _registered() -> Iterator[tuple[str, str]]:
        """None: there is no registry."""
        return iter(())
