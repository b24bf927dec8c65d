"""What a document says to type: the files that it shows whole, and its commands, section by section."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"(?:^\*\*`(\S+)`\*\*\n\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"^    \$ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A part of a document: heading, files by name, other code with its language, commands."""

    heading: str
    files: dict[str, str]
    code: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


def sections(name: str) -> list[Section]:
    """The sections of docs/<name>. A block of code below a file's name is that file, whole."""
    pieces = _HEADING.split((DOCS / name).read_text(encoding="utf-8"))
    found = []
    for heading, text in zip(["", *pieces[1::2]], pieces[::2], strict=True):
        blocks = _BLOCK.findall(text)
        commands = _COMMAND.findall(_BLOCK.sub("", text))
        found.append(
            Section(
                heading,
                {file: body for file, _, body in blocks if file},
                tuple((language, body) for file, language, body in blocks if not file),
                tuple(command.partition("  #")[0].rstrip() for command in commands),
            )
        )
    return found


def write_files(name: str, folder: Path) -> None:
    """Put all files of a document into a folder."""
    for section in sections(name):
        for file, body in section.files.items():
            (folder / file).write_text(body, encoding="utf-8")


def type_along(commands: tuple[str, ...], folder: Path, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run commands as one would in a terminal in that folder; the first that fails ends it."""
    bin_ = Path(sys.executable).parent
    return subprocess.run(
        ["sh", "-c", "\n".join(["set -ex", *commands])],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "STEELYARD_DATA_DIR": str(data_dir),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
