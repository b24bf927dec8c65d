"""What the tests of processes share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.agent_harness import Agent
from tests.process.warm_runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    with Agent(tmp_path) as agent:
        yield Runs(tmp_path, agent)
