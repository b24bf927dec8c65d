"""Resuming against the whole program: what a client missed amid 1,000 changes is what the event log holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.helpers.reach import bearer, websocket_address
from tests.helpers.sidecar import RunningSidecar

CHANGES = 1000


def follow(sidecar: RunningSidecar, query: str = "") -> ClientConnection:
    record = sidecar.record
    address = websocket_address(record) + query
    return connect(address, additional_headers=bearer(record), proxy=None, legacy=True)


def test_a_client_that_was_cut_off_amid_a_thousand_changes_has_them_all(tmp_path: Path) -> None:
    task = {"simulation": "command", "parameters": {"argv": ["true"]}}
    got: list[dict[str, Any]] = []
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        with follow(sidecar) as first:
            began: int = json.loads(first.recv(timeout=10))["seq"]
            assert client.post("/api/tasks/batch/", json={"tasks": [task] * CHANGES}).status_code == 201
            while len(got) < CHANGES // 3:
                got.append(json.loads(first.recv(timeout=10)))
            # Gone without a word, with the rest of the messages on their way.
            first.socket.close()
        task_ids = [one["task_id"] for one in client.get("/api/tasks/?limit=1000").json()["tasks"]]
        for task_id in task_ids[:50]:
            client.post(f"/api/tasks/{task_id}/cancel/")
        with follow(sidecar, f"?resume_from={got[-1]['seq']}") as again:
            for task_id in task_ids[50:60]:
                client.post(f"/api/tasks/{task_id}/cancel/")
            while len(got) < CHANGES + 60:
                got.append(json.loads(again.recv(timeout=10)))
        log = read_log(client, began)
    assert [message["seq"] for message in got] == [event["seq"] for event in log]
    assert [message["task"] for message in got] == [event["data"] for event in log]
    assert {message["type"] for message in got} == {event["kind"] for event in log} == {"task"}


def read_log(client: Any, since: int) -> list[dict[str, Any]]:
    """Every event after `since`, page by page."""
    events: list[dict[str, Any]] = []
    cursor: int | None = since
    while cursor is not None:
        page = client.get(f"/api/events/?since={cursor}&limit=300").json()
        events += page["events"]
        cursor = page["next"]
    return events
