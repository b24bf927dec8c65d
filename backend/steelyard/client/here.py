"""What the program that uses a client has in its environment, and tasks have not."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from typing import Any


def programs_of_here(system: Mapping[str, Any], stated: Container[str]) -> dict[str, str | None]:
    """What decides which programs are found, where it is another here than tasks get by themselves.

    None: tasks have it, and here it is not set. system: the answer of system(). Without what is in stated.
    """
    return {
        name: os.environ.get(name)
        for name, value in system["task_environment"]["programs"].items()
        if name not in stated and os.environ.get(name) != value
    }
