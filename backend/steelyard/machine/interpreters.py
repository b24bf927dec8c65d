"""Which Python runs a simulation that names none, and what that Python has.

Apart from programs.py, which a worker loads at every start.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable

from steelyard.machine.programs import external_environment, is_frozen

if sys.platform == "win32":
    from steelyard.machine import windows_pythons

_PATIENCE = 20.0
"""Seconds; an interpreter on a network drive is slow, one that asks a question never ends."""

# For any Python 3: it may be one that nobody of ours has seen.
_VERSIONS = """
import json, sys
try:
    from importlib import metadata
except ImportError:
    metadata = None
def version(name):
    try:
        __import__("importlib.util")
        if sys.modules["importlib.util"].find_spec(name) is None:
            return None
        return metadata.version(name) if metadata else ""
    except Exception:
        return None
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def default_python(stated: str | None, path: str | None = None) -> str | None:
    """The stated one (an absolute path, or a name on the PATH), else our own; frozen there is none of ours,
    so the first python3 or python on the PATH, on Windows one that is installed. None where there is none.
    path: in place of our own PATH.
    """
    if stated is not None:
        return shutil.which(stated, path=path)
    if not is_frozen():
        return sys.executable
    if sys.platform == "win32":
        return windows_pythons.first(os.environ.get("PATH", "") if path is None else path)
    return shutil.which("python3", path=path) or shutil.which("python", path=path)


def behind(python: str, folder: str) -> str:
    """The interpreter that a launcher starts in a folder (pyenv, asdf and mise choose by what lies there);
    python itself where it does not say.
    """
    try:
        done = subprocess.run(
            [python, "-c", "import sys; print(sys.executable)"],
            cwd=folder,
            env=external_environment(dict(os.environ)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        found = os.fsdecode(done.stdout).strip()
    except (OSError, subprocess.SubprocessError):
        return python
    return found if os.path.isfile(found) else python


def versions_in(python: str, names: Iterable[str]) -> dict[str, str | None]:
    """The version of each library in that Python, None where it lacks one. OSError if it is no Python 3 that
    runs.
    """
    try:
        done = subprocess.run(
            [python, "-c", _VERSIONS, *names],
            env=external_environment(dict(os.environ)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        found: dict[str, str | None] = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        raise OSError(f"{python} is no Python 3 that runs: exit code {error.returncode}") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{python} did not answer within {_PATIENCE:.0f} s") from error
    except ValueError as error:
        raise OSError(f"{python} is no Python 3: it answered something else") from error
    return found
