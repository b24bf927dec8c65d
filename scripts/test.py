"""Installs what the tests need, then runs lint, types and all tests: `python3 scripts/test.py`.

`--fast` leaves out the folders that take long (browser, faults, desktop, frozen); `--newest` takes the newest
packages instead of the locked ones. Further arguments go to pytest. Lint that fails does not keep the tests
from running; the exit status is 0 only if everything passed, and pytest's closing line is the last one
printed. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

import desktop_runtime
import setup_steps
from setup_steps import ROOT, say

SLOW_FOLDERS = ("tests/browser", "tests/faults", "tests/desktop", "tests/frozen")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""Names under which a Chromium that Playwright can drive is found."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs everything; 0 only if all of it passed."""
    options, for_pytest = _parser().parse_known_args(arguments)
    try:
        setup_steps.set_up(setup_steps.TEST_EXTRAS, developer=True, newest=options.newest)
    except setup_steps.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    if not options.fast:
        _ensure_debian("Chromium", CHROMIUM, "chromium", "browser")
        _ensure_debian("Xvfb", ("Xvfb",), "xvfb", "desktop")
        _ensure_debian("CalculiX", ("ccx",), "calculix-ccx", "CalculiX")
        _ensure_debian("OpenMPI", ("mpirun",), "openmpi-bin", "OpenMPI")
        _ensure_debian("LAMMPS", ("lmp",), "lammps", "LAMMPS")
        _ensure_electron()
    failed = [name for name, command in _checks() if not _passes(name, command)]
    status, closing = _pytest([*(_leave_out() if options.fast else []), *for_pytest])
    if failed:
        say(f"\nFailed before the tests: {', '.join(failed)}.")
    say(closing)
    return 1 if failed or status != 0 else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="test.py",
        description="Runs lint, types and all tests. Arguments that are not listed here go to pytest.",
    )
    parser.add_argument("--fast", action="store_true", help="leave out browser, fault and packaging tests")
    parser.add_argument(
        "--newest",
        action="store_true",
        help="install the newest packages that pyproject.toml allows, not the locked ones",
    )
    return parser


def _ensure_debian(title: str, programs: Sequence[str], package: str, tests: str) -> None:
    """Installs Debian's package where its program is missing and can be had; else says what is skipped."""
    if any(shutil.which(name) for name in programs):
        return
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        why = "this system has no apt-get" if apt is None else "only root can install it"
        say(f"{title} is missing, and {why}: the {tests} tests will be skipped.")
        return
    say(f"{title}: installing with apt ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "-y", "--no-install-recommends", package]
    for command in ([apt, "update"], install):
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            say(f"{' '.join(command)} failed: the {tests} tests will be skipped.\n{done.stderr.strip()}")
            return
    say(f"{title}: installed.")


def _ensure_electron() -> None:
    """Fetches an Electron for the desktop tests; else says why they are skipped."""
    if desktop_runtime.find() is None:
        say("Electron for the desktop tests: fetching (110 MB) ...")
    try:
        desktop_runtime.ensure()
    except (desktop_runtime.RuntimeMissing, OSError) as error:
        say(f"There is no Electron, {error}: the desktop tests will be skipped.")


def _checks() -> list[tuple[str, list[str] | None]]:
    """Lint and types: the name of each and its command, None where its tool is missing."""
    python = str(setup_steps.venv_python())
    checks: list[tuple[str, list[str] | None]] = [
        ("ruff check", [python, "-m", "ruff", "check", "."]),
        ("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        ("mypy", [python, "-m", "mypy"]),
    ]
    if (ROOT / "biome.json").exists():
        checks.append(("biome", _node_tool("@biomejs/biome/bin/biome", "check", "--no-errors-on-unmatched")))
    if (ROOT / "tsconfig.json").exists():
        checks.append(("tsc", _node_tool("typescript/bin/tsc", "--noEmit")))
    return checks


def _node_tool(path: str, *arguments: str) -> list[str] | None:
    """The call of a tool that npm installed."""
    tool, node = ROOT / "node_modules" / path, shutil.which("node")
    return [node, str(tool), *arguments] if node is not None and tool.exists() else None


def _passes(name: str, command: Sequence[str] | None) -> bool:
    """Runs one check. One whose tool is missing is skipped, except under `.ci/run`."""
    say(f"\n--- {name}")
    if command is None:
        say("Skipped: Node.js, or what npm installs, is missing.")
        return os.environ.get("STEELYARD_CI") != "1"
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == 0


def _leave_out() -> list[str]:
    return [f"--ignore={ROOT / folder}" for folder in SLOW_FOLDERS]


def _pytest(arguments: Sequence[str]) -> tuple[int, str]:
    """Runs pytest and shows its output but for the closing line, which it returns with the exit status."""
    say("\n--- pytest")
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    # One file that cannot be read must not keep the others from running.
    options = ["--continue-on-collection-errors", *colour]
    if not arguments or all(argument.startswith("--ignore=") for argument in arguments):
        # Most tests wait for processes; more at a time than that only makes them wait for each other.
        options += ["-n", str(min(4, (os.cpu_count() or 1) + 1))]
    command = [str(setup_steps.venv_python()), "-m", "pytest", *options, *arguments]
    held_back: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip():
                for earlier in held_back:
                    say(earlier)
                held_back.clear()
            held_back.append(line.rstrip("\n"))
        status = process.wait()
    return status, held_back[0] if held_back else "pytest printed nothing."


if __name__ == "__main__":
    sys.exit(main())
