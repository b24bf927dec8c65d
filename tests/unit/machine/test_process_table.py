"""The process table: names that try to confuse, children of all threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.machine import process_table
from tests.helpers.waiting import eventually


def test_a_name_with_brackets_and_blanks(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 ("
    os.symlink("/bin/sleep", program)
    with subprocess.Popen([str(program), "60"]) as child:
        try:
            eventually(lambda: ") R 1 (" in Path(f"/proc/{child.pid}/comm").read_text())
            entry = process_table.entry(child.pid)
            assert entry is not None and entry.parent == os.getpid() and not entry.ended
        finally:
            child.kill()


def test_children_of_every_thread() -> None:
    code = (
        "import subprocess, threading, time\n"
        "for _ in range(3):\n"
        "    threading.Thread(target=lambda: subprocess.Popen(['sleep', '60']).wait()).start()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        try:
            eventually(lambda: len(process_table.children(parent.pid)) == 3)
            found = process_table.children(parent.pid)
            assert {entry.pid for entry in process_table.entries() if entry.parent == parent.pid} == set(
                found
            )
        finally:
            for pid in process_table.children(parent.pid):
                os.kill(pid, 9)
            parent.kill()


def test_stopped_is_seen() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            os.kill(child.pid, 19)
            eventually(lambda: (entry := process_table.entry(child.pid)) is not None and entry.stopped)
        finally:
            child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_kernel_without_lists_of_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONFIG_PROC_CHILDREN may be off: then the whole table is searched."""
    from_lists = process_table.children(os.getppid())

    def refuse(path: str, *args: object, **kwargs: object) -> object:
        if str(path).endswith("/children"):
            raise FileNotFoundError(path)
        return open(path, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr("steelyard.machine.process_table.linux.open", refuse, raising=False)
    assert os.getpid() in process_table.children(os.getppid())
    assert os.getpid() in from_lists
