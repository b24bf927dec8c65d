"""Where a command writes: tables for people, JSON for programs, and everything that is no result to stderr.

On a terminal tables fit its width; where that is too narrow each row becomes a few lines. In a pipe they have
no colours and nothing is cut.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from steelyard.cli.wording import plain

_NEVER_CUT = 100_000
"""Columns of a pipe."""
_GAP = 2
_NARROWEST = 6
_NARROWEST_WORDS = 14
"""Columns that a cell of words needs at least to be readable."""

STATE_STYLES = {
    "RUNNING": "green",
    "SUCCEEDED": "green",
    "STARTING": "blue",
    "READY": "blue",
    "DRAINING": "yellow",
    "FAILED": "red",
    "DEAD": "bright_black",
    "CANCELLED": "bright_black",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `fixed` ones are never cut, `right` ones hold numbers, `wraps` is for sentences."""

    title: str
    fixed: bool = False
    right: bool = False
    wraps: bool = False


class Output:
    """A command's stdout and stderr."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = _console(sys.stdout)
        self.errors = _console(sys.stderr)

    @property
    def watched(self) -> bool:
        """Whether a person sees stderr now: only then bars and hints are of use."""
        return self.errors.is_terminal

    def document(self, answer: Any) -> None:
        """One JSON document, as the server gave it."""
        print(json.dumps(answer, indent=2), flush=True)

    def line(self, answer: Any) -> None:
        """One line of NDJSON."""
        print(json.dumps(answer, separators=(",", ":")), flush=True)

    def text(self, text: str) -> None:
        """Text as it is: nothing is wrapped, coloured or stripped. Shown at once."""
        sys.stdout.write(text)
        sys.stdout.flush()

    @property
    def raw(self) -> bool:
        """Whether output of a program goes on to a program or a file, which want its bytes as they are."""
        return not self.as_json and not self.console.is_terminal

    def bytes(self, data: bytes) -> None:
        """Bytes as they are, behind what was written before. Shown at once."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def say(self, text: str) -> None:
        """A line of the result."""
        print(text, flush=True)

    def note(self, text: str) -> None:
        """A line that is no result: what goes on, what to do next."""
        click.echo(text, err=True)

    def hint(self, text: str) -> None:
        """A note for a person; a script does not get it."""
        if self.watched and not self.as_json:
            self.note(text)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> None:
        """Print rows under their titles."""
        self._print(self.tabled(columns, rows))

    def tabled(self, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> RenderableType:
        """Rows under their titles; where the terminal is too narrow for that, each row for itself, its cells
        beside their titles. Cells are text, never markup.
        """
        cells = [[_cell(cell) for cell in row] for row in rows]
        widths = [
            max([len(column.title), *(row[index].cell_len for row in cells)])
            for index, column in enumerate(columns)
        ]
        if self.console.is_terminal:
            least = [self._least(column, index, cells) for index, column in enumerate(columns)]
            widths = fitted(widths, least, self.console.width)
            if _together(widths) > self.console.width:
                return self._one_by_one(columns, cells)
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        for column, width in zip(columns, widths, strict=True):
            table.add_column(
                column.title,
                no_wrap=not column.wraps,
                overflow="fold" if column.wraps else "ellipsis",
                justify="right" if column.right else "left",
                width=width,
            )
        for row in cells:
            table.add_row(*row)
        return table

    def _least(self, column: Column, index: int, cells: list[list[Text]]) -> int:
        """To what a column may shrink: numbers stay whole under a title that is cut."""
        widest = max((row[index].cell_len for row in cells), default=0)
        if column.fixed:
            return max(len(column.title), widest)
        if column.right:
            return widest
        return min(widest, _NARROWEST_WORDS if column.wraps else _NARROWEST)

    def _one_by_one(self, columns: Sequence[Column], cells: Sequence[Sequence[Text]]) -> RenderableType:
        blocks = (
            self.paired((column.title, cell) for column, cell in zip(columns, row, strict=True))
            for row in cells
        )
        return Group(*(piece for block in blocks for piece in (block, Text())))

    def pairs(self, pairs: Iterable[tuple[str, str | Text]]) -> None:
        """Print names and what they stand for."""
        self._print(self.paired(pairs))

    def paired(self, pairs: Iterable[tuple[str, str | Text]]) -> Table:
        """Names and what they stand for, one a line; long values go on in the next line."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, style="bold")
        grid.add_column(overflow="fold")
        for name, value in pairs:
            grid.add_row(name, _cell(value))
        return grid

    def _print(self, table: RenderableType) -> None:
        """On a terminal as it is; elsewhere without the blanks that fill a table's last column."""
        if self.console.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as captured:
            self.console.print(table)
        self.text("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def fitted(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns that have `room` together: the widest gives way first, each down to its least."""
    left = list(widths)
    while _together(left) > room:
        elastic = [index for index, lowest in enumerate(least) if left[index] > lowest]
        if not elastic:
            break
        left[max(elastic, key=lambda index: left[index])] -= 1
    return left


def _together(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def state(name: str) -> Text:
    """A state in its colour; the word says it too."""
    return Text(name, style=STATE_STYLES.get(name, ""))


def _cell(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(plain(cell))


def _console(stream: Any) -> Console:
    terminal = bool(getattr(stream, "isatty", bool)())
    return Console(
        file=stream,
        width=shutil.get_terminal_size().columns if terminal else _NEVER_CUT,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )
