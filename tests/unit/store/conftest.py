"""An open database, closed again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.store.database import Database
from tests.fakes.clocks import FakeClocks
from tests.unit.store.making import opened


@pytest.fixture
def clocks() -> FakeClocks:
    """Clocks that stand still."""
    return FakeClocks()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database of this test lies."""
    return tmp_path / "steelyard.db"


@pytest.fixture
def database(path: Path, clocks: FakeClocks) -> Iterator[Database]:
    """An empty database."""
    database = opened(path, clocks)
    yield database
    database.close()
