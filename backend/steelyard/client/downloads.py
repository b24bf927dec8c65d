"""Where downloaded files go: whole or not at all, and never out of the folder that was meant."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from steelyard.rules.errors import InvalidRequest


def inside(folder: Path, name: str) -> Path:
    """Where a file goes below folder. A task chose its name: one that leads out is refused."""
    path = PurePosixPath(name)
    parts = [part for part in path.parts if part != "."]
    if path.is_absolute() or not parts or any(part == ".." or set(part) & set("\\:\0") for part in parts):
        raise InvalidRequest(f"the name {name!r} leads out of {folder}")
    return folder.joinpath(*parts)


@contextmanager
def whole(target: Path) -> Iterator[BinaryIO]:
    """A file to write into, which takes target's place when the body has ended well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".steelyard-", dir=target.parent) as folder:
        part = Path(folder) / "part"
        with part.open("wb") as out:
            yield out
        part.replace(target)
