"""The tasks behind those that a choice looks at, whose claims were learned or guessed before more was known.

The database finds the first that fits by the claims that it has. So while nothing can start, a stretch of
them is brought up to date in each turn; from the front again once something new was learned.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steelyard.store import queueing
from steelyard.store.records import Reader

STRETCH = 64
"""Tasks a turn."""


class Behind:
    """How far the walk has come. One for a sidecar."""

    def __init__(self) -> None:
        self._after: dict[str, tuple[int, int]] = {}
        """Queue -> priority and position of the last one that is up to date."""
        self._news = -1
        self._over: set[str] = set()
        """Queues at whose end the walk is."""

    def stretch(self, reader: Reader, queues: Iterable[str], memory: int, news: int) -> list[dict[str, Any]]:
        """Rows of the next ones that would not fit into so many bytes; [] where all are up to date.

        news: grows whenever something was learned.
        """
        if news != self._news:
            self._news = news
            self._after.clear()
            self._over.clear()
        for queue in sorted(set(queues) - self._over):
            rows = queueing.guessed(reader, queue, memory, self._after.get(queue), STRETCH)
            if rows:
                return rows
            self._over.add(queue)
        return []

    def brought_up_to_date(self, rows: list[dict[str, Any]]) -> None:
        """That stretch is; go on behind it."""
        last = rows[-1]
        self._after[last["queue"]] = (last["priority"], last["position"])
