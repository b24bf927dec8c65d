"""The user's own environment, where a desktop program hands it over: for tasks alone, never the sidecar's."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class UsersEnvironment:
    """What tasks get over the sidecar's own environment. Nothing shows the values."""

    variables: dict[str, str] = field(default_factory=dict)
    source: str = ""
    """Where they are from, in words; empty: there are none but the sidecar's own."""
    left_out: list[str] = field(default_factory=list)
    """Names that tasks do not get."""
    note: str = ""
    """What a person should know about them, a sentence."""
