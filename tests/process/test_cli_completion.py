"""Completion as the shells do it: bash sources the script; all three ask the program in their own way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.client import Client
from tests.helpers.sidecar import PATIENCE, RunningSidecar, environment

PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
BASH = """
source <(steelyard completion bash)
complete -p steelyard | grep -q -- '-F _steelyard_completion steelyard'
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_steelyard_completion steelyard
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    with RunningSidecar(tmp_path_factory.mktemp("completed") / "data", "--workers", "1") as running:
        assert running.ready
        yield running


def bash(data_dir: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", *words],
        env=environment(STEELYARD_DATA_DIR=str(data_dir), PATH=PROGRAMS),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_bash_completes_commands_options_and_choices(tmp_path: Path) -> None:
    assert bash(tmp_path, "steelyard", "work") == ["workers"]
    assert {"add", "drain", "watch"} <= set(bash(tmp_path, "steelyard", "workers", ""))
    assert bash(tmp_path, "steelyard", "submit", "--pri") == ["--priority"]
    assert bash(tmp_path, "steelyard", "startup", "start-") == ["start-anyway"]
    assert bash(tmp_path, "steelyard", "tasks", "--state", "ready,can") == ["ready,CANCELLED"]


def test_bash_completes_what_the_sidecar_knows(sidecar: RunningSidecar) -> None:
    data = sidecar.data_dir
    with Client.find(data) as client:
        sweep = client.sweep("command", grid={"argv": [["true"], ["false"]]}, label="a, 'b' \n c")
        [worker] = client.status()["workers"]
    known = sweep["task_ids"]
    assert bash(data, "steelyard", "submit", "steel") == ["steel-pathway"]
    assert {"new", "show", "steel-pathway"} <= set(bash(data, "steelyard", "simulations", ""))
    assert bash(data, "steelyard", "simulations", "show", "steel") == ["steel-pathway"]
    assert sorted(bash(data, "steelyard", "task", "")) == sorted(known)
    assert bash(data, "steelyard", "cancel", known[0], known[1][:11]) == [known[1]]
    assert bash(data, "steelyard", "results", "") == [sweep["sweep_id"]]
    assert bash(data, "steelyard", "workers", "drain", "") == [worker["worker_id"]]
    assert bash(data, "steelyard", "preferences", "set", "worker_max") == ["worker_max_count="]
    assert bash(data, "steelyard", "preferences", "reset", "worker_max") == ["worker_max_count"]


def test_without_a_sidecar_nothing_is_offered_and_nothing_said(tmp_path: Path) -> None:
    for words in (["task", ""], ["submit", ""], ["preferences", "set", ""], ["workers", "drain", ""]):
        assert bash(tmp_path, "steelyard", *words) == []


@pytest.mark.parametrize(("shell", "answer"), [("zsh", "plain\nworkers\n"), ("fish", "plain,workers\t")])
def test_the_other_shells_are_answered_in_their_way(tmp_path: Path, shell: str, answer: str) -> None:
    script = subprocess.run(["steelyard", "completion", shell], env={"PATH": PROGRAMS}, capture_output=True)
    assert f"_STEELYARD_COMPLETE={shell}_complete".encode() in script.stdout
    asked = {
        "zsh": {"COMP_WORDS": "steelyard work", "COMP_CWORD": "1"},
        "fish": {"COMP_WORDS": "steelyard work", "COMP_CWORD": "work"},
    }
    done = subprocess.run(
        ["steelyard"],
        env=environment(PATH=PROGRAMS, _STEELYARD_COMPLETE=f"{shell}_complete", **asked[shell]),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stdout.startswith(answer), done.stdout + done.stderr
