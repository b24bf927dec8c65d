"""Clients that leave before they are served: the sidecar goes on listening, on every system."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from tests.helpers.sidecar import RunningSidecar

RESET = struct.pack("ii" if hasattr(socket, "AF_UNIX") else "hh", 1, 0)
"""SO_LINGER of 0 seconds: close() resets the connection."""


def test_a_thousand_connections_that_are_reset_at_once(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        port = client.base_url.port
        assert port is not None
        for _ in range(1000):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        assert client.get("/healthz").status_code == 200
        with sidecar.client() as another:
            assert another.get("/healthz").status_code == 200
