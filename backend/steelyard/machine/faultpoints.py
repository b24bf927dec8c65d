"""Named places between two steps, at which a test makes this process die or fail.

Store, supervisor, worker and web enter here. Nothing in the program arms a point and no setting does: only
code that imports this module and calls arm() (tests/helpers/armed.py). Unarmed, a reach is one comparison.
"""

from __future__ import annotations

from collections.abc import Callable

_COMMIT = ("before_commit", "after_commit")
_SEND = ("before_send", "after_send", "received")
_SPAWN = ("before_spawn", "after_spawn")

POINTS: dict[str, tuple[str, ...]] = {
    # changes of the database
    "submit": _COMMIT,
    "claim": _COMMIT,
    "note_start": _COMMIT,
    "note_checkpoint": _COMMIT,
    "finish": _COMMIT,
    "wake": _COMMIT,
    "retry": _COMMIT,
    "cancel": _COMMIT,
    "add_worker": _COMMIT,
    "greet": _COMMIT,
    "drain": _COMMIT,
    "end_worker": _COMMIT,
    "recover": ("before_kill", *_COMMIT),
    "migrate": ("before_backup", "after_backup", *_COMMIT),
    # messages between sidecar and agent, by their type
    "hello": _SEND,
    "ready": _SEND,
    "start": _SEND,
    "started": _SEND,
    "progress": _SEND,
    "checkpointed": _SEND,
    "stop": _SEND,
    "ended": _SEND,
    "exit": _SEND,
    # processes
    "worker": _SPAWN,
    "task": (*_SPAWN, "exited"),
    "abort": ("before_kill", "after_kill"),
    # what a client is told
    "answer": ("after_send",),
}
"""Step -> its moments, in their order. tests/faults/test_crashes.py fails where one is never reached."""

_armed: Callable[[str, str], None] | None = None


def reach(step: str, moment: str) -> None:
    """Say that this process has come to a place. Returns, unless a test has armed it."""
    if _armed is not None:
        _armed(step, moment)


def arm(on_reach: Callable[[str, str], None]) -> None:
    """From now on call on_reach(step, moment) at every place. It may raise, or never return."""
    global _armed
    _armed = on_reach
