"""Fixtures of the supervisor's tests."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from steelyard.machine import shared_memory
from tests.unit.supervisor.making import Made, make


@pytest_asyncio.fixture
async def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Made]:
    """A yard on a machine of 16 GiB, 12 of them available, guard 2, with 8 cores and no workers."""
    # What runs here need not end, and would leave its temporary folder in the system's place.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # Other programs of this machine leave what they like in the system's place.
    monkeypatch.setattr(shared_memory, "unused", partial(shared_memory.unused, folder=str(tmp_path / "shm")))
    found = make(tmp_path)
    yield found
    found.yard.database.close()
