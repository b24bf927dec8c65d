"""SECURITY.md, lines 1, 10, 11 and 12 against the whole program, with a worker and a task."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.helpers.sidecar import PATIENCE, SLEEPER, RunningSidecar
from tests.helpers.waiting import eventually


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    """A sidecar whose worker runs a task, which prints all that it was given."""
    script = f"import os; print(dict(os.environ), flush=True); {SLEEPER}"
    with RunningSidecar(tmp_path_factory.mktemp("run") / "data", "--workers", "1") as running:
        with running.client() as client:
            body = {"simulation": "command", "parameters": {"argv": ["python3", "-c", script]}}
            task_id = client.post("/api/tasks/", json=body).json()["task_id"]
            address = f"/api/tasks/{task_id}/log/"
            eventually(lambda: "STEELYARD_TASK_ID" in client.get(address).json()["text"], within=PATIENCE)
            client.post("/api/tasks/", content=b"{", headers={"Content-Type": "application/json"})
            client.get("/nope?x=1")
        yield running


def test_security_01_the_program_listens_on_the_loopback_only(sidecar: RunningSidecar) -> None:
    port = sidecar.ready["port"]
    listening = {
        (found.laddr.ip, found.laddr.port)
        for process in sidecar.pids()
        for found in process.net_connections("inet")
        if found.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", port)}
    with socket.socket(socket.AF_INET6) as probe, pytest.raises(OSError):
        probe.connect(("::1", port))


def test_security_10_a_start_has_a_token_of_its_own(sidecar: RunningSidecar, tmp_path: Path) -> None:
    old = sidecar.record["token"]
    assert len(bytes.fromhex(old)) == 32
    with RunningSidecar(tmp_path / "data") as other:
        assert other.record["token"] != old
        headers = {"Authorization": f"Bearer {old}"}
        assert httpx.get(other.record["url"] + "healthz", headers=headers, trust_env=False).status_code == 401


def test_security_10_the_printed_link_signs_a_browser_in_once(sidecar: RunningSidecar) -> None:
    link = next(word for word in sidecar.stderr.decode().split() if "/sign-in/" in word)
    with httpx.Client(trust_env=False) as browser:
        assert browser.get(link).status_code == 303
        assert browser.get(sidecar.record["url"]).status_code == 200
        assert browser.get(link).status_code == 401


def test_security_11_no_process_shows_the_token(sidecar: RunningSidecar) -> None:
    token = sidecar.record["token"]
    processes = sidecar.pids()
    assert len(processes) >= 3
    for process in processes:
        assert token not in " ".join(process.cmdline())
        assert token not in str(process.environ())
    assert token not in sidecar.stderr.decode()
    assert token not in str(sidecar.events)


def test_security_12_only_the_runtime_record_holds_the_token(sidecar: RunningSidecar) -> None:
    token = sidecar.record["token"].encode()
    holders = []
    for folder, _, names in os.walk(sidecar.data_dir):
        for path in (Path(folder, name) for name in names):
            if stat.S_ISREG(path.lstat().st_mode) and token in path.read_bytes():
                holders.append(path.relative_to(sidecar.data_dir).as_posix())
    assert holders == ["runtime/sidecar.json"]
    assert stat.S_IMODE((sidecar.data_dir / "runtime" / "sidecar.json").stat().st_mode) == 0o600
