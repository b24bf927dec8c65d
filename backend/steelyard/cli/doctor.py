"""`steelyard doctor`: what this machine admits and why, and what is wrong; with and without a sidecar."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from steelyard.cli import checks, exit_codes, repairing, repairs
from steelyard.cli.checks import Finding
from steelyard.cli.output import Output
from steelyard.cli.session import data_dir_option
from steelyard.client import Client
from steelyard.client.errors import NoSidecar
from steelyard.client.record import read_record
from steelyard.machine.paths import DataDirectory, data_directory
from steelyard.rules.errors import StartError, SteelyardError
from steelyard.settings import environment
from steelyard.settings.table import preferences_schema

_STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


@click.command(short_help="Check this machine and this data directory.")
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--repair", is_flag=True, help="Mend what can be mended, after asking; no sidecar may run.")
@click.option("--yes", is_flag=True, help="With --repair: do not ask.")
@click.option("--discard", is_flag=True, help="With --repair: also remove what was set aside, for good.")
def doctor(data_dir: Path | None, as_json: bool, repair: bool, yes: bool, discard: bool) -> int:
    """Check this machine and this data directory. Nothing is changed without --repair; exit 1 if there is a
    problem, or if something that could be mended was not.

    \b
    Examples:
      steelyard doctor
      steelyard doctor --data-dir ~/runs --json
      steelyard doctor --repair
    """
    folder = data_directory(os.environ) if data_dir is None else data_dir.absolute()
    if repair:
        return repairing.repair(DataDirectory(folder), Output(as_json), yes=yes, discard=discard)
    if yes or discard:
        raise click.UsageError("--yes and --discard say how to --repair.")
    findings = list(_findings(DataDirectory(folder)))
    out = Output(as_json)
    problems = sum(finding.level == "problem" for finding in findings)
    if as_json:
        out.document({"problems": problems, "findings": [asdict(finding) for finding in findings]})
    else:
        out.pairs((finding.subject, _line(finding)) for finding in findings)
        if problems:
            out.note(f"{problems} problem{'s' if problems > 1 else ''} found")
    return exit_codes.REFUSED if problems else exit_codes.OK


def _line(finding: Finding) -> Text:
    # The word stands beside the colour, for whoever sees none.
    return Text.assemble((f"{finding.level:<8}", _STYLES[finding.level]), finding.text)


def _findings(data: DataDirectory) -> Iterator[Finding]:
    yield from checks.program()
    yield from checks.directory(data)
    yield from checks.shared_memory()
    yield from _python(data)
    try:
        record = read_record(data.path)
    except NoSidecar as error:
        yield Finding("Sidecar", "note", f"{error.message}; start one with: steelyard serve")
        yield from _without_sidecar(data)
        return
    try:
        with Client(record.url, record.token) as client:
            system = client.system()
            yield Finding("Sidecar", "ok", f"{system['version']}, process {record.pid}, {record.url}")
            yield from checks.figures(system["memory"], system["limits"])
            yield from checks.settings(client.preferences())
            yield from checks.task_environment(system["task_environment"])
            found = client.simulations()
            last = client.connection.last
            errors = last.json().get("errors") if last is not None else None
            yield from checks.catalogued(sorted(one["name"] for one in found), errors or [])
            yield Finding("Database", "ok", "in use by the sidecar, which checked it at its start")
    except SteelyardError as error:
        yield Finding("Sidecar", "problem", f"{error.message} [{error.code}]")


def _python(data: DataDirectory) -> Iterator[Finding]:
    try:
        stated = environment.load(os.environ, checks.preferences(data)).python
    except StartError:
        return  # told under Settings
    yield from checks.simulation_python(stated)


def _without_sidecar(data: DataDirectory) -> Iterator[Finding]:
    folder = data.simulations
    try:
        settings = environment.load(os.environ, checks.preferences(data))
        folder = settings.simulations_dir or folder
    except StartError as error:
        yield Finding("Settings", "problem", f"{error.message} {error.remedy}")
    else:
        yield from checks.settings(
            {
                "values": {key: getattr(settings, key) for key in settings.sources},
                "sources": settings.sources,
                "schema": preferences_schema(),
            }
        )
        yield from checks.machine(settings)
    yield from checks.simulations(folder)
    yield from checks.database(data)
    yield from _to_mend(data)


def _to_mend(data: DataDirectory) -> Iterator[Finding]:
    """What --repair would do something about; damage was told already."""
    for one in repairs.plan(data):
        if not one.urgent:
            yield Finding(one.subject, "note", f"{one.wrong}; to {one.remedy}: steelyard doctor --repair")
    lost = repairs.without_folders(data)
    if lost is not None:
        yield Finding("Task folders", "note", lost)
