"""The real program with fault points armed. As a file: `steelyard ...`, or with AGENT a worker.

What is armed stands in a plan, a folder that FAULT_PLAN names. `plan.json` is a list of [step, moment, n,
action], carried out one after the other, each once, by whichever process comes there first; then there is
`fired-<k>` for entry k. The program itself knows nothing of all this.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAN = "FAULT_PLAN"
NEXT_SCHEMA = "FAULT_NEXT_SCHEMA"
"""Where this variable is there, the program knows a schema more than it does."""
AGENT = "--agent"


class Plan:
    """Listens to fault points in one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries = [tuple(entry) for entry in json.loads((folder / "plan.json").read_text())]
        self._count = 0
        self._at = -1

    def reach(self, step: str, moment: str) -> None:
        """Do what the plan says for this place now."""
        at = sum(1 for _ in self._folder.glob("fired-*"))
        if at != self._at:
            self._at, self._count = at, 0
        if at >= len(self._entries) or self._entries[at][:2] != (step, moment):
            return
        self._count += 1
        _, _, nth, action = self._entries[at]
        if self._count == nth and self._take(at):
            act(action, moment)

    def _take(self, at: int) -> bool:
        try:
            os.close(os.open(self._folder / f"fired-{at}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


def act(action: str, moment: str) -> None:
    """Die as asked, or have the disk be full."""
    if action == "exit":
        os._exit(70)
    elif action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "full" and moment.endswith("_commit"):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
        raise error
    elif action == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    else:
        raise ValueError(f"no action {action!r}")


def main() -> int:
    """Arm this process, and be the program."""
    sys.path.insert(0, str(ROOT / "backend"))
    from steelyard.machine import faultpoints

    faultpoints.arm(Plan(Path(os.environ[PLAN])).reach)
    if sys.argv[1:] == [AGENT]:
        from steelyard.worker import agent

        return agent.main()
    from steelyard.cli.app import main as steelyard
    from steelyard.store import database
    from steelyard.supervisor import spawn

    spawn.worker_command = lambda: [sys.executable, "-X", "utf8", __file__, AGENT]
    if NEXT_SCHEMA in os.environ:
        # So that there is something to migrate: a table more.
        now = database.SCHEMA_VERSION
        further = {now: lambda connection: connection.execute("CREATE TABLE later(id INTEGER) STRICT")}
        given = database.Database.open.__func__.__kwdefaults__
        given.update(migrations={**given["migrations"], **further}, target=now + 1)
    return steelyard() or 0


if __name__ == "__main__":
    sys.exit(main())
