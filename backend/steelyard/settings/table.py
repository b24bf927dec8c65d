"""The one table of settings. Names, ranges, defaults, schema and docs/configuration.md come from it.

A setting is a variable in the environment, a key in preferences.json, or both; then the environment wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from steelyard.rules.quantities import MIB, TIB, format_size
from steelyard.settings.kinds import RANGES, READERS, SCHEMAS, Kind, Value
from steelyard.settings.wording import shown

YEAR = 31_536_000
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    key: its name in preferences.json and in Settings. variable: in the environment, None if it has none.
    default: a value of its kind, None if the program works it out; default_text then says how.
    low, high: the range, both included, in bytes, seconds or a count.
    title and meaning: for the preferences pane and the documentation. choices: the words of a choice.
    desktop: the desktop program reads it, and nobody else; the sidecar keeps it.
    """

    key: str
    variable: str | None
    kind: Kind
    default: Value | None
    title: str
    meaning: str
    low: int = 0
    high: int = 0
    default_text: str = ""
    choices: tuple[str, ...] = ()
    desktop: bool = False

    def read(self, value: object) -> Value:
        """The value, from the environment's text or from JSON. ValueError with what was expected."""
        found = READERS[self.kind](value)
        counts = self.kind in ("integer", "duration", "size")
        if counts and isinstance(found, int | float) and not self.low <= found <= self.high:
            raise ValueError(f"expected {self.range}")
        if self.choices and found not in self.choices:
            raise ValueError(f"expected {self.range}, found {shown(value)}")
        return found

    @property
    def range(self) -> str:
        """What values there are, for people: "0 to 256", "16 MiB to 64 TiB", "true or false"."""
        if self.kind == "size":
            return f"{_round_size(self.low)} to {_round_size(self.high)}"
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.kind in RANGES:
            return RANGES[self.kind]
        return f"{self.low} to {self.high}" + (" seconds" if self.kind == "duration" else "")

    @property
    def said_default(self) -> str:
        """The default, for people."""
        if self.default_text or self.default is None:
            return self.default_text
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return f"{self.default:.0f}" if isinstance(self.default, float) else str(self.default)

    @property
    def schema(self) -> dict[str, object]:
        """JSON Schema of the value in preferences.json; of a text with a unit it knows the form only."""
        schema: dict[str, object] = {"title": self.title, "description": self.meaning, **SCHEMAS[self.kind]}
        if self.kind in ("integer", "duration", "size"):
            schema |= {"minimum": self.low, "maximum": self.high}
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.desktop:
            schema["x-desktop"] = True
        if self.default is not None:
            schema["default"] = str(self.default) if isinstance(self.default, Path) else self.default
        if self.default_text:
            schema["x-default"] = self.default_text
        if self.variable:
            schema["x-variable"] = self.variable
        return schema


def _of_worker(
    variable: str,
    kind: Kind,
    default: Value | None,
    title: str,
    meaning: str,
    span: tuple[int, int] = (0, 0),
    default_text: str = "",
) -> Setting:
    """A setting that has one name: in the environment in capitals, in the preferences in small letters."""
    return Setting(variable.lower(), variable, kind, default, title, meaning, *span, default_text)


def _round_size(size: int) -> str:
    """8 GiB where format_size says 8.0 GiB; the sizes of the table are round."""
    return format_size(size).replace(".0 ", " ")


