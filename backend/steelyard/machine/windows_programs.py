"""How Windows finds a program by its name, and what can be said to a batch file there.

programs.py and interpreters.py enter here. Nothing in it asks Windows, so that it is tested on every system.
Light: a worker loads it at every start there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence

from steelyard.machine.variables import same

_STARTED = (".com", ".exe", ".bat", ".cmd")
"""What CreateProcess starts; for other endings of PATHEXT the shell looks up another program."""

_BATCH = (".bat", ".cmd")
_COMMANDS = frozenset('"%!&|<>^\r\n')
"""What cmd.exe, which runs a batch file, takes for more than text in some place."""


def command(argv: Sequence[str], directory: str, environment: Mapping[str, str]) -> list[str]:
    """argv with the full path of its program, found as a command prompt in the directory would.

    CreateProcess by itself adds .exe alone, and looks beside our own program and in our own PATH. Raises
    FileNotFoundError, and ValueError (a clause) for a batch file that would take an argument for a command.
    """
    program = find(argv[0], directory, environment)
    if program is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    if is_batch(program):
        for text in (program, *argv[1:]):
            # Quoting as for other programs does not hold here, and no quoting does for all of them.
            unsafe = sorted(_COMMANDS.intersection(text))
            if unsafe:
                raise ValueError(
                    f"it is a batch file, and {text!r} holds {' '.join(map(repr, unsafe))}, which could run "
                    "another command there. Start the program that the batch file starts, or hand the text "
                    "over in a file"
                )
    return [program, *argv[1:]]


def find(program: str, directory: str, environment: Mapping[str, str]) -> str | None:
    """The file that a name stands for: below the directory if it has a folder in it, else in the folders of
    PATH, then in the directory itself. None if there is none.
    """
    extensions = _extensions(_value(environment, "PATHEXT"))
    if os.path.dirname(program):
        return _file(os.path.join(directory, program), extensions)
    for folder in (*folders(_value(environment, "PATH")), ""):
        found = _file(os.path.join(directory, folder, program), extensions)
        if found is not None:
            return found
    return None


def folders(path: str) -> Iterator[str]:
    """The folders of a PATH in their order; those with a ; in their name stand in quotes there."""
    for folder in path.split(os.pathsep):
        if folder.strip('"'):
            yield folder.strip('"')


def is_batch(program: str) -> bool:
    """Whether cmd.exe runs it. Windows drops dots and blanks at the end of a name."""
    return program.rstrip(". ").lower().endswith(_BATCH)


def _file(path: str, extensions: Sequence[str]) -> str | None:
    # With an ending of its own a name is meant as it stands, first.
    own = [path] if os.path.splitext(path)[1] else []
    return next((each for each in (*own, *(path + end for end in extensions)) if os.path.isfile(each)), None)


def _extensions(stated: str) -> list[str]:
    known = [each for each in stated.lower().split(os.pathsep) if each in _STARTED]
    return known or list(_STARTED)


def _value(environment: Mapping[str, str], name: str) -> str:
    return next((value for each, value in environment.items() if same(each, folded=True) == name), "")
