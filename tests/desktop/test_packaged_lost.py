"""The packaged program when its sidecar dies, hangs, or is not what it should be."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.desktop.conftest import Launch
from tests.desktop.fakes import READY, fake_sidecar
from tests.desktop.program import lives
from tests.helpers.waiting import eventually


def test_a_sidecar_that_is_killed_three_times_comes_back_three_times(launch_package: Launch) -> None:
    desktop = launch_package()
    desktop.panel().says("RUNNING", "#worker-status")
    seen = [desktop.record]
    for generation in (2, 3, 4):
        os.kill(seen[-1]["pid"], signal.SIGKILL)
        seen.append(eventually(lambda: record if (record := desktop.record) != seen[-1] else None, within=30))
        desktop.logged(f"sidecar {generation}: ready")
        # "restore": the worker is there without anybody asking.
        desktop.panel().says("RUNNING", "#worker-status")
        assert desktop.page.url == seen[-1]["url"]
    assert len({record["token"] for record in seen}) == 4
    assert len({record["instance"] for record in seen}) == 4
    assert "Something ended it with SIGKILL" in desktop.log
    assert "workers restore" in desktop.log
    assert [record["token"] for record in seen if record["token"] in desktop.log] == []


def test_one_that_hangs_is_left_to_the_person(launch_package: Launch) -> None:
    """As long as it really takes: three pings, one every 5 s."""
    desktop = launch_package()
    desktop.panel().says("RUNNING", "#worker-status")
    first = desktop.record
    os.kill(first["pid"], signal.SIGSTOP)
    page = desktop.lost("silent", within=60)
    page.says("not responding", "#title")
    page.click("#restart")
    eventually(lambda: desktop.record["pid"] != first["pid"], within=30)
    desktop.panel().says("RUNNING", "#worker-status")


def test_one_that_hangs_at_its_start_is_ended(launch_package: Launch, tmp_path: Path) -> None:
    """As long as it really takes: a minute without a phase."""
    body = "say(event='phase', name='opening', detail=''); time.sleep(600)"
    desktop = launch_package(sidecar=Path(fake_sidecar(tmp_path, body)))
    desktop.shows(lambda page: "taking longer than usual" in page.text("#longer"), within=60)
    first = [one for one in desktop.family().values() if "serve" in one.cmdline()]
    assert len(first) == 1
    desktop.logged("sidecar 2:", within=90)
    desktop.shows(lambda page: "no progress" in page.text("#text"))
    assert not lives(first[0])


@pytest.mark.parametrize(
    "body",
    [
        "print('Usage: something else entirely', flush=True); time.sleep(600)",
        "sys.stdout.write('x' * 2_000_000); sys.stdout.flush(); time.sleep(600)",
        "os.write(1, bytes(range(256)) * 40); time.sleep(600)",
        "say(event='phase', name='opening', detail='')\nwhile True: print('[1, 2]')",
    ],
    ids=["usage", "endless line", "bytes", "endless lines"],
)
def test_garbage_is_no_sidecar(launch_package: Launch, tmp_path: Path, body: str) -> None:
    page = launch_package(sidecar=Path(fake_sidecar(tmp_path, body))).lost("garbage")
    assert "not Steelyard's engine" in page.text("#text")


def test_a_missing_program_is_named(launch_package: Launch, tmp_path: Path) -> None:
    page = launch_package(sidecar=tmp_path / "nowhere").lost("program_missing")
    assert "antivirus" in page.text("#remedy")


def test_a_program_that_is_not_executable_is_named(launch_package: Launch, tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o644)
    page = launch_package(sidecar=path).lost("not_executable")
    assert "not executable" in page.text("#text")


@pytest.mark.parametrize(
    ("changes", "cause", "words"),
    [
        ('{"version": "9.9.9"}', "version", "9.9.9"),
        ('{"proof": "0" * 64}', "foreign", "its proof is wrong"),
        ('{"proof": proof(port + 1)}', "foreign", "its proof is wrong"),
        ('{"proof": "zz"}', "foreign", "it brings no proof"),
        ('{"instance": "another"}', "foreign", "another instance"),
        ('{"url": f"http://10.0.0.1:{port}/"}', "foreign", "not on this machine"),
        ('{"port": 99999}', "foreign", "names no port"),
    ],
)
def test_who_cannot_prove_itself_is_not_adopted(
    launch_package: Launch, tmp_path: Path, changes: str, cause: str, words: str
) -> None:
    path = fake_sidecar(tmp_path, READY.replace("CHANGES", changes))
    desktop = launch_package(sidecar=Path(path))
    assert words in desktop.lost(cause).text("#text")
    assert "ready" not in desktop.log.replace("wasReady", "")
