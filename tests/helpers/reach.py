"""How tests and benchmarks reach the sidecar that a record (runtime/sidecar.json) tells of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

PATIENCE = 60.0
Record = Mapping[str, Any]


def bearer(record: Record) -> dict[str, str]:
    """The header that proves who asks."""
    return {"Authorization": f"Bearer {record['token']}"}


def websocket_address(record: Record) -> str:
    """Where its WebSocket is."""
    return str(record["url"]).replace("http", "ws", 1) + "ws"


def client_of(record: Record) -> httpx.Client:
    """HTTP with its token, and no proxies."""
    return httpx.Client(base_url=record["url"], headers=bearer(record), timeout=PATIENCE, trust_env=False)


def async_client_of(record: Record) -> httpx.AsyncClient:
    """The same for many requests at once."""
    return httpx.AsyncClient(
        base_url=record["url"], headers=bearer(record), timeout=PATIENCE, trust_env=False
    )
