"""A task that surrounds itself with every kind of descendant, and tells who they are."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

import psutil

FAMILY = textwrap.dedent(
    """
    import os, signal, sys, time
    folder = sys.argv[1]

    def note(name):
        path = os.path.join(folder, name)
        with open(path + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(path + ".new", path)

    def live(name, ignore_term=False, stopped=False):
        if ignore_term:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note(name)
        if stopped:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(600)
        os._exit(0)

    def child(name, new_session=False, twice=False, **how):
        if os.fork():
            return
        if new_session:
            os.setsid()
        if twice and os.fork():
            os._exit(0)
        live(name, **how)

    child("plain")
    child("session", new_session=True)
    child("forked-twice", new_session=True, twice=True)
    child("deaf", ignore_term=True)
    child("stopped", stopped=True)
    note("task")
    time.sleep(600)
    """
)
"""A Python program; argv[1] is the folder in which each of its processes writes its PID under its name."""

NAMES = ("task", "plain", "session", "forked-twice", "deaf", "stopped")


def argv(folder: Path) -> list[str]:
    """The command of a family that tells its PIDs in `folder`."""
    return [sys.executable, "-c", FAMILY, str(folder)]


def members(folder: Path) -> dict[str, psutil.Process] | None:
    """Every process of the family by its name; None while some have not told theirs."""
    found = {}
    for name in NAMES:
        path = folder / name
        if not path.exists():
            return None
        try:
            found[name] = psutil.Process(int(path.read_text()))
        except psutil.NoSuchProcess:
            return None
    return found


def living(family: dict[str, psutil.Process]) -> list[str]:
    """Who of them still lives (a zombie does not)."""
    return [name for name, process in family.items() if lives(process)]


def lives(process: psutil.Process) -> bool:
    """Whether this very process runs; a PID that somebody else has now does not count."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(family: dict[str, psutil.Process]) -> None:
    """Clean up after a test that failed."""
    for process in family.values():
        if lives(process):
            os.kill(process.pid, 9)
