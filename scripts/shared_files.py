"""Writes what is made from the code's own tables: shared/*.json and the table in docs/configuration.md.

Run it after a change of a table: `.venv/bin/python scripts/shared_files.py`. `--check` writes nothing and
fails if a file is not what the code says; tests/unit/test_shared_files.py asks the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from steelyard.rules import errors, protocol, states
from steelyard.settings.table import SETTINGS, preferences_schema
from steelyard.web.errors import STATUS

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- begin: made by scripts/shared_files.py -->"
END = "<!-- end -->"


def protocol_text() -> str:
    """shared/protocol.json: states, causes, codes, events and channels, for whoever is not Python."""
    workers = _pairs(states.WORKER_TRANSITIONS)
    tasks = _pairs(states.TASK_TRANSITIONS)
    return _json(
        {
            "description": "Made by scripts/shared_files.py from backend/steelyard/rules and web/errors.py.",
            "worker": {
                "states": [state.value for state in states.WorkerState],
                "live": sorted(states.LIVE_WORKERS),
                "ended": sorted(states.ENDED_WORKERS),
                "transitions": workers,
            },
            "task": {
                "states": [state.value for state in states.TaskState],
                "ended": sorted(states.ENDED_TASKS),
                "transitions": tasks,
                "causes": [cause.value for cause in states.Cause],
            },
            "errors": {kind.code: status for kind, status in STATUS.items()},
            "fatal": sorted(errors.FATAL_CODES),
            "events": {
                "snapshot": protocol.SNAPSHOT,
                "stored": list(protocol.STORED),
                "passing": list(protocol.PASSING),
            },
            "channels": {"topics": list(protocol.TOPICS), "log": protocol.LOG_TOPIC + "<task id>"},
            "close": protocol.CLOSE_CODES,
            "hello": {
                "v": protocol.HELLO_VERSION,
                "stdout": list(protocol.STDOUT_EVENTS),
                "stdin": list(protocol.STDIN_TYPES),
                "power": list(protocol.POWER_EVENTS),
                "shutdown": list(protocol.SHUTDOWN_MODES),
            },
        }
    )


def preferences_text() -> str:
    """shared/preferences.schema.json."""
    return _json(preferences_schema())


def configuration_text(current: str) -> str:
    """docs/configuration.md with its table made anew; ValueError if the two marks are not in it."""
    before, begin, rest = current.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/configuration.md lacks {BEGIN} or {END}")
    rows = [
        "| variable | preference | default | range | meaning |",
        "|---|---|---|---|---|",
        *(
            f"| {_code(setting.variable)} | `{setting.key}` | {_code(setting.said_default)} "
            f"| {_code(setting.range) if setting.kind == 'name' else setting.range} | {setting.meaning} |"
            for setting in SETTINGS
        ),
        "| `STEELYARD_DATA_DIR` |  | the platform's place | a folder that can be written | Data directory. |",
    ]
    return before + BEGIN + "\n\n" + "\n".join(rows) + "\n\n" + END + after


FILES: Mapping[str, Callable[[str], str]] = {
    "shared/protocol.json": lambda _: protocol_text(),
    "shared/preferences.schema.json": lambda _: preferences_text(),
    "docs/configuration.md": configuration_text,
}
"""Path below the root to what makes its text from the text that is there."""


def stale(root: Path = ROOT) -> list[str]:
    """The files that are not what the code says."""
    return [name for name, make in FILES.items() if make(_read(root / name)) != _read(root / name)]


def write(root: Path = ROOT) -> list[str]:
    """Writes those files anew and gives their names."""
    changed = stale(root)
    for name in changed:
        (root / name).write_text(FILES[name](_read(root / name)), encoding="utf-8", newline="\n")
    return changed


def main() -> int:
    """Writes, or with --check only looks: then 1 if something is stale."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something is stale")
    check = parser.parse_args().check
    names = stale() if check else write()
    for name in names:
        print(f"{name} {'is not what the code says' if check else 'was written'}")
    return 1 if check and names else 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _pairs(transitions: frozenset[tuple[str, str]]) -> list[list[str]]:
    return sorted([str(old), str(new)] for old, new in transitions)


def _code(text: str | None) -> str:
    """As code, unless it is a phrase or nothing."""
    return "" if not text else text if " " in text and "<" not in text else f"`{text}`"


if __name__ == "__main__":
    sys.exit(main())
