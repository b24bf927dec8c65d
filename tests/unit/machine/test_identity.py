"""Which process is meant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.machine import identity, process_table
from tests.helpers.waiting import eventually


def test_a_living_process() -> None:
    mine = identity.identity_of(os.getpid())
    assert mine is not None and identity.is_same(os.getpid(), mine)
    assert identity.identity_of(os.getpid()) == mine
    assert not identity.is_same(os.getpid(), mine + "0")
    assert identity.parent_of(os.getpid()) == os.getppid()


def test_two_processes_differ() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            theirs = identity.identity_of(child.pid)
            assert theirs is not None and theirs != identity.identity_of(os.getpid())
            assert Path(str(identity.executable_of(child.pid))).name.startswith(("sleep", "coreutils"))
        finally:
            child.kill()


def test_a_zombie_counts_as_gone() -> None:
    child = subprocess.Popen(["true"])
    eventually(lambda: (entry := process_table.entry(child.pid)) is not None and entry.ended)
    assert identity.identity_of(child.pid) is None
    assert identity.parent_of(child.pid) is None
    child.wait()
    assert process_table.entry(child.pid) is None


@pytest.mark.parametrize("pid", [0, 2**22 + 1, 2**31 - 1])
def test_no_such_process(pid: int) -> None:
    assert identity.identity_of(pid) is None
    assert identity.executable_of(pid) is None
    assert identity.parent_of(pid) is None
    assert not identity.is_same(pid, "")


@pytest.mark.skipif(sys.platform != "linux", reason="start ticks and boot id are Linux's")
def test_linux_identity_is_boot_and_ticks() -> None:
    boot, ticks = str(identity.identity_of(os.getpid())).split("/")
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert int(ticks) > 0
