"""`steelyard serve`: the sidecar's life from the first line of stdout to the exit status."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import uuid

import click

from steelyard.cli.sidecar import Sidecar
from steelyard.cli.sidecar_parent import Hello, ParentPipe, say
from steelyard.machine.loop_meter import LoopMeter
from steelyard.machine.paths import DataDirectory, data_directory
from steelyard.rules.errors import StartError

BROKEN = 1
"""Exit status of a sidecar that a fault of ours kept from doing its work."""
FATAL = 2
"""Exit status of a start that failed: the desktop program shows what the `fatal` line says, and tries no
second time.
"""


@click.command()
@click.option(
    "--data-dir", type=click.Path(), help="Where everything is kept. Default: the platform's place for it."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1. Default: a free one."
)
@click.option("--workers", default="0", help='Workers to start, each as soon as there is room, or "restore".')
@click.option(
    "--hello", is_flag=True, help="Read the first line of stdin for everything: for a program that embeds."
)
def serve(data_dir: str | None, port: int, workers: str, hello: bool) -> None:
    """Start the sidecar: the server that runs workers and tasks.

    \b
    Examples:
      steelyard serve                           a browser signs in by the link that is shown
      steelyard serve --workers 2 --data-dir ~/runs
    """
    try:
        stdin = ParentPipe(sys.stdin.fileno()) if hello else None
        greeting = Hello.read(stdin) if stdin else _own_hello(data_dir, workers)
        meter = LoopMeter()
        with asyncio.Runner(loop_factory=meter.new_loop) as runner:
            sidecar = Sidecar(greeting, port, stdin, meter)
            runner.run(sidecar.run())
        if sidecar.failure is not None:
            click.echo(
                f"Steelyard met a fault of its own and stopped: {sidecar.failure}. sidecar.log says more. "
                "Start it again: tasks go on from their last checkpoints.",
                err=True,
            )
            sys.exit(BROKEN)
    except StartError as error:
        say("fatal", code=error.fatal_code, message=error.message, remedy=error.remedy)
        if not hello:
            click.echo(f"{error.message} {error.remedy}", err=True)
        sys.exit(FATAL)
    except KeyboardInterrupt:
        # Ctrl-C before it had begun to listen for it: nothing was started that would have to be ended.
        sys.exit(0)


def _own_hello(data_dir: str | None, workers: str) -> Hello:
    if workers != "restore" and not (workers.isascii() and workers.isdigit() and int(workers) <= 256):
        raise click.BadParameter('a number from 0 to 256, or "restore"', param_hint="--workers")
    environ = {**os.environ, **({"STEELYARD_DATA_DIR": data_dir} if data_dir else {})}
    return Hello(
        token=secrets.token_hex(32),
        instance=str(uuid.uuid4()),
        nonce="",
        parent=None,
        data=DataDirectory(data_directory(environ)),
        workers=workers if workers == "restore" else int(workers),
    )
