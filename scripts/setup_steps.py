"""What a fresh machine needs before Steelyard runs: the environment, the packages, the web assets.

`start.py` and `test.py` call this before anything is installed, so only the standard library is imported
here, on Linux, macOS and Windows alike. Each step leaves a note of what it was done for in
`.venv/steelyard-setup.json`; a step whose note still fits is skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import assets

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "steelyard-setup.json"
LOG = VENV / "steelyard-setup.log"
OLDEST_NODE = 20

RUN_EXTRAS = ("steel-pathway",)
"""The extras that `start.py` installs: what the bundled simulation computes with."""

TEST_EXTRAS = ("dev", "steel-pathway")
"""The extras that `test.py` installs."""

FREEZE_EXTRAS = ("freeze",)
"""The extras that `freeze.py` installs: what makes a program of Steelyard that needs no Python."""


class SetupError(Exception):
    """A step that failed. The message is for a person: what, and what to do about it."""


def say(text: str) -> None:
    """Prints one line at once, also into a pipe."""
    print(text, flush=True)


def venv_python() -> Path:
    """The interpreter of the virtual environment, whether it exists or not."""
    return VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"


def set_up(extras: Sequence[str], *, developer: bool = False, newest: bool = False) -> None:
    """Makes the environment, installs the packages with `extras`, builds the web assets; skips what is done.

    The packages are those of scripts/locks/, to the digest; with `newest`, the newest that pyproject.toml
    allows, and the next call without it puts the locked ones back. `developer` also installs the Node tools
    that lint and check the desktop program.
    Raises SetupError where the program could not run. Without Node it goes on, and says what is then missing.
    """
    stamp = _read_stamp()
    if not newest and _python_is_done(stamp, extras):
        say("Python packages: done before.")
    else:
        _install_python(stamp, extras, newest=newest)
    _build_assets(stamp, developer=developer)


# --- Python ---------------------------------------------------------------------------------------------


def _python_digest() -> str:
    """Changes when packages must be installed anew: other locks, another Python, another place."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _digest([ROOT / "pyproject.toml", *sorted(_lock("*"))], version, str(ROOT))


def _lock(name: str) -> list[Path]:
    """The lock of an extra, as scripts/lock.py writes it; of all for `*`."""
    return list((ROOT / "scripts" / "locks").glob(f"{name}.txt"))


def _python_is_done(stamp: dict[str, object], extras: Sequence[str]) -> bool:
    installed = stamp.get("extras")
    return (
        stamp.get("python") == _python_digest()
        and isinstance(installed, list)
        and set(extras) <= set(installed)
        and venv_python().exists()
    )


def _install_python(stamp: dict[str, object], extras: Sequence[str], *, newest: bool) -> None:
    before = stamp.get("extras")
    wanted = sorted({*extras, *(before if isinstance(before, list) else [])})
    if not _runs(venv_python()):
        _make_venv()
    say("Python packages: installing (a minute or two the first time) ...")
    began = time.monotonic()
    stamp.pop("python", None)
    _write_stamp(stamp)
    pip = [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    for arguments in _newest(wanted) if newest else _locked(wanted):
        _run_logged(
            [*pip, *arguments],
            failed="pip could not install the packages. Is there a network, and a package index in reach?",
        )
    say(f"Python packages: installed in {time.monotonic() - began:.0f} s.")
    stamp.update(python=None if newest else _python_digest(), extras=wanted)
    _write_stamp(stamp)


def _locked(extras: Sequence[str]) -> Iterator[list[str]]:
    """pip's arguments, a call each: the packages as they are locked, then ourselves, built with those."""
    locks = [path for name in ("base", *extras) for path in _lock(name)]
    yield ["--require-hashes", *(word for path in locks for word in ("--requirement", str(path)))]
    yield ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]


def _newest(extras: Sequence[str]) -> Iterator[list[str]]:
    """pip's arguments: whatever is the newest today."""
    yield ["--upgrade", "--upgrade-strategy", "eager", "--editable", f"{ROOT}[{','.join(extras)}]"]


def _make_venv() -> None:
    say(f"Virtual environment: making {VENV} ...")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        hint = ""
        if "ensurepip" in done.stdout + done.stderr:
            hint = "\nOn Debian and Ubuntu the missing part is a package: apt install python3-venv"
        raise SetupError(
            f"The virtual environment could not be made.\n{(done.stdout + done.stderr).strip()}{hint}"
        )


def _runs(python: Path) -> bool:
    """Whether this interpreter starts and has pip: false for a half-made or moved environment."""
    try:
        command = [str(python), "-c", "import pip"]
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


# --- Web assets -----------------------------------------------------------------------------------------


def _assets_digest() -> str:
    sources = [ROOT / "package.json", ROOT / "package-lock.json", ROOT / "scripts" / "assets.py"]
    return _digest(sources, str(ROOT))


def _build_assets(stamp: dict[str, object], *, developer: bool) -> None:
    had_tools = stamp.get("node_tools") is True
    if stamp.get("assets") == _assets_digest() and (had_tools or not developer) and assets.complete():
        say("Web assets: done before.")
        return
    npm = _find_npm()
    if npm is None:
        return
    developer = developer or had_tools  # as with the extras: nothing is taken away
    say("Web assets: installing from npm ...")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        _run_logged(command if developer else [*command, "--omit=dev"], failed="npm could not install.")
        assets.copy()
    except (SetupError, assets.AssetsError) as error:
        say(str(error))
        _say_what_pages_lack("The web assets could not be installed")
        return
    stamp.update(assets=_assets_digest(), node_tools=developer)
    _write_stamp(stamp)
    say(f"Web assets: copied to {assets.VENDOR.relative_to(ROOT)}.")


def _find_npm() -> str | None:
    """The npm to call, or None (and then it has said why)."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _say_what_pages_lack("Node.js is not installed")
        return None
    answer = subprocess.run(
        [node, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    major = answer.stdout.strip().removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_NODE:
        found = answer.stdout.strip() or "an unknown version"
        _say_what_pages_lack(f"Node.js {OLDEST_NODE} or later is needed and {found} was found")
        return None
    return npm


def _say_what_pages_lack(reason: str) -> None:
    if assets.complete():
        say(f"{reason}: the pages keep the assets of an earlier set-up.")
        return
    say(
        f"{reason}: the program runs, and so do the command line and the API, but its pages lack\n"
        "  - their looks (Tabler): plain, unstyled HTML,\n"
        "  - live updates (htmx, Idiomorph): reload the page to see changes,\n"
        "  - charts over time (uPlot).\n"
        f"Install Node.js {OLDEST_NODE} or later and start again to add them."
    )


# --- Shared ---------------------------------------------------------------------------------------------


def _digest(files: Sequence[Path], *words: str) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() if file.exists() else b"")
        digest.update(b"\0")
    for word in words:
        digest.update(word.encode() + b"\0")
    return digest.hexdigest()


def _run_logged(command: Sequence[str], *, failed: str) -> None:
    """Runs a step in the project's folder; its output goes to a log, of which a failure shows the end."""
    with LOG.open("a+", encoding="utf-8", errors="replace") as log:
        log.seek(0, os.SEEK_END)
        start = log.tell()
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        status = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
        if status == 0:
            return
        log.seek(start)
        tail = "".join(log.readlines()[-20:])
    raise SetupError(f"{tail}\n{failed} The whole output: {LOG}")


def _read_stamp() -> dict[str, object]:
    """What was done. A stamp that cannot be read means that nothing is known to be done."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(stamp: dict[str, object]) -> None:
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    fresh.replace(STAMP)