SETTINGS: tuple[Setting, ...] = (
    _of_worker(
        "WORKER_MAX_COUNT",
        "integer",
        4,
        "Most workers",
        "Hard cap of workers; `force` does not pass it.",
        (0, 256),
    ),
    _of_worker(
        "WORKER_TASK_TIMEOUT",
        "duration",
        172800.0,
        "Time limit of a task",
        "Seconds of awake time that an attempt may take, unless its task or simulation says otherwise; "
        "0 is no limit.",
        (0, YEAR),
    ),
    _of_worker(
        "WORKER_STARTUP_TIMEOUT",
        "duration",
        30.0,
        "Time limit of a worker's start",
        "Seconds from the start of a worker's process to its handshake.",
        (1, 600),
    ),
    _of_worker(
        "WORKER_HEARTBEAT_INTERVAL",
        "duration",
        30.0,
        "Time between heartbeats",
        "Seconds of awake time between a worker's heartbeats; the handshake is the first.",
        (1, 600),
    ),
    _of_worker(
        "WORKER_LOG_DIR",
        "directory",
        None,
        "Folder of the workers' logs",
        "Where the workers' logs lie; made if it is not there.",
        default_text="<data dir>/logs",
    ),
    _of_worker(
        "WORKER_QUEUE_NAME",
        "name",
        "default",
        "Queue",
        "The queue that a new worker serves.",
    ),
    _of_worker(
        "WORKER_CLEANUP_AGE",
        "duration",
        1800.0,
        "How long an ended worker stays listed",
        "Seconds after its end that a DEAD or FAILED worker stays listed; its row and log are kept.",
        (0, YEAR),
    ),
    _of_worker(
        "WORKER_PEAK_MEMORY",
        "size",
        None,
        "Memory of an unknown task",
        "What a task claims of which nothing is known.",
        (16 * MIB, 64 * TIB),
        "8 GiB, or all but the guard on a smaller machine",
    ),
    _of_worker(
        "WORKER_MEMORY_GUARD",
        "size",
        None,
        "Memory guard",
        "Memory that is never given to workers.",
        (0, 64 * TIB),
        "10 % of the memory, at least 2 GiB; 1 GiB more on Windows",
    ),
    _of_worker(
        "WORKER_CORES",
        "integer",
        None,
        "Cores",
        "How many cores workers may use together.",
        (1, 1024),
        "the physical cores that Steelyard may use",
    ),
    Setting(
        "worker_groups",
        "WORKER_GROUPS",
        "choice",
        "auto",
        "Count memory by control groups",
        "Let the kernel count what a worker's tasks hold: where systemd has delegated the group of Steelyard "
        "to it, also as root under version 1, or never. From the next start on; Linux only.",
        choices=("auto", "on", "off"),
    ),
    Setting(
        "pause_on_battery_below",
        None,
        "integer",
        20,
        "Pause on a low battery",
        "Below so many per cent of charge, and not on mains, nothing new starts; what runs goes on. "
        "0: never.",
        high=100,
    ),
    Setting(
        "priority_gain_after",
        None,
        "duration",
        0.0,
        "Let priorities grow",
        "Seconds of waiting after which a task counts as one priority higher, again and again, so that "
        "nothing waits for ever behind what is more urgent. 0: never.",
        high=YEAR,
    ),
    Setting(
        "keep_tasks_for",
        None,
        "duration",
        0.0,
        "How long ended tasks are kept",
        "Seconds after its end that a task is kept; then it goes from the history, with its folder and "
        "results. 0: for ever. One that can go on from a checkpoint, or another waits for, always stays.",
        high=10 * YEAR,
    ),
    Setting(
        "keep_tasks",
        None,
        "integer",
        0,
        "How many ended tasks are kept",
        "The latest so many ended tasks are kept; older ones go like those that are too old. 0: all.",
        high=10_000_000,
    ),
    Setting(
        "keep_worker_logs_for",
        None,
        "duration",
        90 * 86_400.0,
        "How long the logs of ended workers are kept",
        "Seconds after its end that a worker's row and log are kept; 0: for ever.",
        high=10 * YEAR,
    ),
    Setting(
        "python",
        "STEELYARD_PYTHON",
        "program",
        None,
        "Python of the simulations",
        "The Python that runs simulations whose file names none, the bundled one among them.",
        default_text="the Python that runs Steelyard; packaged, the first python3 or python on the PATH",
    ),
    Setting(
        "task_environment",
        None,
        "variables",
        {},
        "Variables of all tasks",
        "Environment of every task, over the sidecar's own; a simulation's file and a task go before it. "
        "Holds for tasks that start from then on.",
        default_text="none",
    ),
    Setting(
        "simulations_dir",
        None,
        "folder",
        None,
        "Folder of your simulations",
        "Where your simulations' TOML files lie, from the next start on.",
        default_text="<data dir>/simulations",
    ),
    Setting(
        "replace_crashed_workers",
        None,
        "boolean",
        True,
        "Replace crashed workers",
        "Start another worker for one that crashed, at most 5 times in a row, if it is admitted.",
    ),
    Setting(
        "start_worker_at_launch",
        None,
        "boolean",
        True,
        "Start a worker at launch",
        "Start a worker when the window opens, or ask if the memory does not suffice.",
    ),
    Setting(
        "low_priority",
        None,
        "boolean",
        False,
        "Run tasks at low priority",
        "Let other programs go first on the CPU and, on Linux, on the disk; tasks take longer while those "
        "are busy.",
    ),
    Setting(
        "theme",
        None,
        "choice",
        "system",
        "Colours",
        "Light or dark, or as the system is.",
        choices=("system", "light", "dark"),
        desktop=True,
    ),
    Setting(
        "notifications",
        None,
        "boolean",
        True,
        "Notify when tasks end",
        "A notification when a task or a whole sweep ends, unless the window has the focus.",
        desktop=True,
    ),
    Setting(
        "keep_awake",
        None,
        "choice",
        "always",
        "Keep the machine awake",
        "While tasks run: always, on mains only, or never.",
        choices=("always", "mains", "never"),
        desktop=True,
    ),
    Setting(
        "finish_in_tray",
        None,
        "boolean",
        False,
        "Finish in the tray",
        "Closing the window while tasks run lets them finish in the background, without a question.",
        desktop=True,
    ),
)
"""Every setting but STEELYARD_DATA_DIR, which is needed before preferences.json can be found."""

BY_KEY = {setting.key: setting for setting in SETTINGS}


def preferences_schema() -> dict[str, object]:
    """JSON Schema of preferences.json, as shared/preferences.schema.json holds it for the desktop program.

    Unknown keys pass: a newer Steelyard may have put them there.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Preferences of Steelyard",
        "description": "Made by scripts/shared_files.py from backend/steelyard/settings/table.py. "
        "A variable of the environment (x-variable) overrides a preference.",
        "type": "object",
        "properties": {setting.key: setting.schema for setting in SETTINGS},
    }
