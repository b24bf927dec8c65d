"""`steelyard preferences ...`: the settings, where each is from, and how to change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from steelyard.cli import completing, values
from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import NOTHING, duration, size
from steelyard.client.answers import Preferences


@click.group(short_help="List, set and reset preferences.")
def preferences() -> None:
    """List, set and reset preferences. The environment goes before a preference, and that before a default.

    A change holds for workers that start after it.

    \b
    Examples:
      steelyard preferences list
      steelyard preferences set worker_max_count=6 worker_peak_memory=12GiB
    """


@preferences.command("list", short_help="List all preferences, or show what one means.")
@click.argument("name", metavar="[NAME]", required=False, shell_complete=completing.preferences)
@connected
def list_(session: Session, name: str | None) -> None:
    """List all preferences with value and source, or show what the one called NAME means.

    \b
    Examples:
      steelyard preferences list
      steelyard preferences list worker_max_count
    """
    found = session.client.preferences()
    if session.out.as_json:
        session.out.document(found if name is None else _one(found, name))
    elif name is None:
        _table(session, found)
    else:
        session.out.pairs(_facts(_one(found, name)))


@preferences.command("set")
@click.argument(
    "pairs", metavar="NAME=VALUE...", nargs=-1, required=True, shell_complete=completing.assignments
)
@connected
def set_(session: Session, pairs: tuple[str, ...]) -> None:
    """Set preferences. All of them are changed or none.

    \b
    Examples:
      steelyard preferences set worker_max_count=6
      steelyard preferences set worker_task_timeout=72h python=/opt/env/bin/python
      steelyard preferences set task_environment.GRB_LICENSE_FILE=/opt/gurobi.lic
    """
    texts = values.pairs(pairs)
    found = session.client.preferences()
    schemas = found["schema"]["properties"]
    changes: dict[str, Any] = {}
    for name, text in texts.items():
        table, dot, variable = name.partition(".")
        if dot and _is_table(schemas.get(table, {})):
            changes[table] = {**(changes.get(table) or found["values"][table]), variable: text}
        else:
            changes[name] = values.typed(text, schemas.get(name, {}))
    _done(session, session.client.change_preferences(changes), list(changes))


@preferences.command()
@click.argument("names", metavar="NAME...", nargs=-1, shell_complete=completing.preferences)
@click.option("--all", "everything", is_flag=True, help="All that were set.")
@connected
def reset(session: Session, names: tuple[str, ...], everything: bool) -> None:
    """Put preferences back to their defaults.

    \b
    Examples:
      steelyard preferences reset worker_max_count
      steelyard preferences reset task_environment.GRB_LICENSE_FILE
      steelyard preferences reset --all
    """
    if bool(names) == everything:
        raise click.UsageError("name preferences, or all of them with --all")
    found = session.client.preferences()
    if everything:
        names = tuple(name for name, source in found["sources"].items() if source == "preference")
    changes: dict[str, Any] = {}
    for name in names:
        table, dot, variable = name.partition(".")
        if dot and _is_table(found["schema"]["properties"].get(table, {})):
            kept = changes.get(table, found["values"][table]) or {}
            changes[table] = {other: text for other, text in kept.items() if other != variable} or None
        else:
            changes[name] = None
    _done(session, session.client.change_preferences(changes), list(changes))


def _is_table(schema: Mapping[str, Any]) -> bool:
    """Whether a preference holds names with values, so that NAME.KEY is one of them."""
    return "additionalProperties" in schema


def _done(session: Session, found: Preferences, names: list[str]) -> None:
    if session.out.as_json:
        session.out.document(found)
        return
    for name in names:
        session.out.say(f"{name} is {_shown(found, name)} ({found['sources'][name]})")


def _one(found: Preferences, name: str) -> dict[str, Any]:
    if name not in found["values"]:
        raise click.BadParameter(f"there is no preference {name}; see: steelyard preferences list")
    return {
        "name": name,
        "value": found["values"][name],
        "shown": _lines(found["values"][name]) or _shown(found, name),
        "source": found["sources"][name],
        "schema": found["schema"]["properties"].get(name, {}),
    }


def _table(session: Session, found: Preferences) -> None:
    session.out.table(
        [
            Column("Preference", fixed=True),
            Column("Value", wraps=True),
            Column("Source", fixed=True),
            Column("Meaning", wraps=True),
        ],
        (
            [
                name,
                _shown(found, name),
                Text(source, style="yellow" if source == "environment" else ""),
                found["schema"]["properties"].get(name, {}).get("title", ""),
            ]
            for name, source in found["sources"].items()
        ),
    )
    if "environment" in found["sources"].values():
        session.out.hint("What is from the environment is changed there.")
    if found.get("notice"):
        session.out.note(str(found["notice"]))


def _facts(one: Mapping[str, Any]) -> list[tuple[str, str | Text]]:
    schema = one["schema"]
    pairs: list[tuple[str, str | Text]] = [
        ("Preference", one["name"]),
        ("Meaning", schema.get("description") or schema.get("title") or NOTHING),
        ("Value", one["shown"]),
        ("Source", one["source"]),
        ("Default", _default(schema)),
    ]
    if "minimum" in schema or "maximum" in schema:
        unit = f" {schema['x-unit']}" if "x-unit" in schema else ""
        low, high = schema.get("minimum", NOTHING), schema.get("maximum", NOTHING)
        pairs.append(("Range", f"{low} to {high}{unit}"))
    if "x-variable" in schema:
        pairs.append(("Variable", schema["x-variable"]))
    return pairs


def _shown(found: Preferences, name: str) -> str:
    schema = found["schema"]["properties"].get(name, {})
    return _default(schema) if found["values"][name] is None else in_words(found["values"][name], schema)


def _default(schema: Mapping[str, Any]) -> str:
    """The default: a value, or the rule for one."""
    if schema.get("default") is None:
        return str(schema.get("x-default") or "the program's rule")
    return in_words(schema["default"], schema)


def _lines(value: Any) -> str:
    """The variables of a table, for whoever asks for just these."""
    return "\n".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else ""


def in_words(value: Any, schema: Mapping[str, Any]) -> str:
    """The value of a preference with its unit."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if schema.get("x-unit") == "bytes":
            return size(value)
        if schema.get("x-unit") == "seconds":
            return f"{duration(value)} ({value:.12g} s)" if value >= 60 else f"{value:g} s"
    if isinstance(value, dict):
        return ", ".join(value) or "none"  # names alone: a value may be a secret
    if value is None:
        return NOTHING
    return str(value) if isinstance(value, str | Path) else json.dumps(value)
