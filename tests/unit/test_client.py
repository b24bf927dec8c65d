"""The Python client against a stand-in for the sidecar, over real HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.client import Client, NoAnswer, NoSidecar, WaitTimeout
from steelyard.client import errors as client_errors
from steelyard.client.record import read_record
from steelyard.rules import errors
from tests.fakes.answers import ended, task
from tests.fakes.sidecar import TOKEN, FakeSidecar


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[FakeSidecar]:
    with FakeSidecar(tmp_path) as fake:
        yield fake


@pytest.fixture
def client(sidecar: FakeSidecar) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{sidecar.port}/", TOKEN, sleep=lambda seconds: None) as found:
        yield found


def test_finds_the_sidecar_of_a_data_directory(sidecar: FakeSidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client.find(sidecar.data_dir) as found:
        assert found.status()["seq"] == 4711
    monkeypatch.setenv("STEELYARD_DATA_DIR", str(sidecar.data_dir))
    with Client.find() as found:
        assert found.status()["limits"]["admissible"] == 4


def test_no_record_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(NoSidecar) as refused:
        Client.find(tmp_path)
    start = f"Start one with: steelyard serve --data-dir {tmp_path}"
    assert str(refused.value) == f"no sidecar runs on {tmp_path}. {start}"


def test_a_record_whose_process_is_gone_is_stale(sidecar: FakeSidecar) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    sidecar.record(pid=process.pid)
    with pytest.raises(NoSidecar, match=rf"PID {process.pid}\) is gone: it was killed"):
        Client.find(sidecar.data_dir)
    assert sidecar.requests == []


def test_a_record_whose_pid_is_another_process_now_is_stale(sidecar: FakeSidecar) -> None:
    sidecar.record(identity="somebody else")
    with pytest.raises(NoSidecar, match="that PID is another program's now"):
        Client.find(sidecar.data_dir)
    assert sidecar.requests == []


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"url": "http://127.0.0.1:1", "token": "", "pid": 1}', "{", '{"url": 1}'],
)
def test_a_broken_record_is_said_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "sidecar.json").write_text(text)
    with pytest.raises(NoSidecar, match="is not the record of a sidecar"):
        Client.find(tmp_path)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:80.evil.test/", "http://evil.test:80/", "https://127.0.0.1:80/", "http://127.0.0.1"],
)
def test_the_token_never_goes_anywhere_but_the_loopback(sidecar: FakeSidecar, url: str) -> None:
    sidecar.record(url=url)
    with pytest.raises(NoSidecar, match="is not the record of a sidecar"):
        Client.find(sidecar.data_dir)


def test_nobody_listens(tmp_path: Path) -> None:
    with FakeSidecar(tmp_path) as gone:
        pass
    with Client.find(tmp_path) as client, pytest.raises(NoSidecar, match=f"nobody listens at .*:{gone.port}"):
        client.status()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b'HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n{"error": "no"}',
        b'HTTP/1.1 500 No\r\nContent-Length: 25\r\n\r\n{"detail": "another thing"}',
        b"220 mail.example ESMTP\r\n",
        b"",
    ],
)
def test_another_program_on_the_port_is_told(sidecar: FakeSidecar, client: Client, raw: bytes) -> None:
    sidecar.raw = raw
    with pytest.raises(NoSidecar, match="another program has that port"):
        client.status()


def test_a_redirect_is_not_followed(sidecar: FakeSidecar, client: Client) -> None:
    sidecar.raw = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(NoSidecar, match="another program"):
        client.status()


def test_no_answer_within_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, TOKEN, timeout=0.05) as client, pytest.raises(NoAnswer, match=r"within 0\.05 s"):
            client.status()


def test_the_environment_names_no_proxy(
    sidecar: FakeSidecar, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Client.find(sidecar.data_dir) as found:
        assert found.status()["seq"] == 4711


CODES = {
    "invalid_request": errors.InvalidRequest,
    "forbidden_host": errors.ForbiddenHost,
    "unauthorised": errors.Unauthorised,
    "forbidden_origin": errors.ForbiddenOrigin,
    "not_found": errors.NotFound,
    "method_not_allowed": errors.MethodNotAllowed,
    "insufficient_memory": errors.InsufficientMemory,
    "at_capacity": errors.AtCapacity,
    "no_cores": errors.NoCores,
    "confirmation_required": errors.ConfirmationRequired,
    "will_never_fit": errors.WillNeverFit,
    "conflict": errors.Conflict,
    "payload_too_large": errors.PayloadTooLarge,
    "unsupported_media_type": errors.UnsupportedMediaType,
    "invalid_parameters": errors.InvalidParameters,
    "shutting_down": errors.ShuttingDown,
    "storage_full": errors.StorageFull,
    "unanswered": errors.Unanswered,
}


@pytest.mark.parametrize(("code", "kind"), CODES.items())
def test_each_code_is_its_exception(
    sidecar: FakeSidecar, client: Client, code: str, kind: type[errors.SteelyardError]
) -> None:
    sidecar.refuse("/api/workers/add/", 409, code, "No.", need=2, message="a field of that name")
    with pytest.raises(kind) as caught:
        client.add_worker()
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.message) == (code, "No.")
    assert caught.value.detail == {"need": 2, "message": "a field of that name"}


def test_a_code_of_a_newer_server_is_told_with_its_name(sidecar: FakeSidecar, client: Client) -> None:
    sidecar.refuse("/api/workers/add/", 409, "too_hot", "The machine is too hot.")
    with pytest.raises(client_errors.UnknownRefusal, match=r"too hot\. \(too_hot\)"):
        client.add_worker()


def test_a_wrong_token_is_refused(sidecar: FakeSidecar) -> None:
    with Client(f"http://127.0.0.1:{sidecar.port}", "b2" * 32) as client, pytest.raises(errors.Unauthorised):
        client.status()


def test_what_is_not_given_is_not_sent(sidecar: FakeSidecar, client: Client) -> None:
    assert client.submit("demo", {"year": None}, label="a") == sidecar.next_id
    path, body = sidecar.sent("POST")[0]
    assert (path, body) == ("/api/tasks/", {"simulation": "demo", "parameters": {"year": None}, "label": "a"})


def test_a_preference_is_put_back_to_its_default_with_null(client: Client) -> None:
    assert client.change_preferences({"worker_max_count": 9})["sources"]["worker_max_count"] == "preference"
    assert client.change_preferences({"worker_max_count": None})["sources"]["worker_max_count"] == "default"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\udcff", ["a", ["\udcff"]]])
def test_what_json_has_no_words_for_is_refused_before_it_is_sent(
    sidecar: FakeSidecar, client: Client, value: object
) -> None:
    with pytest.raises(errors.InvalidRequest):
        client.submit("demo", {"x": value})
    assert sidecar.requests == []


def test_sweep_and_batch(sidecar: FakeSidecar, client: Client) -> None:
    sidecar.tasks = {"a" * 12: task("a" * 12)}
    made = client.sweep("demo", base={"case": "x"}, grid={"year": range(2020, 2023)}, priority=5)
    assert made["task_ids"] == ["a" * 12]
    assert sidecar.sent("POST")[0][1] == {
        "simulation": "demo", "base": {"case": "x"}, "grid": {"year": [2020, 2021, 2022]}, "ordered": False,
        "priority": 5,
    }  # fmt: skip
    assert len(client.batch([{"simulation": "demo"}] * 3)) == 3


def test_what_is_done_to_a_sweep(sidecar: FakeSidecar, client: Client) -> None:
    sidecar.tasks = {ID: task(ID, sweep_id="5eeb") for ID in ("a" * 12, "b" * 12)}
    assert [view["total"] for view in client.sweeps()] == [2]
    assert client.sweep_view("5eeb")["counts"]["READY"] == 2
    assert (client.cancel_sweep("5eeb"), client.retry_sweep("5eeb", states=["FAILED"])) == (2, 2)
    assert sidecar.sent("POST")[-1] == ("/api/sweeps/5eeb/retry/", {"states": ["FAILED"]})
    sidecar.new = False
    made = client.sweep("demo", grid={"year": [1]}, key="k", name="n")
    assert made["new"] is False and sidecar.sent("POST")[-1][1]["key"] == "k"


def test_tasks_go_through_all_pages(sidecar: FakeSidecar, client: Client) -> None:
    sidecar.tasks = {f"{number:012x}": task(f"{number:012x}") for number in range(7)}
    sidecar.page_size = 3
    assert [found["task_id"] for found in client.tasks(state="READY")] == list(sidecar.tasks)
    assert len(sidecar.requests) == 3


def test_events_go_through_all_pages(sidecar: FakeSidecar, client: Client) -> None:
    sidecar.events = [
        {"seq": seq, "at": "", "kind": "task", "subject": "", "data": {}} for seq in range(1, 6)
    ]
    assert [event["seq"] for event in client.event_log(1, limit=2)] == [2, 3, 4, 5]
    assert len(sidecar.requests) == 2


def test_an_id_may_be_cut_to_a_beginning_that_no_other_has(sidecar: FakeSidecar, client: Client) -> None:
    ids = ["aa11" + "0" * 8, "aa22" + "0" * 8, "bb11" + "0" * 8]
    # The text search finds this one for its label; its id begins otherwise.
    sidecar.tasks = {name: task(name) for name in ids} | {"c" * 12: task("c" * 12, label="bb")}
    assert client.resolve("bb") == ids[2]
    assert client.resolve("aa2") == ids[1]
    with pytest.raises(errors.InvalidRequest, match=f"{ids[0]}, {ids[1]}"):
        client.resolve("aa")
    for none in ("dd", ""):
        with pytest.raises(errors.NotFound):
            client.resolve(none)


def test_an_id_cannot_lead_to_another_route(sidecar: FakeSidecar, client: Client) -> None:
    for name in ("../workers/add-many", "..", ".", "a/cancel", "a?b=c", "a#b"):
        with pytest.raises(errors.NotFound):
            client.task(name)
    assert all(path.startswith("/api/tasks/") and path.count("/") == 4 for path, _ in sidecar.sent("GET"))


def test_wait_looks_until_the_end(sidecar: FakeSidecar, client: Client) -> None:
    name = "a" * 12
    sidecar.tasks[name] = task(name)
    sidecar.coming[name] = [task(name), task(name, state="RUNNING", progress=0.5), ended(name)]
    seen: list[str] = []
    assert client.wait(name, watch=lambda found: seen.append(found["state"]))["state"] == "SUCCEEDED"
    assert seen == ["READY", "RUNNING", "SUCCEEDED"]


def test_wait_gives_up_after_its_timeout(sidecar: FakeSidecar) -> None:
    sidecar.tasks["a"] = task("a", state="RUNNING")
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    url = f"http://127.0.0.1:{sidecar.port}"
    with (
        Client(url, TOKEN, monotonic=lambda: now[0], sleep=sleep) as client,
        pytest.raises(WaitTimeout, match="still RUNNING after 3 s"),
    ):
        client.wait("a", timeout=3)
    assert 3 <= now[0] < 5


def test_follow_gives_all_output_and_then_that_of_the_next_attempt(
    sidecar: FakeSidecar, client: Client
) -> None:
    sidecar.tasks["a"] = task("a", state="RUNNING", attempt=1)
    sidecar.logs["a"] = b"one\xff two three"
    pieces: list[tuple[int, str]] = []
    for piece in client.follow("a"):
        pieces.append((piece["attempt"], piece["text"]))
        if len(pieces) == 2:
            sidecar.tasks["a"] = task("a", state="RUNNING", attempt=2)
            sidecar.logs["a"] = b"again"
            sidecar.coming["a"] = [sidecar.tasks["a"], sidecar.tasks["a"], ended("a") | {"attempt": 2}]
    assert pieces == [(1, "one\ufffd two t"), (1, "hree"), (2, "again")]


def test_follow_loses_nothing_that_was_written_just_before_the_end(
    sidecar: FakeSidecar, client: Client
) -> None:
    sidecar.tasks["a"] = ended("a")
    sidecar.logs["a"] = b"x" * 95
    assert "".join(piece["text"] for piece in client.follow("a", offset=5)) == "x" * 90


def test_follow_waits_for_output_of_a_running_task(sidecar: FakeSidecar) -> None:
    sidecar.tasks["a"] = task("a", state="RUNNING", attempt=1)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 20:
            sidecar.logs["a"] = b"late"
            sidecar.coming["a"] = [sidecar.tasks["a"], ended("a")]

    with Client(f"http://127.0.0.1:{sidecar.port}", TOKEN, sleep=sleep) as client:
        assert [piece["text"] for piece in client.follow("a")] == ["late"]
    assert pauses[:20] == sorted(pauses[:20]) and pauses[19] == 1.0


def test_a_download_is_whole_or_not_there(sidecar: FakeSidecar, client: Client, tmp_path: Path) -> None:
    sidecar.tasks["a"] = ended("a")
    sidecar.files["f1"] = b"\0\1" * 100_000
    target = tmp_path / "out" / "x.bin"
    assert client.download("a", "f1", target).read_bytes() == sidecar.files["f1"]
    with pytest.raises(errors.NotFound):
        client.download("a", "f2", tmp_path / "out" / "y.bin")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x.bin"]


def test_workers(sidecar: FakeSidecar, client: Client) -> None:
    assert client.add_worker(force=True) == "3f9a1c20"
    assert client.add_workers(2) == ["3f9a1c20", "77b0aa00"]
    assert client.drain() == "3f9a1c20"
    assert client.drain("77b0aa00") == "77b0aa00"
    with pytest.raises(errors.ConfirmationRequired):
        client.abort("77b0aa00")
    assert client.abort("77b0aa00", confirm=True) == "77b0aa00"
    assert client.worker_log("77b0aa00", tail=10) == "started\n"
    assert client.cleanup() == 2
    assert [path for path, _ in sidecar.sent("POST")] == [
        "/api/workers/add/", "/api/workers/add-many/", "/api/workers/drain/", "/api/workers/77b0aa00/drain/",
        "/api/workers/77b0aa00/abort/", "/api/workers/77b0aa00/abort/", "/api/workers/cleanup/",
    ]  # fmt: skip


def test_the_token_is_in_no_repr(sidecar: FakeSidecar, client: Client) -> None:
    record = json.loads((sidecar.data_dir / "runtime" / "sidecar.json").read_text())
    assert record["token"] == TOKEN
    assert TOKEN not in repr(read_record(sidecar.data_dir)) + repr(client) + repr(client.connection)
