"""Runs PyInstaller on the one program: `serve`, `worker` and the command line in one folder.

`freeze.py` runs this file with the interpreter of `.venv`. What goes in is what Steelyard requires at run
time, whatever else that environment has: the tests' and the simulation's libraries stay outside.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BACKEND = ROOT / "backend"

DATA = (
    ("backend/steelyard/web/templates", "steelyard/web/templates"),
    ("backend/steelyard/web/static", "steelyard/web/static"),
    ("backend/steelyard/simulations", "steelyard/simulations"),
    ("backend/steelyard_task.py", "."),
    ("shared", "shared"),
    ("LICENSE", "."),
)
"""(path in the project, folder in the program) of what is read as a file and not imported."""

NOT_NEEDED = ("tkinter", "curses", "readline", "lib2to3", "pydoc", "unittest", "doctest", "test")
"""Modules of the standard library that something names and nobody calls. readline is GPL, too."""

UNUSED = frozenset({"pygments", "markdown-it-py"})
"""Distributions that rich requires for what we never ask of it: coloured code, Markdown."""


def main(place: Path) -> int:
    """Builds `place`/steelyard, from work files beside it."""
    data = list(_staged(place / "data"))
    ours = _run_time("steelyard", set(UNUSED)) - UNUSED
    options = [
        str(HERE / "entry.py"),
        "--name=steelyard",
        "--onedir",
        "--console",
        "--noconfirm",
        "--log-level=WARN",
        f"--distpath={place}",
        f"--workpath={place / 'work'}",
        f"--specpath={place}",
        f"--paths={BACKEND}",
        f"--runtime-hook={HERE / 'worker_first.py'}",
        # Text is UTF-8 in every locale, and what is written to a pipe is there at once.
        "--python-option=X utf8=1",
        "--python-option=u",
        # Commands are imported by their names in a table, which no analysis sees.
        "--collect-submodules=steelyard",
        # doctor and /api/system/ tell versions; the licences lie there, too.
        *(f"--copy-metadata={name}" for name in sorted(ours - {"steelyard"})),
        *(f"--exclude-module={name}" for name in (*NOT_NEEDED, *_foreign(ours))),
        *(f"--add-data={path}:{folder}" for path, folder in data),
    ]
    if sys.platform == "linux" and shutil.which("strip"):
        # Symbols that only a debugger reads: three quarters of libpython.
        options.append("--strip")
    return subprocess.run([sys.executable, "-m", "PyInstaller", *options], check=False).returncode


def _run_time(name: str, seen: set[str]) -> set[str]:
    """The distributions that `name` requires on this system, itself and theirs included, added to `seen`."""
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name not in seen:
        seen.add(name)
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                _run_time(requirement.name, seen)
    return seen


def _foreign(ours: set[str]) -> list[str]:
    """The top-level modules of this environment that belong to nothing of ours."""
    known = metadata.packages_distributions().items()
    names = {
        module: {re.sub(r"[-_.]+", "-", each).lower() for each in distributions}
        for module, distributions in known
    }
    return sorted(
        module for module, distributions in names.items()
        if not distributions & ours and module.isidentifier()
    )  # fmt: skip


def _staged(folder: Path) -> Iterator[tuple[Path, str]]:
    """The data, copied aside without what Python and the tools leave lying about."""
    leave = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    for number, (source, target) in enumerate(DATA):
        path = ROOT / source
        if path.is_dir():
            copy = folder / str(number)
            shutil.copytree(path, copy, ignore=leave)
            path = copy
        yield path, target


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
