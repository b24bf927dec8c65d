"""What every command that talks to a sidecar shares: finding it, and saying why something was refused."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from steelyard.cli import exit_codes
from steelyard.cli.output import Output
from steelyard.cli.wording import plain
from steelyard.client import Client
from steelyard.client.errors import NoSidecar
from steelyard.machine.clocks import Clocks, SystemClocks
from steelyard.rules.errors import SteelyardError
from steelyard.rules.quantities import format_size

PATIENCE = 30.0
"""Seconds that a sidecar may be gone while a command waits for something."""

_OVERRIDES = {
    "insufficient_memory": "start it all the same, at the risk of a crash",
    "no_cores": "let workers share the cores",
    "will_never_fit": "queue it all the same",
}
"""What --force would do about a refusal, for commands that have it."""
_BYTES = frozenset({"need", "headroom", "most", "available", "total", "guard", "free"})
"""Fields of a refusal's detail that hold bytes."""


@dataclass(frozen=True, slots=True)
class Session:
    """A command's conversation with its sidecar."""

    client: Client
    out: Output
    clocks: Clocks

    @property
    def now(self) -> float:
        """Unix seconds, for "3 min ago"."""
        return self.clocks.wall()

    def answer(self) -> Any:
        """The server's last answer, word for word: what --json prints."""
        last = self.client.connection.last
        return None if last is None else last.json()


class Refusal(click.ClickException):
    """A SteelyardError on its way to stderr: one line with its code, then its details."""

    exit_code = exit_codes.REFUSED

    def __init__(self, error: SteelyardError, as_json: bool, remedy: str | None = None) -> None:
        super().__init__(error.message)
        self.ctx = click.get_current_context(silent=True)
        self.error = error
        self.as_json = as_json
        self.remedy = remedy

    def show(self, file: Any = None) -> None:
        """Write it to stderr; with --json as the API's error document."""
        error = self.error
        if self.as_json:
            document = {"code": error.code, "message": error.message, "detail": error.detail}
            click.echo(json.dumps({"error": document}), err=True)
            return
        click.echo(f"error: {plain(error.message)} [{error.code}]", err=True)
        for line in _details(error):
            click.echo(f"  {line}", err=True)
        if self.remedy:
            click.echo(self.remedy, err=True)
        if error.code in _OVERRIDES and _has_force(self.ctx):
            click.echo(f"--force would {_OVERRIDES[error.code]}.", err=True)


class Missing(Refusal):
    """There is no sidecar to ask."""

    exit_code = exit_codes.NO_SIDECAR


class Interrupted(click.ClickException):
    """Ctrl-C while a command waited for something that goes on without it."""

    exit_code = exit_codes.INTERRUPTED

    def show(self, file: Any = None) -> None:
        """Say what goes on, and how to end it."""
        click.echo(f"\n{self.message}", err=True)


def _has_force(context: click.Context | None) -> bool:
    return context is not None and any("--force" in one.opts for one in context.command.params)


def _details(error: SteelyardError) -> Iterator[str]:
    """What the message does not say already: each wrong parameter, and the figures."""
    for wrong in error.detail.get("errors") or ():
        if isinstance(wrong, dict) and f"{wrong.get('path')}: {wrong.get('message')}" not in error.message:
            which = f"task {wrong['task'] + 1}: " if "task" in wrong else ""
            yield plain(f"{which}{wrong.get('path')}: {wrong.get('message')}")
    for name in sorted(_BYTES & error.detail.keys()):
        figure = error.detail[name]
        if isinstance(figure, int | float) and format_size(figure) not in error.message:
            yield f"{name} {format_size(figure)}"


def data_dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --data-dir: which sidecar is meant."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data directory of the sidecar; without it STEELYARD_DATA_DIR, else the platform's.",
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print the server's answer as JSON.")(command)


@contextmanager
def told(as_json: bool, data_dir: Path | None) -> Iterator[None]:
    """Turns refusals of the body into words on stderr and an exit status."""
    try:
        yield
    except SteelyardError as error:
        if isinstance(error, NoSidecar):
            where = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
            raise Missing(error, as_json, f"{NoSidecar.remedy}{where}") from error
        raise Refusal(error, as_json) from error


def connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command a Session as its first argument, and the options --data-dir and --json."""

    @data_dir_option
    @json_option
    @functools.wraps(command)
    def call(*args: Any, data_dir: Path | None, as_json: bool, **options: Any) -> Any:
        out = Output(as_json)
        with told(as_json, data_dir), Client.find(data_dir, patience=PATIENCE, tell=out.hint) as client:
            return command(Session(client, out, SystemClocks()), *args, **options)

    return call


@contextmanager
def goes_on(what: str, how_to_end: str) -> Iterator[None]:
    """Says that the work goes on when the body's waiting for it ends by Ctrl-C (130) or without a sidecar."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"{what} goes on. End it with: {how_to_end}") from None
    except NoSidecar as error:
        raise NoSidecar(f"{error.message}. {what} is kept: it goes on with the next sidecar") from error
