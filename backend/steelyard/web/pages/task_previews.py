"""The beginning of a file, as a page can show it: a table, a tree or text. Never more than a bounded prefix
is read, whatever size the file has; what it holds is not trusted to be what its name says.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from steelyard.web.pages.task_tree import Branch, tree

MOST_ROWS = 1_000
MOST_COLUMNS = 50
LONGEST_CELL = 200
TABLE_BYTES = 4 * 1024 * 1024
JSON_BYTES = 1024 * 1024
"""A larger file is shown as text: half a tree would be another value."""
TEXT_BYTES = 64 * 1024


@dataclass(slots=True)
class Preview:
    """What is shown of a file. kind: table, tree, text, empty. `note` says what was left out, or is wrong."""

    kind: str
    size: int
    note: str = ""
    text: str = ""
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    numbers: list[bool] = field(default_factory=list)
    """Which columns hold numbers only, and stand to the right."""
    root: Branch | None = None


def preview(file: BinaryIO, kind: str) -> Preview:
    """Read the beginning of an open file, and close it. It reads the disk: call it in a thread."""
    limit = {"table": TABLE_BYTES, "json": JSON_BYTES}.get(kind, TEXT_BYTES)
    with file:
        data = file.read(limit + 1)
        size = file.seek(0, io.SEEK_END)
    whole = len(data) <= limit
    data = data[:limit]
    if not data:
        return Preview("empty", size)
    if kind == "table":
        return _table(data, size, whole)
    if kind == "json" and whole:
        return _tree(data, size)
    found = _text(data[:TEXT_BYTES], size, whole and len(data) <= TEXT_BYTES)
    if kind == "json":
        found.note = "It is too large for a tree. This is its beginning."
    return found


def _text(data: bytes, size: int, whole: bool) -> Preview:
    if b"\0" in data:
        return Preview("empty", size, "It is no text, so it is not shown. Download it to look into it.")
    note = "" if whole else "This is its beginning."
    return Preview("text", size, note, data.decode("utf-8", "replace"))


def _tree(data: bytes, size: int) -> Preview:
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        found = _text(data[:TEXT_BYTES], size, len(data) <= TEXT_BYTES)
        found.note = "It cannot be read as JSON. This is its text."
        return found
    return Preview("tree", size, root=tree(value))


def _table(data: bytes, size: int, whole: bool) -> Preview:
    # The last line of a prefix is half a line.
    rows, more = _rows(data if whole else data[: data.rfind(b"\n") + 1] or data)
    if not rows or b"\0" in data or (len(rows) == 1 and (more or not whole)):
        return _text(data[:TEXT_BYTES], size, len(data) <= TEXT_BYTES)
    width = max(len(row) for row in rows)
    cut = min(width, MOST_COLUMNS)
    padded = [[cell[:LONGEST_CELL] for cell in row[:cut]] + [""] * (cut - len(row)) for row in rows]
    head, body = padded[0], padded[1:]
    said = []
    if more or not whole:
        said.append(f"the first {len(body)} rows")
    if width > cut:
        said.append(f"the first {cut} of {width} columns")
    note = f"These are {' and '.join(said)}. Download the file for all of it." if said else ""
    numbers = [bool(body) and all(_is_number(row[n]) for row in body) for n in range(cut)]
    return Preview("table", size, note, head=head, rows=body, numbers=numbers)


def _rows(data: bytes) -> tuple[list[list[str]], bool]:
    """(head and at most MOST_ROWS rows, whether there are more). No more is decoded than those take."""
    line = data[: data.find(b"\n")] if b"\n" in data else data
    delimiter = max((",", ";", "\t"), key=lambda sign: line.count(sign.encode()))
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", "replace", newline="")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(text, delimiter=delimiter):
            if len(rows) > MOST_ROWS:
                return rows, True
            if row:
                rows.append(row)
    except csv.Error:
        # A field longer than csv takes: what came before it is shown.
        return rows, True
    return rows, False


def _is_number(text: str) -> bool:
    if not text:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
