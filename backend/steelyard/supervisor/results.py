"""Read the result that an attempt left in its output folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

NAME = "result.json"
LIMIT = 64 * 1024
"""Bytes of result.json kept in the task's row; a larger result stays in its file alone."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """What result.json held."""

    value: Any = None
    """Its JSON value; None where there is none to keep."""
    remark: str | None = None
    """For people: why not all of it was taken."""


def read_result(folder: Path) -> ResultFile:
    """The result.json of an output folder. Blocks: it reads a stranger's file. Call it in a thread, and
    expect any exception.
    """
    path = folder / NAME
    try:
        if path.is_symlink() or path.stat().st_size > LIMIT:
            return ResultFile()
        return ResultFile(msgspec.json.decode(path.read_bytes()))
    except (OSError, msgspec.DecodeError, RecursionError):
        return ResultFile()
