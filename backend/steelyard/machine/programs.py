"""How our own program is run again as a worker, what of our environment a foreign program may see, and its
start.

The supervisor and the worker enter here.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

if sys.platform == "win32":
    from steelyard.machine import windows_programs

_BACKEND = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_TRIES, _PAUSE = 5, 0.05
_ORIGINAL = "_ORIG"
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "LIBPATH")
# They point a Python at *our* standard library or at our start-up; in a user's interpreter that ends badly.
_OURS = frozenset({"PYTHONHOME", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "__PYVENV_LAUNCHER__", "_MEIPASS2"})


def is_frozen() -> bool:
    """Whether this is the program that PyInstaller built."""
    return bool(getattr(sys, "frozen", False))


def worker_command() -> list[str]:
    """The argv that starts a worker's agent.

    Unfrozen it runs a file, isolated (-I) and without site (-S), so that neither the user's environment nor
    installed packages slow its start or change what it imports.
    """
    if is_frozen():
        return [sys.executable, "worker"]
    main = os.path.join(_BACKEND, "steelyard", "worker", "__main__.py")
    return [sys.executable, "-I", "-S", "-X", "utf8", main]


def external_environment(environ: dict[str, str]) -> dict[str, str]:
    """The environment for a program that is not ours, without what PyInstaller and Python's launchers put
    into it.

    The frozen program's loader points the dynamic linker at our libraries and keeps the old value as X_ORIG:
    the old value comes back, and where there was none the variable goes.
    """
    cleaned = {
        name: value
        for name, value in environ.items()
        if name not in _OURS and not name.startswith(("_PYI_", "_PYIBoot"))
    }
    for name in _LIBRARY_PATHS:
        original = cleaned.pop(name + _ORIGINAL, None)
        if original is not None:
            cleaned[name] = original
        elif is_frozen():
            cleaned.pop(name, None)
    return cleaned


def start(argv: list[str], *, cwd: str, env: dict[str, str], **options: object) -> subprocess.Popen[bytes]:
    """subprocess.Popen, which gives a system that is short of processes or memory for a moment another
    chance.

    The program is looked for as env and cwd say, on Windows too. Raises what Popen raises, and ValueError
    for a batch file that would take an argument for a command.
    """
    if sys.platform == "win32":
        argv = windows_programs.command(argv, cwd, env)
    for left in reversed(range(_TRIES)):
        try:
            return subprocess.Popen(argv, cwd=cwd, env=env, **options)  # type: ignore[call-overload,no-any-return]
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOMEM) or left == 0:
                raise
            time.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")
