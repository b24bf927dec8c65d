"""SECURITY.md, lines 1, 2 and 16 to 22: the socket, the limits, what answers carry and what files may be."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from steelyard.rules.errors import StartError
from steelyard.web import connections, push, push_client, serving
from steelyard.web.rendering import environment
from tests.helpers.edge import Edge, running_edge
from tests.helpers.waiting import eventually


def test_security_01_only_the_loopback_listens(server: Edge) -> None:
    listening = {
        found.laddr.ip
        for found in psutil.Process().net_connections("tcp")
        if found.status == psutil.CONN_LISTEN and found.laddr.port == server.port
    }
    assert listening == {"127.0.0.1"}
    addresses = {found.address for one in psutil.net_if_addrs().values() for found in one
                 if found.family in (socket.AF_INET, socket.AF_INET6)}  # fmt: skip
    for address in (addresses | {"::1"}) - {"127.0.0.1"}:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as probe, pytest.raises(OSError):
            probe.settimeout(2)
            probe.connect((address, server.port))


def test_security_02_the_port_is_known_before_serving_and_the_socket_is_kept() -> None:
    with serving.listen() as listener:
        assert listener.getsockname()[1] > 0
        assert not os.get_inheritable(listener.fileno())
        with pytest.raises(StartError) as caught:
            serving.listen(listener.getsockname()[1])
    assert caught.value.fatal_code == "port_unavailable"


def test_security_16_uvicorn_is_told_not_to_talk(server: Edge, api: httpx.Client) -> None:
    config = server._server.config
    assert (config.proxy_headers, config.server_header, config.access_log) == (False, False, False)
    answer = api.get("/healthz", headers={"X-Forwarded-For": "10.1.1.1", "X-Forwarded-Proto": "https"})
    assert answer.status_code == 200 and "server" not in answer.headers


def test_security_17_a_body_over_its_limit_is_refused(api: httpx.Client, server: Edge) -> None:
    body = json.dumps({"simulation": "command", "label": "x" * 2_000_000}).encode()
    headers = {"Content-Type": "application/json"}
    announced = api.post("/api/tasks/", content=body, headers=headers)
    chunked = api.post("/api/tasks/", content=iter([body[:700_000], body[700_000:]]), headers=headers)
    for answer in (announced, chunked):
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")
    batch = api.post("/api/tasks/batch/", content=b" " * (16 * 1024 * 1024 + 1), headers=headers)
    assert batch.status_code == 413
    assert not server.supervisor.submitted
    assert api.get("/healthz").status_code == 200


def test_security_17_a_batch_may_be_larger(api: httpx.Client) -> None:
    tasks = [{"simulation": "command", "parameters": {"text": "x" * 200}}] * 10_000
    answer = api.post("/api/tasks/batch/", json={"tasks": tasks})
    assert answer.status_code == 201 and len(answer.json()["task_ids"]) == 10_000
    assert api.post("/api/tasks/batch/", json={"tasks": [*tasks, tasks[0]]}).status_code == 400


def test_security_17_a_refused_body_is_not_read_for_ever(
    server: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "DISCARD_WITHIN", 0.2)
    head = f"POST /api/tasks/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 99999999999\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall((head + f"Authorization: Bearer {server.token}\r\n\r\n").encode())
        assert b" 413 " in connection.recv(65536)

        def cut() -> bool:
            try:
                connection.sendall(b"x" * 1000)
            except OSError:
                return True
            return False

        eventually(cut, within=5)


def test_security_17_an_idle_connection_is_closed() -> None:
    with (
        running_edge(keep_alive=1) as edge,
        socket.create_connection(("127.0.0.1", edge.port), 10) as connection,
    ):
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{edge.port}\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")
        while connection.recv(65536):
            pass


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHo"])
def test_security_17_a_request_that_never_comes_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.2)
    with running_edge() as edge, socket.create_connection(("127.0.0.1", edge.port), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(100) == b""


def test_security_17_a_websocket_message_over_64_kib_ends_the_connection(server: Edge) -> None:
    with server.websocket() as client:
        client.recv(timeout=5)
        client.send(json.dumps({"subscribe": ["memory"] * 4000}))
        assert client.ping().wait(5)
        client.send("x" * (64 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=5)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1009


def test_security_17_there_are_32_websockets_and_no_more(server: Edge) -> None:
    open_ones = []
    try:
        for _ in range(push.MOST_CLIENTS):
            client = server.websocket()
            open_ones.append((client, client.__enter__()))
        with pytest.raises(InvalidStatus) as caught, server.websocket():
            pass
        assert caught.value.response.status_code == 409
    finally:
        for client, _ in open_ones:
            client.__exit__(None, None, None)
    eventually(lambda: not server.app.state.hub._clients)
    with server.websocket() as again:
        assert again.recv(timeout=5)


def test_security_17_a_client_that_does_not_read_is_closed_with_1013(
    server: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_client, "QUEUE_CHARACTERS", 200_000)
    with server.websocket() as client:
        client.recv(timeout=5)
        # websockets reads ahead a little; then its socket's buffer is full, then uvicorn's, then our queue.
        for _ in range(200):
            server.say("prompt", text="x" * 100_000)
            if not server.call(lambda: bool(server.app.state.hub._clients)):
                break
        eventually(lambda: not server.app.state.hub._clients)
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                client.recv(timeout=5)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1013


def test_security_17_a_client_that_never_reads_is_not_kept(
    server: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_client, "QUEUE_CHARACTERS", 200_000)
    with server.deaf():
        for _ in range(100):
            server.say("prompt", text="x" * 100_000)
        eventually(lambda: not server.app.state.hub._clients, within=5)


FAULT = "/secret/place/of/steelyard.db"


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_security_18_an_error_shows_no_traceback_and_no_path(
    server: Edge, accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.supervisor.refuse = RuntimeError(FAULT)
    with server.client(**server.bearer, Accept=accept) as client:
        for path in ("/", "/api/workers/status/", "/htmx/workers/status/"):
            answer = client.get(path)
            assert answer.status_code == 500
            assert FAULT not in answer.text and "Traceback" not in answer.text and ".py" not in answer.text
            assert answer.headers["x-content-type-options"] == "nosniff"
    assert any(record.exc_info and FAULT in str(record.exc_info[1]) for record in caplog.records)


NAMES = [
    *("..", "%2e%2e", "..%2f..%2fsteelyard.db", "%2fetc%2fpasswd", "C:%5cx", "%5c%5chost%5cshare", "x%00"),
    *("x.log", "x.log::$DATA", "passwd", "%c0%ae%c0%ae", "out"),
]


@pytest.mark.parametrize("below", ["/api/tasks/t1/files/", "/static/", "/static/vendor/../", "/api/workers/"])
def test_security_19_nothing_but_an_id_names_a_file(server: Edge, tmp_path: Path, below: str) -> None:
    (tmp_path / "x.log").write_text("here")
    server.supervisor.files["id1"] = tmp_path / "x.log"
    server.supervisor.submitted["t1"] = {"task_id": "t1"}
    for name in NAMES:
        head = f"GET {below}{name} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
        answer = server.raw((head + f"Authorization: Bearer {server.token}\r\n\r\n").encode())
        assert answer.startswith(b"HTTP/1.1 404 "), name


def test_security_19_a_link_or_a_pipe_in_a_files_place_is_not_there(
    server: Edge, api: httpx.Client, tmp_path: Path
) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    server.supervisor.submitted["t1"] = {"task_id": "t1"}
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "gone", "."):
        server.supervisor.files["id1"] = tmp_path / name
        answer = api.get("/api/tasks/t1/files/id1")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), name


def test_security_20_ten_thousand_ranges_cost_no_more_than_one(
    server: Edge, api: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "big.bin").write_bytes(bytes(5_000_000))
    server.supervisor.submitted["t1"] = {"task_id": "t1"}
    server.supervisor.files["id1"] = tmp_path / "big.bin"
    one = api.get("/api/tasks/t1/files/id1", headers={"Range": "bytes=0-9"})
    assert one.status_code == 206 and len(one.content) == 10
    for beyond in ("bytes=5000000-", "bytes=5000001-", "bytes=6000000-7000000"):
        assert api.get("/api/tasks/t1/files/id1", headers={"Range": beyond}).status_code == 416, beyond
    answer = api.get("/api/tasks/t1/files/id1", headers={"Range": "bytes=" + ",".join(["0-"] * 10_000)})
    assert answer.status_code == 200 and len(answer.content) == 5_000_000
    assert "multipart" not in answer.headers["content-type"]
    assert answer.content == bytes(5_000_000)


STANDING = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def test_security_21_every_answer_carries_the_headers(server: Edge, api: httpx.Client) -> None:
    pages_and_files = ("/", "/nope", "/api/workers/status/", "/static/vendor/htmx.min.js")
    answers: list[Any] = [api.get(path) for path in pages_and_files]
    answers += [
        api.post("/api/tasks/", content=b"{"),
        api.put("/api/tasks/"),
        httpx.get(server.url, trust_env=False),
    ]
    answers.append(api.get("/", headers={"Host": "evil.test"}))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert (
            "unsafe" not in policy and "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
        )
        assert STANDING.items() <= dict(answer.headers).items(), answer.request.url
        assert "/static/" in str(answer.request.url) or answer.headers["cache-control"] == "no-store"


INLINE = re.compile(r"\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on|javascript:|<script(?![^>]*\ssrc=)")


def test_security_21_the_templates_need_no_inline_style_or_script() -> None:
    names = environment.list_templates()
    assert len(names) >= 4
    for name in names:
        assert environment.loader is not None
        source = environment.loader.get_source(environment, name)[0]
        assert not re.search(
            r"\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on|javascript:|<script(?![^>]*\ssrc=)", source
        ), name
    base = environment.get_template("base.html").render(request=None)
    config = re.search(r"""name="htmx-config" content='([^']*)'""", base)
    assert config is not None
    settings = json.loads(config[1])
    assert settings["allowEval"] is False and settings["includeIndicatorStyles"] is False


