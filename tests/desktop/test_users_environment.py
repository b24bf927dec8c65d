"""The user's own variables for tasks: what a login shell tells, what is left out, what a real task sees."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.desktop.conftest import Launch
from tests.desktop.program import ROOT
from tests.helpers import api
from tests.helpers.reach import client_of
from tests.helpers.waiting import eventually

ASK = """
const { usersEnvironment } = require("./electron/main/sidecar/users_environment");
const [environment, limit] = JSON.parse(process.argv[1]);
usersEnvironment(environment, limit).then((told) => console.log(JSON.stringify(told)));
"""
PROFILES = {
    "bash": (".bash_profile", "export GRB_LICENSE_FILE=/of/me PATH=/of/me:$PATH"),
    "dash": (".profile", "export GRB_LICENSE_FILE=/of/me PATH=/of/me:$PATH"),
    "zsh": (".zshrc", "export GRB_LICENSE_FILE=/of/me PATH=/of/me:$PATH"),
    "ksh": (".profile", "export GRB_LICENSE_FILE=/of/me PATH=/of/me:$PATH"),
    "fish": (".config/fish/config.fish", "set -gx GRB_LICENSE_FILE /of/me; set -gx PATH /of/me $PATH"),
    "tcsh": (".tcshrc", "setenv GRB_LICENSE_FILE /of/me; setenv PATH /of/me:$PATH"),
}


def asked(
    node: Path, home: Path, shell: str, profile: tuple[str, str], limit: int = 20_000, **more: str
) -> Any:
    """What tasks get where this is the profile of the user's shell."""
    file = home / profile[0]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(profile[1] + "\n")
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": shell, **more}
    done = subprocess.run(
        [node, "-e", ASK, json.dumps([environment, limit])],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", PROFILES)
def test_a_login_shell_tells_what_its_profile_sets(node: Path, tmp_path: Path, name: str) -> None:
    shell = shutil.which(name)
    if shell is None:
        pytest.skip(f"there is no {name} on this machine")
    told = asked(node, tmp_path, shell, PROFILES[name], LINES="one\nPATH=two\n")
    variables = told["variables"]
    assert (told["note"], told["source"]) == (None, f"the login shell {shell}")
    assert (variables["GRB_LICENSE_FILE"], variables["LINES"]) == ("/of/me", "one\nPATH=two\n")
    assert variables["PATH"].startswith("/of/me:")
    assert not {"SHLVL", "PWD", "_", "DISABLE_AUTO_UPDATE"} & variables.keys()


@pytest.mark.parametrize(
    ("profile", "note"),
    [
        ("echo 'Welcome back'; printf 'no newline at the end'; echo 'and a complaint' >&2", None),
        ("sleep 300 & true", None),
        ("exit 3", "it ended with 3"),
        ("sleep 300", "it took longer than 2 s"),
        (
            "while true; do echo for ever and ever and ever and ever and ever and ever; done",
            "printed without an end",
        ),
    ],
    ids=["speaks", "leaves a program with the pipe", "ends", "hangs", "floods"],
)
def test_a_profile_of_any_manners_holds_nothing_up(
    node: Path, tmp_path: Path, profile: str, note: str | None
) -> None:
    shell = shutil.which("bash") or "/bin/sh"
    mark = str(tmp_path)
    limit = 2_000 if note is not None and "longer" in note else 20_000
    told = asked(node, tmp_path, shell, (".bash_profile", profile), limit, MINE=mark)
    assert told["variables"]["MINE"] == mark
    if note is None:
        assert told["note"] is None
    else:
        assert note in told["note"] and told["source"] == "the desktop session"

    def left() -> list[psutil.Process]:
        found = psutil.process_iter(["environ"])
        return [one for one in found if (one.info["environ"] or {}).get("MINE") == mark]

    # What a profile starts on purpose lives on, as it does behind a terminal; the shell itself does not.
    lives_on = 1 if profile.endswith("& true") else 0
    try:
        eventually(lambda: len(left()) == lives_on, within=20)
    finally:
        for one in left():
            one.kill()


def test_what_is_ours_or_of_this_start_is_left_out(node: Path, tmp_path: Path) -> None:
    image = "/tmp/.mount_Steely"
    told = asked(
        node,
        tmp_path,
        "/bin/sh",
        (".profile", ""),
        TERM="xterm",
        ELECTRON_RUN_AS_NODE="1",
        _PYI_ARCHIVE_FILE="x",
        STEELYARD_SIDECAR="/x",
        XDG_ACTIVATION_TOKEN="x",
        npm_lifecycle_event="desktop",
        APPIMAGE="/x.AppImage",
        APPDIR=image,
        LD_LIBRARY_PATH=f"{image}/usr/lib:/opt/cuda/lib",
        GSETTINGS_SCHEMA_DIR=f"{image}/usr/share/schemas:",
        PYTHONPATH="/of/me",
        GITHUB_TOKEN="of the user's model",
        NO_PROXY="intranet",
    )
    variables = told["variables"]
    assert told["source"] == "the terminal"
    assert told["left_out"] == [
        *("APPDIR", "APPIMAGE", "ELECTRON_RUN_AS_NODE", "STEELYARD_SIDECAR", "XDG_ACTIVATION_TOKEN"),
        *("_PYI_ARCHIVE_FILE", "npm_lifecycle_event"),
    ]
    assert (variables["LD_LIBRARY_PATH"], variables["PYTHONPATH"]) == ("/opt/cuda/lib", "/of/me")
    assert variables["GITHUB_TOKEN"] == "of the user's model"
    assert "GSETTINGS_SCHEMA_DIR" not in variables
    assert set(variables["NO_PROXY"].split(",")) == {"intranet", "127.0.0.1", "localhost", "::1"}


def test_a_task_of_the_desktop_program_has_them_and_the_sidecar_has_not(
    launch: Launch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    tools = home / "tools"
    tools.mkdir(parents=True)
    (tools / "solver-of-mine").write_text(
        '#!/bin/sh\necho "licence $GRB_LICENSE_FILE, electron [$ELECTRON_X]"\n'
    )
    (tools / "solver-of-mine").chmod(0o700)
    (home / ".bash_profile").write_text(f"export GRB_LICENSE_FILE=of-me PATH={tools}:$PATH\n")
    shell = shutil.which("bash") or "/bin/bash"
    desktop = launch(TERM="", HOME=str(home), SHELL=shell, ELECTRON_X="1")
    desktop.panel()
    with client_of(desktop.record) as client:
        body = {"simulation": "command", "parameters": {"argv": ["solver-of-mine"]}, "memory": "64MiB"}
        done = api.ends(client, client.post("/api/tasks/", json=body).json()["task_id"])
        assert done["state"] == "SUCCEEDED", done
        assert api.log(client, done["task_id"]) == "licence of-me, electron []\n"
        told = client.get("/api/system/").json()["task_environment"]
        assert told["source"] == f"the login shell {shell}" and told["note"] is None
        assert "ELECTRON_X" in told["left_out"]
        page = client.get("/system/").text
        assert "ELECTRON_X" in page and f"the login shell {shell}" in page
    assert "GRB_LICENSE_FILE" not in psutil.Process(desktop.record["pid"]).environ()
    assert "of-me" not in desktop.log
    doctor = [sys.executable, "-m", "steelyard", "doctor", "--data-dir", str(desktop.data)]
    said = subprocess.run(doctor, capture_output=True, text=True, timeout=60, check=False).stdout
    assert "ELECTRON_X" in " ".join(said.split())


def test_tasks_wait_for_a_shell_that_takes_its_time(launch: Launch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    go = tmp_path / "go"
    (home / ".bash_profile").write_text(f"while ! [ -e {go} ]; do sleep 0.05; done; export LATE=came\n")
    desktop = launch(TERM="", HOME=str(home), SHELL=shutil.which("bash") or "/bin/bash")
    desktop.panel()
    with client_of(desktop.record) as client:
        api.all_run(client, 1)
        body = {
            "simulation": "command",
            "parameters": {"argv": ["/bin/sh", "-c", "echo $LATE"]},
            "memory": "64MiB",
        }
        task_id = client.post("/api/tasks/", json=body).json()["task_id"]
        note = client.get("/api/system/").json()["task_environment"]["note"]
        assert note == "Your login shell is being asked for its variables; tasks start when it has answered."
        assert client.get(f"/api/tasks/{task_id}/").json()["state"] == "READY"
        go.touch()
        done = api.ends(client, task_id)
        assert api.log(client, done["task_id"]) == "came\n"
