"""Saves a run after each year and finds it again: one file, replaced whole, so a kill at any moment
leaves the old or the new one."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

NAME = "steel-pathway.npz"
VERSION = 1
"""Raised when the arrays of a checkpoint change their meaning."""


class WrongCheckpoint(RuntimeError):
    """The checkpoint belongs to another scenario or version of the model; the message names the file."""


def save(directory: Path, identity: dict[str, object], next_year: int, arrays: dict[str, Any]) -> None:
    """Writes the checkpoint: to a temporary file, flushed to the disk, then put in the old one's place."""
    about = json.dumps({"version": VERSION, "identity": identity, "next_year": next_year}, sort_keys=True)
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(about), **arrays)
    temporary = directory / f"{NAME}.part"
    with open(temporary, "wb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, directory / NAME)
    _sync_directory(directory)


def load(directory: Path, identity: dict[str, object]) -> tuple[int, dict[str, Any]] | None:
    """The next year and the arrays of the last checkpoint, or None if there is none.

    A file that cannot be read (a failing disk) is set aside under another name and said on stdout: only
    computing time is lost. One of another scenario raises `WrongCheckpoint`.
    """
    path = directory / NAME
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(str(arrays.pop("about")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        aside = path.with_suffix(".unreadable")
        os.replace(path, aside)
        print(f"the checkpoint could not be read ({error}); kept as {aside}, starting anew", flush=True)
        return None
    if about["version"] != VERSION or about["identity"] != json.loads(json.dumps(identity)):
        stored_for = f"{about['identity']}, version {about['version']}"
        raise WrongCheckpoint(
            f"{path} belongs to another scenario: {stored_for}; asked for {identity}. Use another directory"
        )
    return int(about["next_year"]), arrays


def _sync_directory(directory: Path) -> None:
    """Makes the new name durable. Windows cannot open a directory, and needs no such call."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
