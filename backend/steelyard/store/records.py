"""Small things that every module of the store shares: who may read, JSON columns, the clock of events."""

from __future__ import annotations

import sqlite3
from typing import Any, Protocol

import msgspec
from peewee import Query, SqliteDatabase

INLINE_LIMIT = 8 * 1024
"""Bytes of JSON; a task's parameters or result beyond it stand as null in events."""


class Reader(Protocol):
    """A Database, or the Change that is under way: what reads take, so that both may call them."""

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """One statement; its rows are sqlite3.Row, by name or by position."""


class WallClock(Protocol):
    """The one clock that the store reads itself; every other moment is handed in by the caller."""

    def wall(self) -> float:
        """Unix seconds."""


class Row(Protocol):
    """Columns by name: a sqlite3.Row, or the dict that a row is about to be made of."""

    def __getitem__(self, key: str, /) -> Any:
        """The value of a column."""


class Pages(Reader, Protocol):
    """A Database, or a reader beside it: what a page of the task list is read from."""

    def rows(self, query: Query) -> list[sqlite3.Row]:
        """Every row of a peewee query."""


_writes_sql = SqliteDatabase(None)
"""Never opened: it puts peewee's queries into SQLite's words."""


def rows_of(reader: Reader, query: Query) -> list[sqlite3.Row]:
    """Every row of a peewee query that reads."""
    context = _writes_sql.get_sql_context()
    written = context.sql(query)  # type: ignore[no-untyped-call]  # the stubs leave it bare
    sql, parameters = written.query()
    return reader.execute(sql, parameters).fetchall()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def to_json(value: object) -> str:
    """A JSON column's text. UnicodeEncodeError for a lone surrogate; NaN and infinities become null."""
    return _encoder.encode(value).decode()


def from_json(text: str | None) -> Any:
    """The value of a JSON column; an empty column is None."""
    return None if text is None else _decoder.decode(text)


def storable(text: str) -> str:
    """Text that SQLite and JSON can hold: what a task printed may carry lone surrogates, which become `?`.

    The end of an attempt must never fail to be recorded because of what its program said.
    """
    return text.encode("utf-8", "replace").decode()


def inline(text: str | None) -> msgspec.Raw | None:
    """A JSON column as it goes into an event: unparsed, and null beyond INLINE_LIMIT."""
    if text is None or len(text) > INLINE_LIMIT:
        return None
    raw = text.encode()
    return msgspec.Raw(raw) if len(raw) <= INLINE_LIMIT else None
