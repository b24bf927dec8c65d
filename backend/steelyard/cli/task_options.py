"""The options that submit, run and sweep share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from steelyard.cli import sweep_ids
from steelyard.client import Client
from steelyard.machine.clocks import SystemClocks
from steelyard.rules.errors import NotFound
from steelyard.rules.quantities import parse_duration, parse_size
from steelyard.rules.timestamps import iso


class Size(click.ParamType[int]):
    """Bytes: 8GiB, "8 GB", 8589934592."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes, or bad usage with the sentence of the rules."""
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[float]):
    """Seconds: 90s, 15m, 48h, 2d, 90."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, or bad usage with the sentence of the rules."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[str]):
    """A moment: 2026-01-15T22:00 (here; with Z or an offset: there), or a duration from now: 2h."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """ISO-8601 in UTC, or bad usage."""
        text = str(value)
        try:
            # An hour that summer time leaves out is taken for the one after it.
            moment = datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError, OSError):
            try:
                moment = SystemClocks().wall() + parse_duration(text)
            except ValueError:
                self.fail(
                    f"{text!r} is neither a moment like 2026-01-15T22:00 nor a duration like 2h", param, ctx
                )
        return iso(moment) or ""


def task_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what may be said of any task; the values reach the command in one dictionary, `options`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


NAMES = (
    "label",
    "priority",
    "memory",
    "timeout",
    "attempts",
    "queue",
    "not_before",
    "after",
    "tags",
    "force",
)
"""Options of task_options(), as the API calls them."""


def asked(options: dict[str, Any], client: Client) -> dict[str, Any]:
    """Those of task_options() that were given, as fields of a request. Cut ids are completed, and the id of a
    sweep after which something is to run stands for all its tasks.
    """
    fields: dict[str, Any] = {}
    for name in NAMES:
        value = options[name]
        if value not in (None, (), False):
            fields[name] = list(value) if isinstance(value, tuple) else value
    if "after" in fields:
        fields["after"] = [one for given in fields["after"] for one in _tasks_of(client, given)]
    return fields


def _tasks_of(client: Client, given: str) -> list[str]:
    """The task with that id, or all tasks of the sweep with it. NotFound, InvalidRequest."""
    try:
        return [client.task(client.resolve(given))["task_id"]]
    except NotFound:
        try:
            sweep_id = sweep_ids.resolve(client, given)
        except NotFound:
            raise NotFound(f"There is no task and no sweep {given}.") from None
    return [task["task_id"] for task in client.tasks(sweep=sweep_id)]


_OPTIONS = (
    click.option("--label", help="A name that tells it from others."),
    click.option("--priority", type=click.IntRange(-100, 100), help="-100 to 100; higher goes first."),
    click.option(
        "--memory", type=Size(), help="Expected peak, as 8GiB: the task starts only when that fits."
    ),
    click.option("--timeout", type=Duration(), help="Longest an attempt may take, as 48h; 0 is no limit."),
    click.option("--attempts", type=click.IntRange(1, 100), help="Attempts before it counts as failed."),
    click.option("--queue", help="Queue whose workers may run it."),
    click.option("--not-before", type=Moment(), help="Earliest start: 2026-01-15T22:00, or 2h from now."),
    click.option(
        "--after",
        multiple=True,
        metavar="ID",
        help="Task that must succeed first, or sweep of which all must; repeatable.",
    ),
    click.option("--tag", "tags", multiple=True, help="Tag to find it by; repeatable."),
    click.option("--force", is_flag=True, help="Queue it even if its memory can never fit."),
)
