"""`steelyard system`: what the sidecar says of itself and its machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from steelyard.cli.checks import figures, task_environment
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import duration, relative, size

_LOG_LINES, _LOG_BYTES = 100, 100_000


@click.command(short_help="Show versions, paths, and what this machine admits.")
@click.option("--log", "shows_log", is_flag=True, help="Show the end of the sidecar's own log instead.")
@click.option(
    "--diagnostics",
    "diagnostics",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.zip",
    help="Write a zip for whoever helps: no secrets, parameters, results.",
)
@connected
def system(session: Session, shows_log: bool, diagnostics: Path | None) -> None:
    """Show versions, paths, and what this machine admits and why. `steelyard doctor` looks for problems.

    \b
    Examples:
      steelyard system
      steelyard system --diagnostics steelyard.zip
    """
    if diagnostics is not None:
        written = str(session.client.diagnostics(diagnostics))
        if session.out.as_json:
            session.out.document({"file": written})
        else:
            session.out.say(written)
        return
    found = session.client.system()
    if shows_log:
        _log(session, Path(found["data_dir"]) / "logs" / "sidecar.log")
    elif session.out.as_json:
        session.out.document(found)
    else:
        session.out.pairs(_facts(found, session.now))


def _log(session: Session, path: Path) -> None:
    """The last lines of the log, which lies on this machine."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LOG_BYTES))
        text = file.read().decode("utf-8", "replace")
    lines = text.splitlines(keepends=True)[-_LOG_LINES:]
    if session.out.as_json:
        session.out.document({"file": str(path), "text": "".join(lines)})
    else:
        session.out.text("".join(lines))


def _facts(found: dict[str, Any], now: float) -> Iterator[tuple[str, str]]:
    yield "Steelyard", f"{found['version']}, started {relative(found['started_at'], now)}"
    yield "Python", f"{found['python']} on {found['platform']}"
    yield "Libraries", ", ".join(f"{name} {version}" for name, version in found["libraries"].items())
    yield "Data directory", found["data_dir"]
    yield "Logs", found["log_dir"]
    yield "Simulations", found["simulations_dir"]
    yield "Database", size(found["database_bytes"])
    yield "Slept", duration(found["asleep_s"]) if found["asleep_s"] >= 1 else "not since the start"
    for finding in (*task_environment(found["task_environment"]), *figures(found["memory"], found["limits"])):
        yield finding.subject, finding.text
