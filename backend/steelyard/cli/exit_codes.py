"""What the exit status of a command says; docs/command-line.md tells users the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from steelyard.rules.states import TaskState

OK: Final = 0
REFUSED: Final = 1
BAD_USAGE: Final = 2
NO_SIDECAR: Final = 3
TASK_FAILED: Final = 4
TASK_CANCELLED: Final = 5
INTERRUPTED: Final = 130

OF_STATE: Final = {
    TaskState.SUCCEEDED: OK,
    TaskState.FAILED: TASK_FAILED,
    TaskState.CANCELLED: TASK_CANCELLED,
}
"""What a command that waited for a task ends with."""


def of_states(states: Iterable[str]) -> int:
    """What a command that waited for several ends with: the worst of them."""
    found = set(states)
    return next((OF_STATE[bad] for bad in (TaskState.FAILED, TaskState.CANCELLED) if bad in found), OK)
