"""The table of commands, and the way in and out of all of them.

A command's module is imported when that command is called, so `steelyard --help` needs nothing but click.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys

import click
from click.exceptions import NoSuchCommand

from steelyard import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module of steelyard.cli, the first sentence of its help); the command is named as here, - as _
    "serve": ("serve", "Start the sidecar: the server that runs workers and tasks."),
    "open": ("open", "Open the pages in a browser, signed in."),
    "submit": ("submit", "Queue one task of a simulation."),
    "run": ("run", "Run any program as a task and show its output."),
    "sweep": ("sweeps", "Queue a task for each combination of parameter values."),
    "again": ("again", "Queue a task like another one, with changes."),
    "tasks": ("tasks", "List tasks, the newest first."),
    "task": ("tasks", "Show one task with all its attempts."),
    "logs": ("logs", "Show what a task has printed."),
    "files": ("files", "List or download the files that a task wrote."),
    "sweeps": ("sweep_views", "List sweeps, or show how far one is."),
    "results": ("results", "Show what came of a sweep: parameters against results."),
    "edit": ("edit", "Change priority, label, memory or tags of a task."),
    "cancel": ("task_actions", "End tasks that wait or run."),
    "retry": ("task_actions", "Queue failed or cancelled tasks again."),
    "suspend": ("task_actions", "Stop running tasks where they are."),
    "resume": ("task_actions", "Let suspended tasks go on."),
    "queue": ("queue", "Pause and resume the queue."),
    "workers": ("workers", "List, watch, add, drain and abort workers."),
    "simulations": ("simulations", "List, show and make simulations."),
    "forecast": ("forecast", "Show when the queue is done."),
    "events": ("events", "Show what has happened, and happens."),
    "preferences": ("preferences", "List, set and reset preferences."),
    "startup": ("startup", "Show or answer what the first page asks."),
    "system": ("system", "Show versions, paths, and what this machine admits."),
    "doctor": ("doctor", "Check this machine and this data directory."),
    "completion": ("completion", "Print the completion script of a shell."),
}

_OF_OUTPUT = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EBADF, errno.EINVAL})
"""How writing to stdout can fail."""

SECTIONS = {
    "Start": ("serve", "open", "startup"),
    "Queue work": ("submit", "run", "sweep", "again"),
    "Look": ("tasks", "task", "logs", "files", "sweeps", "results", "forecast", "events"),
    "Change": ("edit", "cancel", "retry", "suspend", "resume", "queue", "workers", "preferences"),
    "This machine": ("simulations", "system", "doctor", "completion"),
}
"""The commands as the help lists them."""

EPILOG = """\b
Examples:
  steelyard serve                                start the sidecar
  steelyard workers add                          start a worker
  steelyard open                                 see it all in a browser
  steelyard run -- python model.py --year 2030   run a program, see its output
  steelyard sweep steel-pathway -p pathway=a,b   queue one task for each value
  steelyard results 9f2c41aa03de                 see what came of a sweep
  steelyard tasks --state RUNNING                see what runs

\b
Exit status: 0 done · 1 refused · 2 bad usage · 3 no sidecar runs
             4 the task failed · 5 the task was cancelled · 130 Ctrl-C"""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the module of the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, from its module."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"steelyard.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.{cmd_name} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the names of the table for "did you mean"."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        width = max(len(name) for name in COMMANDS)
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), COMMANDS[name][1]) for name in names])


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="steelyard")
def app() -> None:
    """Run long, memory-hungry simulations side by side on one machine, safely."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command (without arguments: that of the process); the exit status of docs/command-line.md."""
    _open_streams()
    try:
        # Windows has no shell that expands; click would, also in what stands behind `run --`.
        status = app.main(arguments, "steelyard", standalone_mode=False, windows_expand_args=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        # On a terminal the cursor stands behind ^C, or behind a question.
        click.echo("\ninterrupted" if sys.stderr.isatty() else "interrupted", err=True)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has gone.
        _write_no_more()
        return 1
    except OSError as error:
        _write_no_more()
        click.echo(f"error: {_where(error)}{error.strerror or error}", err=True)
        return 1
    return status if isinstance(status, int) else 0


def _where(error: OSError) -> str:
    """What failed: a file, or the output; "" where neither is known."""
    if error.filename is not None:
        return f"{error.filename}: "
    return "the output cannot be written: " if error.errno in _OF_OUTPUT else ""


def _open_streams() -> None:
    """Make all three streams such that reading and writing them is no error by itself."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by who called (`>&-`): nothing else may take its number.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until the end
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows a replacement, and the command goes on.
            stream.reconfigure(errors="replace")


def _write_no_more() -> None:
    """What Python would flush to stdout at its exit must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
