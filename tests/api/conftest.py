"""Fixtures of the API tests: a server on a real socket, and clients that are let in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.helpers.edge import Edge, running_edge
from tests.helpers.waiting import eventually


@pytest.fixture(scope="module")
def _edge() -> Iterator[Edge]:
    with running_edge() as edge:
        yield edge


@pytest.fixture
def server(_edge: Edge) -> Edge:
    """The edge before a fake supervisor, which knows nothing of the tests before."""
    eventually(lambda: not _edge.app.state.hub._clients)
    _edge.call(_edge.supervisor.forget)
    return _edge


@pytest.fixture
def own_server() -> Iterator[Edge]:
    """The same for a test that breaks it."""
    with running_edge() as edge:
        yield edge


@pytest.fixture
def api(server: Edge) -> Iterator[httpx.Client]:
    """A program with the token."""
    with server.client(**server.bearer) as client:
        yield client


@pytest.fixture
def browser(server: Edge) -> Iterator[httpx.Client]:
    """A browser that has signed in: its cookie, and nothing else."""
    with server.signed_in() as client:
        yield client
