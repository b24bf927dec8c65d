"""Read the result that an attempt left in its output folder."""

from __future__ import annotations

import codecs
import errno
import json
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from steelyard.rules.quantities import format_size

NAME = "result.json"
LIMIT = 64 * 1024
"""Bytes of result.json kept in the task's row; a larger result stays in its file alone."""

_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class ResultFile:
    """What result.json held."""

    value: Any = None
    """Its JSON value; None where there is none to keep."""
    remark: str | None = None
    """For people: why not all of it was taken."""


def read_result(folder: Path) -> ResultFile:
    """Read the result.json of an output folder: a regular file of at most LIMIT bytes, or a remark why not.

    NaN and infinity, which are no JSON but which most programs write, become null, and the remark names them.
    """
    try:
        data = _bytes_of(folder / NAME)
    except FileNotFoundError:
        return ResultFile()
    except _NotTaken as error:
        return ResultFile(remark=f"{NAME} is not taken: {error}.")
    except OSError as error:
        return ResultFile(remark=f"{NAME} could not be read: {error.strerror or error}.")
    try:
        return ResultFile(msgspec.json.decode(data))
    except (ValueError, RecursionError):
        # DecodeError, and UnicodeDecodeError for bytes that are no UTF-8 inside a text.
        return _decoded_with_care(data)


class _NotTaken(Exception):
    """The file is there, but not of a kind or size that is read."""


def _bytes_of(path: Path) -> bytes:
    """The bytes of a small regular file; a link is not followed, and a named pipe is not waited for."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP or path.is_symlink():
            raise _NotTaken("it is a link") from None
        raise
    try:
        # Before it is wrapped: a folder cannot be, and would keep the descriptor open.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _NotTaken("it is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(data) > LIMIT:
        raise _NotTaken(f"it is larger than {format_size(LIMIT)}; it stays among the task's files")
    return data


def _decoded_with_care(data: bytes) -> ResultFile:
    """What a strict decoder refuses, as far as it can be understood: other encodings, NaN, infinity."""
    encoding, remark = _encoding_of(data)
    strange: list[str] = []
    try:
        value = _finite(json.loads(data.decode(encoding)), "", strange)
        msgspec.json.encode(value)
    except RecursionError:
        return ResultFile(remark=f"{NAME} could not be read: it is nested too deeply.")
    except (ValueError, OverflowError) as error:
        return ResultFile(remark=f"{NAME} could not be read: {error}.")
    if strange:
        named = ", ".join(strange[:5]) + (", ..." if strange[5:] else "")
        remark.append(
            f"{NAME}: {named} is not a number." if len(strange) == 1 else f"{NAME}: {named} are not numbers."
        )
    return ResultFile(value, " ".join(remark) or None)


def _encoding_of(data: bytes) -> tuple[str, list[str]]:
    """The encoding of a text, and what is to be said of it."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1", [f"{NAME} is not UTF-8; it was read as Latin-1."]
    return "utf-8-sig", []


def _finite(value: Any, name: str, strange: list[str]) -> Any:
    """The value with null for each number that is none, whose names are added to strange."""
    if isinstance(value, float) and not math.isfinite(value):
        strange.append(name or "the result")
        return None
    if isinstance(value, dict):
        return {key: _finite(inner, f"{name}.{key}".lstrip("."), strange) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner, f"{name}[{index}]", strange) for index, inner in enumerate(value)]
    return value
