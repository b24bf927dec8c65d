"""The section [run] of a simulation's file: in which folder its runs work, and what of it is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from steelyard.rules.workspace import Stated, pattern_fault
from steelyard.settings.wording import shown

KEYS = ("workspace", "copy", "link", "keep", "drop")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What [run] declares. workspace: None where nothing is stated. The others are patterns of paths."""

    workspace: Stated | None = None
    copy: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    @property
    def fresh(self) -> bool:
        """Whether each attempt works in a folder of its own."""
        return self.workspace == "fresh"

    def view(self) -> dict[str, Any]:
        """The section as clients see it."""
        return {"workspace": self.workspace, **{key: list(getattr(self, key)) for key in KEYS[1:]}}


NOTHING_STATED = Run()


def read_run(get: Callable[[str, Callable[[Any], Any], Any], Any], wrong: Callable[[str, str], None]) -> Run:
    """The section: get(key, read, default) reads a key, wrong(key, message) tells what is wrong with one."""
    run = Run(
        workspace=get("workspace", _workspace, None),
        **{key: get(key, _patterns, ()) or () for key in KEYS[1:]},
    )
    if not run.fresh:
        for key in KEYS[1:]:
            if getattr(run, key):
                wrong(key, 'expected workspace = "fresh" beside it: only such a run has files brought to it')
    return run


def _workspace(value: object) -> str:
    if value not in ("fresh", "shared"):
        raise ValueError(f'expected "fresh" or "shared", found {shown(value)}')
    return str(value)


def _patterns(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list) or not all(isinstance(e, str) for e in value):
        raise ValueError(f'expected a list of patterns like ["*.dat", "data/**"], found {shown(value)}')
    for pattern in value:
        fault = pattern_fault(pattern)
        if fault is not None:
            raise ValueError(f"{fault}, found {shown(pattern)}")
    return tuple(value)
