"""A task that bears witness of itself: `python witness.py FOLDER SECONDS [fail-first] [children]`.

It writes to FOLDER/<task id> when each attempt began and ended, holds a lock on that file as long as it or
any process that it forked lives, and answers with its attempt's number. Standard library, POSIX.

A line: attempt, word (begin, end, doubled), PID, CLOCK_MONOTONIC in seconds. `doubled`: an earlier attempt,
or something that it left behind, still held the lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time

FILE = os.path.abspath(__file__)


def main() -> None:
    folder, seconds, *how = sys.argv[1:]
    attempt = int(os.environ["STEELYARD_ATTEMPT"])
    path = os.path.join(folder, os.environ["STEELYARD_TASK_ID"])
    journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(word: str) -> None:
        os.write(journal, f"{attempt} {word} {os.getpid()} {time.monotonic():.4f}\n".encode())

    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note("doubled")
    note("begin")
    if "children" in how:
        # One that shares our session, and one that has left it and its parent.
        if os.fork() == 0:
            live()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                live()
            os._exit(0)
    say("progress 0.5 half")
    say("checkpointed")
    time.sleep(float(seconds))
    if "fail-first" in how and attempt == 1:
        sys.exit(1)
    with open(os.path.join(os.environ["STEELYARD_OUTPUT_DIR"], "result.json"), "w") as file:
        json.dump({"attempt": attempt}, file)
    note("end")


def live() -> None:
    """A child's life: until somebody ends it."""
    time.sleep(600)
    os._exit(0)


def say(mark: str) -> None:
    """One line for the agent."""
    os.write(1, f"::steelyard {mark}\n".encode())


def argv(folder: object, seconds: float, *how: str) -> list[str]:
    """The command of such a task."""
    return [sys.executable, "-I", "-S", FILE, str(folder), str(seconds), *how]


if __name__ == "__main__":
    main()
