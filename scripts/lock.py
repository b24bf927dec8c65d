"""Writes the locks that set-up installs from: `python3 scripts/lock.py`, with `--upgrade` for the newest.

One file for the program (`scripts/locks/base.txt`) and one for each extra, each complete: every package
with its exact version and the digests of its files, for every system and Python that we support. All files
agree with each other. A lock names no registry: pip takes the packages from wherever it is set up to.

uv resolves; it is fetched for this call and not kept. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "scripts" / "locks"
BASE = "base"
"""The lock of what the program itself needs, and of what builds it."""

UV = "uv>=0.9,<1"


class LockError(Exception):
    """A step that failed. The message is for a person."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes all locks; 0 once they are there."""
    options = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="steelyard-lock-") as folder:
            write_locks(fetch_uv(Path(folder)), Path(folder), upgrade=options.upgrade)
    except LockError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Wrote {LOCKS.relative_to(ROOT).as_posix()}/: {', '.join(names())}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lock.py",
        description="Locks the Python packages that Steelyard and its extras need, with their digests.",
    )
    parser.add_argument(
        "--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows"
    )
    return parser


def path_of(name: str) -> Path:
    """Where the lock of an extra, or BASE, lies."""
    return LOCKS / f"{name}.txt"


def names() -> list[str]:
    """BASE and the extras of pyproject.toml, in their order there."""
    return [BASE, *_pyproject()["project"]["optional-dependencies"]]


def digest() -> str:
    """Changes with what is asked for: a lock that carries another digest is out of date."""
    declared = _pyproject()
    project = declared["project"]
    asked = [
        project["requires-python"],
        project["dependencies"],
        project["optional-dependencies"],
        declared["build-system"]["requires"],
    ]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def fetch_uv(folder: Path) -> Path:
    """Installs uv into folder and returns its program. LockError."""
    environment = folder / "uv"
    _run(
        [sys.executable, "-m", "venv", str(environment)], "The virtual environment for uv could not be made."
    )
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    _run([str(scripts / "python"), "-m", "pip", "install", "--quiet", UV], "uv could not be installed.")
    return scripts / "uv"


def write_locks(uv: Path, folder: Path, *, upgrade: bool) -> None:
    """Resolves everything at once, then writes a lock for each extra out of that. LockError."""
    build = folder / "build.in"
    build.write_text("\n".join(_pyproject()["build-system"]["requires"]) + "\n", encoding="utf-8")
    everything = folder / "everything.txt"
    if not upgrade:
        # uv keeps the versions that it finds in the file which it is about to write.
        kept = [path_of(name).read_text(encoding="utf-8") for name in names() if path_of(name).exists()]
        everything.write_text("\n".join(kept), encoding="utf-8")
    _compile(uv, everything, [str(build), "--all-extras"], "The packages could not be resolved.")
    LOCKS.mkdir(exist_ok=True)
    for name in names():
        new = folder / f"{name}.txt"
        extra = [str(build)] if name == BASE else ["--extra", name]
        _compile(uv, new, [*extra, "--constraints", str(everything)], f"{name} could not be resolved.")
        lines = new.read_text(encoding="utf-8")
        heading = (
            f"# Made by `python3 scripts/lock.py` from pyproject.toml, digest {digest()}. Do not edit.\n"
        )
        path_of(name).write_text(heading + lines, encoding="utf-8")


def _compile(uv: Path, to: Path, arguments: Sequence[str], failed: str) -> None:
    oldest = _pyproject()["project"]["requires-python"].removeprefix(">=")
    command = [
        str(uv), "pip", "compile", str(ROOT / "pyproject.toml"), "--output-file", str(to), "--universal",
        "--python-version", oldest, "--generate-hashes", "--no-header", "--no-annotate", "--quiet",
    ]  # fmt: skip
    _run([*command, *arguments], failed, {**os.environ, **_index_of_pip()})


def _index_of_pip() -> dict[str, str]:
    """uv's variable for the package index that pip is set up with, where it is another than the usual one."""
    for key in ("global.index-url", "install.index-url", ":env:.index-url"):
        command = [sys.executable, "-m", "pip", "config", "get", key]
        found = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if found.returncode == 0 and found.stdout.strip():
            return {"UV_DEFAULT_INDEX": found.stdout.strip()}
    return {}


def _run(command: Sequence[str], failed: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise LockError(f"{(done.stdout + done.stderr).strip()}\n{failed}")


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
