"""The command line as a terminal and a pipe have it, before a real sidecar: width, colours, what goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.client import Client
from tests.helpers.sidecar import PATIENCE, RunningSidecar, environment
from tests.helpers.terminal import STEELYARD, WIDTH, Terminal, lines
from tests.helpers.waiting import eventually


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    with RunningSidecar(tmp_path_factory.mktemp("terminal") / "data", "--workers", "2") as running:
        assert running.ready
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[Client]:
    with Client.find(sidecar.data_dir) as found:
        yield found


def piped(data_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*STEELYARD, *arguments],
        env=environment(STEELYARD_DATA_DIR=str(data_dir)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["tasks"], ["workers", "list"], ["preferences", "list"], ["simulations"], ["sweeps", "list"],
        ["system"], ["startup"], ["--help"], ["submit", "--help"], ["simulations", "steel-pathway"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_terminal_of_80_columns_is_enough(
    client: Client, sidecar: RunningSidecar, arguments: list[str]
) -> None:
    client.sweep("command", grid={"argv": [["true"], ["true", "x" * 200]]}, label="l" * 300, tags=["t"])
    with Terminal(sidecar.data_dir, *arguments) as terminal:
        assert terminal.ended() == 0
        assert max(len(line) for line in lines(terminal.text)) <= WIDTH, terminal.text


def test_colours_are_for_terminals(sidecar: RunningSidecar) -> None:
    with Terminal(sidecar.data_dir, "workers", "list") as terminal:
        assert terminal.ended() == 0 and "\x1b[32mRUNNING" in terminal.text
    with Terminal(sidecar.data_dir, "workers", "list", NO_COLOR="1") as terminal:
        assert terminal.ended() == 0 and "\x1b[3" not in terminal.text and "RUNNING" in terminal.text
    with piped(sidecar.data_dir, "workers", "list") as process:
        out, _ = process.communicate(timeout=PATIENCE)
        assert "\x1b" not in out and "RUNNING" in out


def said(data_dir: Path, *arguments: str) -> str:
    """What a command that succeeds prints."""
    with piped(data_dir, *arguments) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    return out


def test_all_preferences_go_back(sidecar: RunningSidecar, client: Client) -> None:
    said(sidecar.data_dir, "preferences", "set", "worker_cleanup_age=2h", "keep_tasks=5000")
    assert client.preferences()["values"]["worker_cleanup_age"] == 7200
    told = said(sidecar.data_dir, "preferences", "reset", "--all")
    assert told.splitlines() == [
        "worker_cleanup_age is 30 min (1800 s) (default)",
        "keep_tasks is 0 (default)",
    ]
    assert "preference" not in client.preferences()["sources"].values()


def test_what_helps_who_helps(sidecar: RunningSidecar, tmp_path: Path) -> None:
    target = tmp_path / "help.zip"
    assert said(sidecar.data_dir, "system", "--diagnostics", str(target)) == f"{target}\n"
    with zipfile.ZipFile(target) as archive:
        assert {"system.json", "sidecar.log", "events.json"} <= set(archive.namelist())
        assert all(sidecar.record["token"].encode() not in archive.read(name) for name in archive.namelist())
    log = said(sidecar.data_dir, "system", "--log")
    assert log and (sidecar.data_dir / "logs" / "sidecar.log").read_text().endswith(log)


def test_what_runs_took_is_shown_with_their_simulation(sidecar: RunningSidecar, client: Client) -> None:
    (sidecar.data_dir / "simulations" / "short.toml").write_text(
        '[simulation]\nname = "short"\ntitle = "Short"\ncommand = ["true"]\n'
    )
    assert "Usually" not in said(sidecar.data_dir, "simulations", "short")
    client.wait(client.submit("short"), timeout=PATIENCE)
    shown = said(sidecar.data_dir, "simulations", "short")
    assert re.search(r"Memory +not stated; the run seen took \S+ \S+ at most", shown), shown
    assert re.search(r"Usually takes +\d", shown), shown


def test_watching_workers_is_live_until_ctrl_c(sidecar: RunningSidecar, client: Client) -> None:
    with Terminal(sidecar.data_dir, "workers", "watch") as terminal:
        eventually(lambda: terminal.text.count("RUNNING") >= 2, within=PATIENCE)
        task_id = client.submit("command", {"argv": ["sleep", "600"]})
        eventually(lambda: task_id in terminal.text, within=PATIENCE)
        client.cancel(task_id)
        before = len(terminal.text)
        eventually(lambda: "Queue" in terminal.text[before:], within=PATIENCE)
        os.killpg(terminal.process.pid, signal.SIGINT)
        assert terminal.ended() == 130
    client.wait(task_id, timeout=PATIENCE)


def test_bars_move_while_one_waits(sidecar: RunningSidecar) -> None:
    program = (
        "import steelyard_task as t, time\n"
        "for n in range(1, 9):\n"
        "    t.progress(n / 8, f'step {n}'); time.sleep(0.15)"
    )
    argv = json.dumps([sys.executable, "-c", program])
    with Terminal(sidecar.data_dir, "submit", "command", "-p", f"argv={argv}", "--wait") as terminal:
        assert terminal.ended() == 0
        assert re.search(r"\d\d %, .*step \d", terminal.text), terminal.text
        assert max(len(line) for line in lines(terminal.text)) <= WIDTH


def test_logs_follow_over_a_retry(sidecar: RunningSidecar, client: Client) -> None:
    code = "import os, sys; n = os.environ['STEELYARD_ATTEMPT']; print('attempt', n); sys.exit(n == '1')"
    task_id = client.submit("command", {"argv": [sys.executable, "-c", code]}, attempts=2)
    with piped(sidecar.data_dir, "logs", "-f", task_id) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "attempt 1\nattempt 2\n", "")


def test_events_follow(sidecar: RunningSidecar, client: Client) -> None:
    since = client.status()["seq"]
    with piped(sidecar.data_dir, "events", "-f", "--since", str(since), "--json") as process:
        assert process.stdout is not None
        task_id = client.submit("command", {"argv": ["true"]})
        states, seq = [], since
        while "SUCCEEDED" not in states:
            event = json.loads(process.stdout.readline())
            assert event["seq"] == seq + 1
            seq = event["seq"]
            if event["subject"] == task_id:
                states.append(event["data"]["state"])
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert states == ["READY", "RUNNING", "SUCCEEDED"]


def test_what_waits_survives_a_restart(tmp_path: Path) -> None:
    data, gate = tmp_path / "data", tmp_path / "gate"
    code = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    with RunningSidecar(data, "--workers", "1") as first:
        assert first.ready
        argv = json.dumps([sys.executable, "-c", code])
        with piped(data, "sweep", "command", "-p", f"argv=[{argv}]", "--wait", "--json") as process:
            with Client.find(data) as client:
                eventually(lambda: list(client.tasks(state="RUNNING")), within=PATIENCE)
            first.kill()
            with RunningSidecar(data, "--workers", "1") as second:
                assert second.ready
                gate.touch()
                out, err = process.communicate(timeout=PATIENCE * 2)
    assert process.returncode == 0, err
    [task] = json.loads(out)["tasks"]
    assert [attempt["cause"] for attempt in task["attempts"]] == ["sidecar_lost", "succeeded"]
