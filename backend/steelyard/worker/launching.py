"""Starts a task's first process, and says in one sentence why one could not be started."""

from __future__ import annotations

import errno
import os
import subprocess

from steelyard.machine import containment
from steelyard.machine.faultpoints import reach
from steelyard.machine.programs import external_environment, start
from steelyard.machine.variables import overlay, present
from steelyard.worker.orders import Order

OWN = "STEELYARD_"
"""Variables that begin so tell one attempt from another; all others a warm process keeps."""

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENOEXEC, errno.E2BIG})


class CannotStart(Exception):
    """The program did not start; the text is a sentence for the user that names what is missing.

    missing: trying again will not help, because program or directory is not there or of no use.
    """

    def __init__(self, sentence: str, *, missing: bool) -> None:
        super().__init__(sentence)
        self.missing = missing


def environment_of(order: Order) -> dict[str, str]:
    """The environment of the task's process: the agent's own, without what is ours, changed as ordered.

    One that serves many runs begins without the variables of the first: each run is told its own.
    """
    changes = order.environment if order.reuse_key is None else base_environment(order)
    return present(overlay(external_environment(dict(os.environ)), changes))


def base_environment(order: Order) -> dict[str, str | None]:
    """The ordered changes that all runs of a process share; None where nothing of an attempt may come from
    outside.
    """
    return {name: None if name.startswith(OWN) else value for name, value in order.environment.items()}


def own_environment(order: Order) -> dict[str, str]:
    """The variables of this attempt alone."""
    return {
        name: value for name, value in order.environment.items() if name.startswith(OWN) and value is not None
    }


def prepare(order: Order) -> None:
    """Make the folders of an attempt, and see that its working directory is there. Raises CannotStart."""
    if not os.path.isdir(order.directory):
        sentence = f"The working directory {order.directory} does not exist or is not a directory."
        raise CannotStart(sentence, missing=True)
    _make(order.folder)
    _make(order.environment.get("STEELYARD_OUTPUT_DIR") or order.folder)


def launch(order: Order) -> tuple[subprocess.Popen[bytes], int]:
    """Start the process in its own session; returns it and the read end of the pipe with its output.

    Standard output and standard error are one pipe, in the order in which they were written; standard input
    is empty, or for a process that serves many runs a pipe for their requests. Raises CannotStart.
    """
    reader = writer = -1
    reach("task", "before_spawn")
    try:
        reader, writer = os.pipe()
        process = start(
            order.argv,
            stdin=subprocess.DEVNULL if order.reuse_key is None else subprocess.PIPE,
            stdout=writer,
            stderr=writer,
            bufsize=0,
            cwd=order.directory,
            env=environment_of(order),
            **containment.task_options(low_priority=order.low_priority),
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        if reader >= 0:
            os.close(reader)
        missing = not isinstance(error, OSError) or error.errno in _MISSING
        raise CannotStart(_sentence(order, error), missing=missing) from None
    finally:
        # End-of-file comes only when the task's tree alone holds the write end.
        if writer >= 0:
            os.close(writer)
    reach("task", "after_spawn")
    return process, reader


def create_stop_file(order: Order) -> None:
    """Ask the run to stop by the file that it may look for. Raises OSError."""
    path = order.environment.get("STEELYARD_STOP_FILE")
    if path:
        with open(path, "a"):
            pass


def _make(folder: str) -> None:
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"The folder {folder} for the output could not be made: {error.strerror}.", missing=False
        ) from None


def _sentence(order: Order, error: Exception) -> str:
    program, directory = order.argv[0], order.directory
    if isinstance(error, OSError):
        named = error.filename
        if isinstance(named, str) and named == directory and named != program:
            return f"The working directory {directory} cannot be entered: {error.strerror}."
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            if os.path.isfile(os.path.join(directory, program)) and os.path.dirname(program):
                return f"The program {program} names an interpreter in its first line that does not exist."
            places = _places(program, directory)
            return f"The program {program} was not found (looked for in {places}).{_apart(program)}"
        if error.errno == errno.EACCES:
            return f"The program {program} may not be executed: {error.strerror}."
        if error.errno == errno.ENOEXEC:
            return (
                f"The program {program} is not in a form that this system can execute. Is it a script without"
                f" #! in its first line? Then name what reads it: sh {program}."
            )
        if error.errno == errno.E2BIG:
            return (
                f"The program {program} could not be started: its arguments and environment are longer than"
                " this system takes. Give it long values in a file."
            )
        return f"The program {program} could not be started: {error.strerror or error}."
    return f"The program {program} could not be started: {error}."


def _apart(program: str) -> str:
    """What is to be done where somebody gave program and arguments as one text."""
    first, _, rest = program.partition(" ")
    return f" Give the program and its arguments apart: {first} {rest}." if rest.strip() else ""


def _places(program: str, directory: str) -> str:
    if os.path.isabs(program):
        return "no other place, the path is absolute"
    return directory if os.path.dirname(program) else "the folders of PATH"
