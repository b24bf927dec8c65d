"""`steelyard system`: what the sidecar says of itself and its machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from steelyard.cli.checks import figures
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import duration, relative, size


@click.command(short_help="Show versions, paths, and what this machine admits.")
@connected
def system(session: Session) -> None:
    """Show versions, paths, and what this machine admits and why. `steelyard doctor` looks for problems.

    \b
    Example:
      steelyard system
    """
    found = session.client.system()
    if session.out.as_json:
        session.out.document(found)
    else:
        session.out.pairs(_facts(found, session.now))


def _facts(found: dict[str, Any], now: float) -> Iterator[tuple[str, str]]:
    yield "Steelyard", f"{found['version']}, started {relative(found['started_at'], now)}"
    yield "Python", f"{found['python']} on {found['platform']}"
    yield "Libraries", ", ".join(f"{name} {version}" for name, version in found["libraries"].items())
    yield "Data directory", found["data_dir"]
    yield "Logs", found["log_dir"]
    yield "Simulations", found["simulations_dir"]
    yield "Database", size(found["database_bytes"])
    yield "Slept", duration(found["asleep_s"]) if found["asleep_s"] >= 1 else "not since the start"
    for finding in figures(found["memory"], found["limits"]):
        yield finding.subject, finding.text