IMAGE = "<img src=x onerror=alert(1)>"


def test_security_22_labels_are_text_on_every_page(server: Edge, api: httpx.Client) -> None:
    task = {"task_id": "t1", "simulation": IMAGE, "label": IMAGE, "attempt": 1, "progress": 0.5, "eta": None}
    worker = {
        "worker_id": "w1",
        "pid": 1,
        "state": "RUNNING",
        "heartbeat": "2026-01-15T10:30:00Z",
        "memory": 1,
        "cpu": 1.0,
    }
    rest = {
        "started_at": "2026-01-15T10:30:00Z",
        "heartbeat_age": 1.0,
        "stalled": False,
        "dead": False,
        "queue": "default",
    }
    ended = {"reason": IMAGE, "error_tail": IMAGE, "forced": False, "tasks_done": 0, "tasks_failed": 0}
    busy = {**task, "checkpoint_at": None, "unsaved": 1.0, "suspended": False, "quiet": False}
    server.supervisor.workers["w1"] = {**worker, **rest, **ended, "task": busy}
    for path in ("/", "/htmx/workers/status/"):
        page = api.get(path)
        assert page.status_code == 200
        assert IMAGE not in page.text and "&lt;img src=x onerror=alert(1)&gt;" in page.text


def test_security_22_every_template_escapes() -> None:
    assert environment.autoescape is True
    for name in environment.list_templates():
        assert environment.loader is not None
        source = environment.loader.get_source(environment, name)[0]
        assert not re.search(r"\|\s*safe|autoescape\s+false|Markup", source), name


def test_security_22_a_file_of_a_task_may_run_nothing(
    server: Edge, api: httpx.Client, tmp_path: Path
) -> None:
    server.supervisor.submitted["t1"] = {"task_id": "t1"}
    for name in ("page.html", "picture.svg"):
        (tmp_path / name).write_text("<script>alert(1)</script>")
        server.supervisor.files["id1"] = tmp_path / name
        answer = api.get("/api/tasks/t1/files/id1")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "text/html" not in answer.headers["content-type"]
