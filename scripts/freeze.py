"""Makes a program of Steelyard that needs no Python: `python3 scripts/freeze.py`.

Installs PyInstaller into `.venv` where it is missing, builds `build/frozen/steelyard/` (the program
`steelyard` and its libraries: copy or move the folder as a whole), and leaves it alone while nothing that it
is made of has changed. Standard library only; what goes in is told in frozen/build.py.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import setup_steps
from setup_steps import ROOT, say

if sys.platform != "win32":
    import fcntl

PLACE = ROOT / "build" / "frozen"
PROGRAM = PLACE / "steelyard" / ("steelyard.exe" if os.name == "nt" else "steelyard")
STAMP = PLACE / "stamp.json"
LOG = PLACE / "build.log"
SOURCES = ("backend", "shared", "scripts/frozen", "scripts/freeze.py", "pyproject.toml", "LICENSE")

NO_PYINSTALLER, FAILED = 3, 1
"""Exit status: PyInstaller cannot be installed here; the build failed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds the program unless it is as new as its sources; prints where it is and how large."""
    options = _parser().parse_args(arguments)
    with _alone():
        return _freeze(force=options.force)


def _freeze(*, force: bool) -> int:
    try:
        setup_steps.set_up(setup_steps.FREEZE_EXTRAS)
    except setup_steps.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return NO_PYINSTALLER
    digest = _digest()
    if not force and _is_done(digest):
        say(f"Frozen program: built before, {PROGRAM} ({_size(PROGRAM.parent) / 1e6:.0f} MB).")
        return 0
    say("Frozen program: building (about 20 s) ...")
    began = time.monotonic()
    if not _build():
        print(f"PyInstaller could not build the program. The whole output: {LOG}", file=sys.stderr)
        return FAILED
    STAMP.write_text(json.dumps({"digest": digest}), encoding="utf-8")
    took = time.monotonic() - began
    say(f"Frozen program: {PROGRAM} ({_size(PROGRAM.parent) / 1e6:.0f} MB), built in {took:.0f} s.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="freeze.py",
        description="Builds build/frozen/steelyard/: Steelyard as a program that needs no Python.",
    )
    parser.add_argument("--force", action="store_true", help="build anew although nothing has changed")
    return parser


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One at a time: whoever comes second finds it built, and nothing is swapped while it is read."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build() -> bool:
    """Builds in a folder beside the old program and then puts the new one in its place."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE, prefix="new-") as name:
        command = [str(setup_steps.venv_python()), str(ROOT / "scripts" / "frozen" / "build.py"), name]
        # PyInstaller's cache, which it would put into the home directory.
        environment = {**os.environ, "PYINSTALLER_CONFIG_DIR": str(PLACE / "cache")}
        with LOG.open("w", encoding="utf-8") as log:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            print("".join(LOG.read_text(encoding="utf-8").splitlines(keepends=True)[-20:]), file=sys.stderr)
            return False
        STAMP.unlink(missing_ok=True)
        old = Path(name) / "old"
        if PROGRAM.parent.exists():
            PROGRAM.parent.rename(old)
        (Path(name) / "steelyard").rename(PROGRAM.parent)
    return True


def _is_done(digest: str) -> bool:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stamp, dict) and stamp.get("digest") == digest and PROGRAM.exists()


def _digest() -> str:
    """Changes with every file that goes in, every installed version, this Python and this system."""
    digest = hashlib.sha256(f"{sys.platform} {sys.version}".encode())
    installed = (path.name for path in setup_steps.VENV.glob("**/site-packages/*.dist-info"))
    for name in sorted(installed):
        digest.update(name.encode() + b"\0")
    for path in _files():
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    for source in SOURCES:
        path = ROOT / source
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        for each in found:
            parts = each.relative_to(ROOT).parts
            left_over = any(part == "__pycache__" or part.startswith(".") for part in parts)
            if each.is_file() and not left_over:
                yield each


def _size(folder: Path) -> int:
    """Bytes of all files, a link counted as the link that it is."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


if __name__ == "__main__":
    sys.exit(main())
