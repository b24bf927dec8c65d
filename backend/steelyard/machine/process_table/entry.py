"""One line of the process table, the same on every system."""

from __future__ import annotations


class Entry:
    """A process as the kernel showed it at one moment.

    identity: text that no other process, before or after, has together with this pid.
    ended: it is a zombie: nothing of it runs any more, only its exit status waits.
    stopped: it is suspended (SIGSTOP, or a debugger).
    program: the file name of its program; empty where the table does not tell it by itself.
    """

    __slots__ = ("ended", "identity", "parent", "pid", "program", "stopped")

    def __init__(
        self, pid: int, parent: int, identity: str, *, ended: bool, stopped: bool, program: str = ""
    ) -> None:
        self.pid = pid
        self.parent = parent
        self.identity = identity
        self.ended = ended
        self.stopped = stopped
        self.program = program
