"""Fixtures of the supervisor's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.unit.supervisor.making import Made, make


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    """A yard on a machine of 16 GiB, 12 of them available, guard 2, with 8 cores and no workers."""
    found = make(tmp_path)
    yield found
    found.yard.database.close()
