"""A task with relatives of every kind that can be left behind. Run as a program; it imports nothing of ours.

family.py <folder> <what the first process does> <kind>...     what: wait, exit, ignore
Every relative writes its own pid to <folder>/<kind>.pid. Kinds: plain, setsid, daemon (double-forked, new
session), stubborn (ignores SIGTERM, SIGHUP, SIGINT), stopped (stops itself), holder (as plain: its point is
the pipe it holds).
"""

from __future__ import annotations

import os
import signal
import sys
import time


def note(folder: str, name: str) -> None:
    """The pid into <folder>/<name>.pid, whole or not at all."""
    path = os.path.join(folder, f"{name}.pid")
    with open(path + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.replace(path + ".part", path)


def wait_for_ever() -> None:
    while True:
        time.sleep(60)


def relative(folder: str, kind: str) -> None:
    """The life of one relative; it never returns."""
    if kind in ("setsid", "daemon"):
        os.setsid()
    if kind == "daemon" and os.fork():
        os._exit(0)
    if kind == "stubborn":
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    note(folder, kind)
    if kind == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    wait_for_ever()


def main(folder: str, what: str, kinds: list[str]) -> int:
    if what == "ignore":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for kind in kinds:
        if os.fork() == 0:
            relative(folder, kind)
    while not all(os.path.exists(os.path.join(folder, f"{kind}.pid")) for kind in kinds):
        time.sleep(0.002)
    note(folder, "first")
    print("all there", flush=True)
    if what != "exit":
        wait_for_ever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
