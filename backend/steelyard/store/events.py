"""The event log: what happened, in the order of `seq`, which has no gap and repeats no number."""

from __future__ import annotations

from typing import Any

from steelyard.rules.timestamps import iso
from steelyard.store.records import Reader, from_json

KEEP_ROWS = 100_000
"""Rows that the log keeps at the most."""

KEEP_SECONDS = 30 * 86_400.0
"""Age at which an event is dropped, seconds."""


class Event:
    """One stored change. `text` is its data as JSON; `data` decodes it when it is first asked for."""

    __slots__ = ("_data", "at", "kind", "seq", "subject", "text")

    def __init__(self, seq: int, at: float, kind: str, subject: str, text: str) -> None:
        self.seq = seq
        self.at = at
        """Unix seconds."""
        self.kind = kind
        """"task", "worker", "prompt", ..."""
        self.subject = subject
        """The id of the thing that changed."""
        self.text = text
        self._data: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Event({self.seq}, {self.kind} {self.subject})"

    @property
    def data(self) -> dict[str, Any]:
        """The thing as it was right after the change."""
        if self._data is None:
            self._data = from_json(self.text)
        assert self._data is not None
        return self._data

    def view(self) -> dict[str, Any]:
        """The event as `GET /api/events/` shows it."""
        return {
            "seq": self.seq,
            "at": iso(self.at),
            "kind": self.kind,
            "subject": self.subject,
            "data": self.data,
        }


def since(reader: Reader, seq: int, limit: int) -> list[Event]:
    """At most `limit` events after `seq`, oldest first."""
    rows = reader.execute(
        "SELECT seq, at, kind, subject, data FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
    ).fetchall()
    return [Event(*row) for row in rows]


def last_seq(reader: Reader) -> int:
    """The highest `seq` ever given, 0 before the first; pruning does not lower it."""
    row = reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    return int(row[0]) if row else 0


def first_seq(reader: Reader) -> int:
    """The lowest `seq` still kept; last_seq + 1 when none is. Whoever saw less than this − 1 missed some."""
    row = reader.execute("SELECT min(seq) FROM event").fetchone()
    return int(row[0]) if row[0] is not None else last_seq(reader) + 1


def prune(
    change: Reader, now: float, *, keep: int = KEEP_ROWS, age: float = KEEP_SECONDS, at_most: int = 5_000
) -> int:
    """Drop events beyond `keep` rows or older than `age` seconds, the oldest first; how many went.

    At most `at_most` a call, so that no turn of the loop waits long: when that many went, call again later.
    A clock that was set back cannot make a hole: only what lies before the first young event is dropped.
    """
    first_young = "SELECT seq FROM event WHERE at >= ? ORDER BY seq LIMIT 1"
    young = change.execute(first_young, (now - age,)).fetchone()
    last = last_seq(change)
    bound = max(last - keep, int(young[0]) - 1 if young else last)
    bound = min(bound, first_seq(change) + at_most - 1)
    return change.execute("DELETE FROM event WHERE seq <= ?", (bound,)).rowcount
