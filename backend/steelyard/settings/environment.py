"""The settings that hold now: environment over preferences over defaults, each value with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from steelyard.rules.errors import StartError
from steelyard.settings.kinds import Value
from steelyard.settings.table import SETTINGS, Setting

Source = Literal["environment", "preference", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One value for each row of the table; seconds, bytes, counts. None: the program's own rule applies."""

    worker_max_count: int
    worker_task_timeout: float
    worker_startup_timeout: float
    worker_heartbeat_interval: float
    worker_log_dir: Path | None
    worker_queue_name: str
    worker_cleanup_age: float
    worker_peak_memory: int | None
    worker_memory_guard: int | None
    worker_cores: int | None
    worker_groups: str
    pause_on_battery_below: int
    priority_gain_after: float
    keep_tasks_for: float
    keep_tasks: int
    keep_worker_logs_for: float
    python: str | None
    task_environment: Mapping[str, str]
    simulations_dir: Path | None
    replace_crashed_workers: bool
    start_worker_at_launch: bool
    low_priority: bool
    theme: str
    notifications: bool
    keep_awake: str
    finish_in_tray: bool
    sources: Mapping[str, Source] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Key to value, as JSON has it."""
        found = {setting.key: getattr(self, setting.key) for setting in SETTINGS}
        return {key: str(value) if isinstance(value, Path) else value for key, value in found.items()}


def load(environ: Mapping[str, str], preferences: Mapping[str, object]) -> Settings:
    """The settings. An empty variable counts as not set; preferences it does not know are not its business.

    StartError bad_configuration for a variable out of range (it names variable, value and range),
    bad_preferences for a preference.
    """
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for setting in SETTINGS:
        values[setting.key], sources[setting.key] = _value(setting, environ, preferences)
    return Settings(**values, sources=sources)


def _value(
    setting: Setting, environ: Mapping[str, str], preferences: Mapping[str, object]
) -> tuple[Value | None, Source]:
    text = environ.get(setting.variable, "").strip() if setting.variable else ""
    if text:
        try:
            return setting.read(text), "environment"
        except ValueError as error:
            raise StartError(
                "bad_configuration",
                f"{setting.variable} is {_cut(text)!r}: {_reason(setting, error)}.",
                f"Correct or unset {setting.variable}, then start Steelyard again.",
            ) from error
    stated = preferences.get(setting.key)
    if stated is not None:
        try:
            return setting.read(stated), "preference"
        except ValueError as error:
            raise StartError(
                "bad_preferences",
                f"The preference {setting.key} is {_shown(setting, stated)}: {_reason(setting, error)}.",
                f"Correct or remove {setting.key} in preferences.json, then start Steelyard again.",
            ) from error
    return setting.default, "default"


def _reason(setting: Setting, error: ValueError) -> str:
    """What was expected, always with the range."""
    return str(error) if setting.range in str(error) else f"{error}; expected {setting.range}"


def _shown(setting: Setting, value: object) -> str:
    """A value for a message that may be logged: what variables hold is the user's business."""
    return "faulty" if setting.kind == "variables" else repr(_cut(value))


def _cut(value: object) -> object:
    return value if not isinstance(value, str) or len(value) <= 80 else value[:77] + "..."
