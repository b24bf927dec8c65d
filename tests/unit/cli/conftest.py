"""What the tests of the command line share: a stand-in for the sidecar, and a way to call a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from steelyard.cli import app
from tests.fakes.sidecar import FakeSidecar


class Ended(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str


Steelyard = Callable[..., Ended]


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidecar that is gone here does not come back."""
    monkeypatch.setattr("steelyard.cli.session.PATIENCE", 0.1)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory that commands take without --data-dir."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("STEELYARD_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def sidecar(data_dir: Path) -> Iterator[FakeSidecar]:
    """A running stand-in."""
    with FakeSidecar(data_dir) as fake:
        yield fake


@pytest.fixture
def steelyard(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Steelyard:
    """steelyard("tasks", "--json") -> status, stdout, stderr."""

    def call(*arguments: str) -> Ended:
        status = app.main(list(arguments))
        return Ended(status, *capsys.readouterr())

    return call
