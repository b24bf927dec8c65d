"""Fixtures of the desktop tests: a virtual screen, an Electron, and the program on it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import desktop_runtime
import linux_packages
import package
from tests.desktop.hostile import Elsewhere, elsewhere
from tests.desktop.inspector import Page
from tests.desktop.program import ROOT, Desktop, virtual_screen

Launch = Callable[..., Desktop]

PICTURES = ROOT / "docs" / "screenshots"
LARGEST_PICTURE = 150_000
BARE_PATH = "/nowhere"
"""No Python, no Node.js, nothing."""


def keep_picture(page: Page, name: str) -> None:
    """Keep what the window shows for docs/."""
    path = PICTURES / f"desktop-{name}.png"
    page.picture(path)
    assert path.stat().st_size < LARGEST_PICTURE


@pytest.fixture(scope="session")
def node() -> Path:
    """Node.js."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node.js on this machine")
    return Path(found)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual screen of our own."""
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        pytest.skip("there is no Xvfb on this machine")
    with virtual_screen(xvfb) as number:
        yield number


@pytest.fixture(scope="session")
def electron() -> Path:
    """The program of an Electron."""
    found = desktop_runtime.find()
    if found is None:
        pytest.skip("there is no Electron on this machine: python3 scripts/desktop_runtime.py")
    if not (ROOT / "node_modules" / "ws").exists():
        pytest.skip("the packages of npm are not installed: npm ci --ignore-scripts")
    return found / "electron"


@pytest.fixture(scope="session")
def packaged(electron: Path) -> Path:
    """The program of `scripts/package.py --dir`; made once for all tests."""
    try:
        package.build()
    except package.PackageError as error:
        pytest.fail(str(error))
    return package.PROGRAM


@contextlib.contextmanager
def starts(display: str, folder: Path, output: str) -> Iterator[Launch]:
    """A function that starts a program. At the end all of its processes are gone, or the test has failed."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    started: list[Desktop] = []
    with contextlib.ExitStack() as stack:

        def start(command: list[str], data: Path | None, **options: Any) -> Desktop:
            file = folder / f"{output}-{len(started)}.txt"
            one = Desktop([*command, *root], data or folder / "data", display, file, **options)
            started.append(stack.enter_context(one))
            return one

        yield start
    for one in started:
        assert one.stragglers == []


@pytest.fixture
def launch(electron: Path, display: str, tmp_path: Path) -> Iterator[Launch]:
    """launch() starts the program from source on the test's data directory.

    launch(STEELYARD_SIDECAR=...) does with another sidecar, launch(timings=...) with other limits.
    """
    with starts(display, tmp_path, "electron") as start:
        yield lambda data=None, **options: start([str(electron), str(ROOT)], data, **options)


@pytest.fixture
def launch_package(packaged: Path, display: str, tmp_path: Path) -> Iterator[Launch]:
    """launch_package() starts the packaged program with nothing on the PATH.

    Its fuses let nobody look into main (no run(), no menu()); what its window shows can be seen, and its log.
    launch_package(sidecar=...) starts a copy with that file in the sidecar's place, program=... another one.
    """
    with starts(display, tmp_path, "package") as start:

        def begin(
            data: Path | None = None,
            *,
            program: Path | None = None,
            sidecar: Path | None = None,
            **env: str,
        ) -> Desktop:
            chosen = program or (packaged if sidecar is None else with_sidecar(tmp_path / "package", sidecar))
            return start([str(chosen)], data, **{"PATH": BARE_PATH, **env})

        yield begin


def with_sidecar(copy: Path, sidecar: Path) -> Path:
    """The packaged program once more, of hard links, with another sidecar; without one if that is no file."""
    shutil.copytree(package.LINUX, copy, symlinks=True, copy_function=linux_packages.link)
    place = copy / "resources" / "sidecar" / "steelyard"
    place.unlink()
    if sidecar.exists():
        shutil.copy2(sidecar, place)
    return copy / package.PROGRAM.name


@pytest.fixture
def evil() -> Iterator[Elsewhere]:
    """Where a hostile page would like to send things."""
    with elsewhere() as server:
        yield server
