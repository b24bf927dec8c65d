"""Tasks, sweeps and their files over HTTP: paths, statuses and bodies."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx

from tests.helpers.edge import Edge

TASK = {"simulation": "command", "parameters": {"argv": ["true"]}}
EVERYTHING = {
    **TASK,
    "label": "a label",
    "priority": -5,
    "memory": "8GiB",
    "timeout": "48h",
    "attempts": 3,
    "queue": "default",
    "not_before": "2026-01-15T10:30:00Z",
    "after": ["abc"],
    "tags": ["x"],
    "key": "k",
    "force": False,
}


def test_a_task_is_submitted_as_it_is_written(api: httpx.Client, server: Edge) -> None:
    answer = api.post("/api/tasks/", json=EVERYTHING)
    assert answer.status_code == 201 and answer.json()["new"] is True
    task_id = answer.json()["task_id"]
    assert server.supervisor.submitted[task_id] == {**EVERYTHING, "task_id": task_id, "state": "READY"}
    assert api.get(f"/api/tasks/{task_id}/").json()["label"] == "a label"


def test_null_is_the_same_as_left_out(api: httpx.Client, server: Edge) -> None:
    body = {name: None for name in EVERYTHING} | TASK
    task_id = api.post("/api/tasks/", json=body).json()["task_id"]
    assert set(server.supervisor.submitted[task_id]) == {*TASK, "label", "task_id", "state"}


def test_the_same_key_is_the_same_task(api: httpx.Client) -> None:
    first, again = (api.post("/api/tasks/", json={**TASK, "key": "once"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == {**again.json(), "new": True} and again.json()["new"] is False


def test_a_batch_and_a_sweep(api: httpx.Client) -> None:
    batch = api.post("/api/tasks/batch/", json={"tasks": [{**TASK, "key": "1"}, {**TASK, "key": "2"}]})
    assert batch.status_code == 201 and len(batch.json()["task_ids"]) == 2
    again = api.post("/api/tasks/batch/", json={"tasks": [{**TASK, "key": "2"}]})
    assert again.status_code == 200 and again.json()["task_ids"] == batch.json()["task_ids"][1:]
    sweep = api.post(
        "/api/sweeps/", json={"simulation": "command", "rows": [{}, {}], "priority": 1, "ordered": True}
    )
    assert sweep.status_code == 201 and set(sweep.json()) == {"sweep_id", "task_ids", "new"}


def test_the_list_hands_on_what_was_asked_for(api: httpx.Client, server: Edge) -> None:
    assert api.get("/api/tasks/").json() == {"tasks": [], "next": None, "total": 0, "counts": {}}
    assert (
        api.get("/api/tasks/?state=READY,RUNNING&q=a%20b&sweep=&tag=x&limit=7&simulation=s").status_code
        == 200
    )
    wanted = {"state": "READY,RUNNING", "simulation": "s", "tag": "x", "q": "a b"}
    assert server.supervisor.calls == ["tasks({}, 100, None)", f"tasks({wanted}, 7, None)"]


def test_what_can_be_done_to_a_task(api: httpx.Client, server: Edge) -> None:
    task_id = api.post("/api/tasks/", json=TASK).json()["task_id"]
    for verb in ("retry", "suspend", "resume", "cancel"):
        answer = api.post(f"/api/tasks/{task_id}/{verb}/")
        done = {"status": "success", "task_id": task_id}
        assert answer.status_code == 200 and done.items() <= answer.json().items()
        assert api.post(f"/api/tasks/nobody/{verb}/").status_code == 404
        assert api.post(f"/api/tasks/{task_id}/{verb}/", json={"really": True}).status_code == 400
    again = api.post(f"/api/tasks/{task_id}/cancel/")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    answer = api.patch(f"/api/tasks/{task_id}/", json={"label": "", "tags": [], "memory": "1GiB"})
    assert answer.json() == {"status": "success", "task_id": task_id}
    assert server.supervisor.submitted[task_id]["memory"] == "1GiB"
    for wrong in ({"state": "READY"}, {"priority": None}, {"label": None}, {"priority": 1000}):
        assert api.patch(f"/api/tasks/{task_id}/", json=wrong).status_code == 400
    assert api.get(f"/api/tasks/{task_id}/samples/").json() == {"samples": []}


def test_what_can_be_done_to_a_sweep(api: httpx.Client, server: Edge) -> None:
    assert api.get("/api/sweeps/?limit=3").json() == {"sweeps": [], "next": None}
    assert api.get("/api/sweeps/nobody/").status_code == 404
    assert api.post("/api/sweeps/s1/cancel/").json() == {
        "status": "success", "sweep_id": "s1", "cancelled": 0}  # fmt: skip
    answer = api.post("/api/sweeps/s1/retry/", json={"states": ["FAILED"]})
    assert answer.json() == {"status": "success", "sweep_id": "s1", "retried": 0}
    assert api.post("/api/sweeps/s1/retry/").status_code == 200
    assert api.post("/api/sweeps/s1/retry/", json={"states": ["RUNNING"]}).status_code == 400
    assert server.supervisor.calls == [
        "sweeps(3, None)",
        "cancel_sweep(s1)",
        "retry_sweep(s1, ['FAILED'])",
        "retry_sweep(s1, None)",
    ]
    task_id = api.post("/api/tasks/", json=TASK).json()["task_id"]
    answer = api.post(f"/api/tasks/{task_id}/retry/", json={"with_dependents": True})
    assert answer.json() == {"status": "success", "task_id": task_id, "task_ids": [task_id]}
    assert "retry(True)" in server.supervisor.calls


def test_a_log_is_asked_for_by_tail_or_offset(api: httpx.Client, server: Edge) -> None:
    task_id = api.post("/api/tasks/", json=TASK).json()["task_id"]
    for query in ("", "?tail=5", "?offset=0", "?offset=7"):
        assert set(api.get(f"/api/tasks/{task_id}/log/{query}").json()) == {
            "text",
            "offset",
            "size",
            "attempt",
        }
    logs = [call for call in server.supervisor.calls if call.startswith("task_log")]
    assert logs == ["task_log(10000, None)", "task_log(5, None)", "task_log(None, 0)", "task_log(None, 7)"]


def file_of(server: Edge, path: Path) -> str:
    """The address of a file that a task has."""
    server.supervisor.submitted["t1"] = {"task_id": "t1"}
    server.supervisor.files["id1"] = path
    return "/api/tasks/t1/files/id1"


def test_a_file_is_sent_whole_or_in_part(api: httpx.Client, server: Edge, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    path = tmp_path / "bild für alle.png"
    path.write_bytes(data)
    address = file_of(server, path)
    assert api.get("/api/tasks/t1/files/").json()["files"][0]["id"] == "id1"
    whole = api.get(address)
    assert whole.content == data and whole.headers["content-type"] == "image/png"
    assert whole.headers["content-disposition"] == "inline; filename*=UTF-8''bild%20f%C3%BCr%20alle.png"
    assert api.get(address + "?download=1").headers["content-disposition"].startswith("attachment")
    parts = {"0-0": data[:1], "5-": data[5:], "-7": data[-7:], f"{len(data) - 1}-{10**17}": data[-1:]}
    for asked, expected in parts.items():
        part = api.get(address, headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, expected), asked
    assert (
        api.get(address, headers={"Range": "bytes=1-2"}).headers["content-range"] == f"bytes 1-2/{len(data)}"
    )
    for ignored in ("bytes=2-1", "lines=0-1", "bytes=0-1,3-4", "bytes=-", "bytes=x-", "bytes"):
        assert api.get(address, headers={"Range": ignored}).content == data, ignored
    for beyond in (f"bytes={len(data)}-", f"bytes={len(data) + 1}-", "bytes=-0"):
        answer = api.get(address, headers={"Range": beyond})
        assert answer.status_code == 416 and answer.json()["error"]["code"] == "invalid_request"
    head = api.head(address)
    assert head.headers["content-length"] == str(len(data)) and head.content == b""


def test_a_file_that_did_not_change_is_not_sent_again(
    api: httpx.Client, server: Edge, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    address = file_of(server, tmp_path / "a.csv")
    tag = api.get(address).headers["etag"]
    again = api.get(address, headers={"If-None-Match": tag})
    assert again.status_code == 304 and again.content == b""
    assert api.get(address, headers={"Range": "bytes=0-0", "If-Range": tag}).content == b"a"
    assert api.get(address, headers={"Range": "bytes=0-0", "If-Range": '"old"'}).content == b"a,b\n"


def test_an_empty_file_and_an_unknown_kind(api: httpx.Client, server: Edge, tmp_path: Path) -> None:
    (tmp_path / "empty.exe").write_bytes(b"")
    answer = api.get(file_of(server, tmp_path / "empty.exe"))
    assert answer.status_code == 200 and answer.content == b""
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_file_that_is_removed_while_it_is_read_is_sent_to_its_end(server: Edge, tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_bytes(b"x" * 8_000_000)
    address = file_of(server, path)
    with server.client(**server.bearer) as client, client.stream("GET", address) as answer:
        pieces = answer.iter_raw(1000)
        size = len(next(pieces))
        path.unlink()
        assert size + sum(len(piece) for piece in pieces) == 8_000_000


def test_an_answer_does_not_wait_for_the_clients_acknowledgement(server: Edge) -> None:
    """asyncio leaves Nagle's algorithm on where the listener does not name its protocol: 40 ms an answer."""
    [listening] = server._server.servers[0].sockets
    assert listening.proto == socket.IPPROTO_TCP
