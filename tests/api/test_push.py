"""/ws: the snapshot, what comes to whom, resuming, and how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from steelyard.web import connections, push
from tests.helpers.edge import Edge, running_edge
from tests.helpers.waiting import eventually


def heard(client: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.recv(timeout=5))
    return found


def settled(client: ClientConnection) -> None:
    """Wait until the server has read what was sent: it answers in order, and this is answered."""
    client.send("{")
    assert heard(client)["type"] == "error"


def test_first_comes_a_snapshot_then_each_stored_change(server: Edge) -> None:
    server.say("task", task={"task_id": "before"})
    with server.websocket() as client:
        first = heard(client)
        assert (first["type"], first["seq"], first["status"]["seq"]) == ("snapshot", 1, 1)
        assert set(first["status"]) == {"workers", "limits", "memory", "queue", "seq"}
        server.say("worker", worker={"worker_id": "w"})
        server.say("task", task={"task_id": "t"})
        server.say("prompt", text="look")
        assert heard(client) == {"type": "worker", "seq": 2, "worker": {"worker_id": "w"}}
        assert heard(client) == {"type": "task", "seq": 3, "task": {"task_id": "t"}}
        assert heard(client)["type"] == "prompt"


def test_what_is_not_stored_comes_only_to_who_asked(server: Edge) -> None:
    server.supervisor.submitted["t1"] = {"task_id": "t1"}
    with server.websocket() as asked, server.websocket() as silent:
        heard(asked), heard(silent)
        asked.send(json.dumps({"subscribe": ["memory", "progress", "queue", "log:t1"]}))
        settled(asked)
        assert server.supervisor.watched == {"t1"}
        server.say("memory", memory={})
        server.say("progress", task_id="t1", fraction=0.5)
        server.say("queue", queue={})
        server.say("log", task_id="t1", text="<b>", offset=0)
        server.say("log", task_id="t2", text="not asked for", offset=0)
        server.say("task", task={})
        assert [heard(asked)["type"] for _ in range(5)] == ["memory", "progress", "queue", "log", "task"]
        assert heard(silent)["type"] == "task"
        asked.send(json.dumps({"unsubscribe": ["memory", "log:t1", "queue"], "subscribe": []}))
        settled(asked)
        assert server.supervisor.watched == set()
        server.say("memory", memory={})
        server.say("progress", task_id="t1", fraction=0.6)
        assert heard(asked)["fraction"] == 0.6


def test_progress_is_told_by_its_latest_and_never_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_edge() as server, server.websocket() as client:
        heard(client)
        client.send(json.dumps({"subscribe": ["progress"]}))
        settled(client)
        monkeypatch.setattr(push, "PACE", 3600.0)
        for number in range(1, 5):
            server.say("progress", task_id="t1", progress=number / 10)
            server.say("progress", task_id="t2", progress=number / 10)
        server.say("task", task={"task_id": "t2"})
        server.say("task", task={"task_id": "t3"})
        # The first at once; of what came close upon it a task's latest, before what ends it.
        assert (heard(client)["progress"], heard(client)["progress"]) == (0.1, 0.4)
        assert [heard(client)["task"]["task_id"] for _ in range(2)] == ["t2", "t3"]


def test_progress_that_came_too_fast_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "PACE", 0.05)
    with running_edge() as server, server.websocket() as client:
        heard(client)
        client.send(json.dumps({"subscribe": ["progress"]}))
        settled(client)
        for number in range(1, 101):
            server.say("progress", task_id="t1", progress=number / 100)
        found = [heard(client)["progress"]]
        while found[-1] < 1.0:
            found.append(heard(client)["progress"])
        assert found == sorted(found) and found[0] == 0.01


def test_a_log_is_watched_once_for_all_and_until_the_last_one_leaves(server: Edge) -> None:
    server.supervisor.submitted["t1"] = {"task_id": "t1"}
    with server.websocket() as one:
        heard(one)
        with server.websocket() as other:
            heard(other)
            for client in (one, other):
                client.send(json.dumps({"subscribe": ["log:t1"]}))
                settled(client)
        hub = server.app.state.hub
        eventually(lambda: len(hub._clients) == 1)
        assert server.supervisor.watched == {"t1"}
    eventually(lambda: not server.supervisor.watched)


WRONG = [
    *("{", "[]", '"x"', "NaN", "[" * 5000, '{"more": []}', '{"subscribe": "memory"}', '{"subscribe": [1]}'),
    *('{"subscribe": ["everything"]}', '{"subscribe": ["log:../x"]}', '{"subscribe": ["log:nobody"]}'),
]


@pytest.mark.parametrize("text", WRONG)
def test_a_message_that_is_not_understood_is_answered_and_changes_nothing(server: Edge, text: str) -> None:
    with server.websocket() as client:
        heard(client)
        client.send(text)
        answer = heard(client)
        assert answer["type"] == "error" and answer["error"]["code"] in ("invalid_request", "not_found")
        server.say("memory", memory={})
        server.say("task", task={})
        assert heard(client)["type"] == "task"
    assert not server.supervisor.watched


def test_a_client_follows_at_most_32_logs(server: Edge) -> None:
    names = [f"t{number}" for number in range(33)]
    server.supervisor.submitted.update({name: {"task_id": name} for name in names})
    with server.websocket() as client:
        heard(client)
        client.send(json.dumps({"subscribe": [f"log:{name}" for name in names]}))
        assert heard(client)["error"]["code"] == "invalid_request"


def test_binary_is_no_message(server: Edge) -> None:
    with server.websocket() as client:
        heard(client)
        client.send(b"{}")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=5)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1003


def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice(server: Edge) -> None:
    with server.websocket() as client:
        heard(client)
        server.say("task", task={"task_id": "t0"})
        last = heard(client)["seq"]
    for number in range(1000):
        server.say("task", task={"task_id": f"t{number}"})
    with server.websocket(f"?resume_from={last}") as client:
        server.say("task", task={"task_id": "live"})
        got = [heard(client) for _ in range(1001)]
    assert got == server.supervisor.stored[1:]


def test_who_missed_nothing_is_sent_nothing(server: Edge) -> None:
    server.say("task", task={})
    with server.websocket("?resume_from=1") as client:
        server.say("task", task={"task_id": "next"})
        assert heard(client)["seq"] == 2


@pytest.mark.parametrize("since", [0, 4, 99])
def test_who_is_too_old_or_from_elsewhere_gets_a_snapshot(server: Edge, since: int) -> None:
    for _ in range(10):
        server.say("task", task={})
    server.supervisor.oldest_kept = 5
    with server.websocket(f"?resume_from={since}") as client:
        assert heard(client)["type"] == "snapshot"


VALUES = ["x", "-1", "", "1e3", "1&resume_from=2", "%D9%A3"]


@pytest.mark.parametrize("query", [*(f"?resume_from={value}" for value in VALUES), "?since=1"])
def test_a_wrong_query_is_refused(server: Edge, query: str) -> None:
    with pytest.raises(InvalidStatus) as caught, server.websocket(query):
        pass
    assert caught.value.response.status_code == 400


def test_another_path_is_404_and_plain_http_at_ws_too(server: Edge) -> None:
    with server.client(**server.bearer) as client:
        assert client.get("/ws").status_code == 404
    with pytest.raises(InvalidStatus) as caught, server.websocket("/else"):
        pass
    assert caught.value.response.status_code == 404


def test_shutdown_is_1001_after_what_was_still_to_say() -> None:
    with running_edge() as edge, edge.websocket() as client:
        heard(client)

        def burst() -> None:
            for number in range(200):
                edge.supervisor.say("task", task={"n": number})

        edge.call(burst)
        edge.stop()
        assert [heard(client)["task"]["n"] for _ in range(200)] == list(range(200))
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=5)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1001


def test_a_client_that_reads_nothing_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "GONE_WITHIN", 1000)
    with running_edge(stop_within=1000) as edge, edge.deaf():
        for _ in range(60):
            edge.say("prompt", text="x" * 100_000)
        # Edge.stop() gives up after 15 s; uvicorn alone would wait until this client has read it all.
        edge.stop()
        assert not edge.supervisor._listeners


def test_a_fault_in_telling_closes_who_listens_and_whoever_comes_back_has_missed_nothing(
    server: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left open, a client would miss a change for ever and not know it."""

    def breaks(message: Any) -> bytes:
        raise ValueError("a fault of ours")

    with server.websocket() as client:
        heard(client)
        with monkeypatch.context() as patched:
            patched.setattr(push, "encode", breaks)
            server.say("task", task={"task_id": "t"})
        with pytest.raises(ConnectionClosed) as caught:
            heard(client)
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1011
    with server.websocket("?resume_from=0") as client:
        assert heard(client) == {"type": "task", "seq": 1, "task": {"task_id": "t"}}
        server.say("task", task={"task_id": "next"})
        assert heard(client)["seq"] == 2


def test_an_unexpected_fault_of_the_supervisor_ends_one_client_and_not_the_hub(server: Edge) -> None:
    server.supervisor.refuse = RuntimeError("broken")
    with pytest.raises(InvalidStatus) as caught, server.websocket():
        pass
    assert caught.value.response.status_code == 500
    server.supervisor.refuse = None
    with server.websocket() as client:
        assert heard(client)["type"] == "snapshot"
