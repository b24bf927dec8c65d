"""The largest programs of the machine, for whoever wonders where the memory is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from steelyard.machine.processes import largest_programs
from tests.helpers.waiting import eventually


def test_the_largest_come_first_and_no_more_than_asked_for() -> None:
    programs = largest_programs(2)
    assert len(programs) <= 2
    assert [size for _, size in programs] == sorted((size for _, size in programs), reverse=True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a program that lives on without its parent")
def test_foreign_programs_are_added_up_by_name_and_ours_are_left_out(tmp_path: Path) -> None:
    names = [f"{kind}-{uuid.uuid4().hex[:6]}" for kind in ("foreign", "ours")]
    foreign, ours = (Path(shutil.copy(shutil.which("sleep") or "", tmp_path / name)) for name in names)
    started = subprocess.run(
        ["sh", "-c", '"$0" 60 >&2 & echo $!; "$0" 60 >&2 & echo $!', str(foreign)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pids = [int(pid) for pid in started.stdout.split()]
    child = subprocess.Popen([str(ours), "60"])
    try:
        # Between fork and exec a process still bears the name of the shell.
        sizes = eventually(
            lambda: (found := dict(largest_programs(10_000))) and foreign.name in found and found
        )
        assert ours.name not in sizes
        each = [psutil.Process(pid).memory_info().rss for pid in pids]
        eventually(lambda: 0 < dict(largest_programs(10_000))[foreign.name] <= sum(each))
    finally:
        child.kill()
        child.wait()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what processes have together")
def test_what_forks_have_together_counts_once(tmp_path: Path) -> None:
    """Six processes of a program that share 100 MiB are no program of 600 MiB."""
    forks = (
        "import os, time\n"
        "open('/proc/self/comm', 'w').write(NAME)\n"
        "held = bytearray(b'x') * (100 << 20)\n"
        "for _ in range(5):\n"
        "    if os.fork() == 0:\n"
        "        break\n"
        "time.sleep(60)\n"
    )
    name = f"forks-{uuid.uuid4().hex[:6]}"
    started = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" >&2 & echo $!', sys.executable, forks.replace("NAME", repr(name))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    parent = psutil.Process(int(started.stdout))
    try:
        eventually(lambda: len(parent.children()) == 5)
        held = eventually(lambda: dict(largest_programs(10_000)).get(name))
        assert 100 << 20 <= held < 200 << 20
    finally:
        for process in (*parent.children(), parent):
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a program that lives on without its parent")
def test_nobody_is_advised_to_close_us_or_what_started_us(tmp_path: Path) -> None:
    """A command of ours in another terminal; another window of the program that started this one."""
    command = tmp_path / "steelyard"
    shell, other = (tmp_path / f"{kind}-{uuid.uuid4().hex[:6]}" for kind in ("started-us", "other"))
    for copied in (shell, other, command):
        shutil.copy(shutil.which("sh") or "", copied)
    started = subprocess.run(
        ["sh", "-c", 'for each; do "$each" -c "sleep 60; :" >&2 & echo $!; done', "sh"]
        + [str(each) for each in (shell, other, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    asks = "from steelyard.machine.processes import largest_programs as l; print(*[n for n, _ in l(10_000)])"
    try:
        for pid, each in zip(started.stdout.split(), (shell, other, command), strict=True):
            eventually(lambda pid=pid, each=each: psutil.Process(int(pid)).exe() == str(each))
        named = subprocess.run(
            [str(shell), "-c", '"$0" -c "$1"; :', sys.executable, asks],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.split()
        assert other.name[:15] in [name[:15] for name in named]
        assert not {shell.name[:15], "steelyard"} & {name[:15] for name in named}
    finally:
        for pid in started.stdout.split():
            process = psutil.Process(int(pid))
            for child in process.children():
                child.kill()
            process.kill()
