"""Fixtures of the desktop tests: a virtual screen, an Electron, and the program on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import desktop_runtime
from tests.desktop.inspector import Page
from tests.desktop.program import ROOT, Desktop, virtual_screen

Launch = Callable[..., Desktop]

PICTURES = ROOT / "docs" / "screenshots"
LARGEST_PICTURE = 150_000

FAKE = """#!{python} -u
# A stand-in for the sidecar.
import hashlib, hmac, json, os, sys, time
hello = json.loads(sys.stdin.readline())

def say(**event):
    print(json.dumps(event), flush=True)

def proof(port):
    text = f"{{hello['nonce']}}{{hello['instance']}}{{port}}".encode()
    return hmac.new(bytes.fromhex(hello["token"]), text, hashlib.sha256).hexdigest()

{body}
"""


def fake_sidecar(folder: Path, body: str) -> str:
    """The path of a Python program for the sidecar's place; it has `hello`, `say(...)`, `proof(port)`."""
    path = folder / "fake-sidecar"
    path.write_text(FAKE.format(python=sys.executable, body=textwrap.dedent(body)), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


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


@pytest.fixture
def launch(electron: Path, display: str, tmp_path: Path) -> Iterator[Launch]:
    """launch() starts the program on the test's data directory; launch(STEELYARD_SIDECAR=...) with that one.

    At the end of the test all of its processes are gone, and a test that left some has failed.
    """
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    started: list[Desktop] = []
    with contextlib.ExitStack() as stack:

        def start(data: Path | None = None, **options: Any) -> Desktop:
            command = [str(electron), str(ROOT), *root]
            output = tmp_path / f"electron-{len(started)}.txt"
            one = Desktop(command, data or tmp_path / "data", display, output, **options)
            started.append(stack.enter_context(one))
            return one

        yield start
    for one in started:
        assert one.stragglers == []
