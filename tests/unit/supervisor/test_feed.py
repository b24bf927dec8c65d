"""What whoever was away is told: all that was told meanwhile, read a page at a time."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from steelyard.store import events
from steelyard.supervisor import feed, submission
from steelyard.supervisor.feed import Message
from tests.unit.supervisor.making import Made

COMMAND = {"simulation": "command", "parameters": {"argv": ["true"]}}


async def missed(made: Made, count: int) -> Iterator[list[Message]]:
    """A replay of so many changes."""
    since = made.yard.feed.last_seq
    await submission.submit(made.yard, [COMMAND] * count)
    found = made.yard.feed.replay(since)
    assert found is not None
    return found


async def test_a_replay_is_what_was_told_and_is_read_page_by_page(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Message] = []
    stop = made.yard.feed.listen(told.append)
    read: list[int] = []
    since = events.since

    def counted(reader: object, seq: int, limit: int) -> list[events.Event]:
        read.append(limit)
        return since(made.yard.database, seq, limit)

    monkeypatch.setattr(events, "since", counted)
    pages = await missed(made, 3 * feed.PAGE + 1)
    stop()
    assert read == []
    first = next(pages)
    assert (len(first), read) == (feed.PAGE, [feed.PAGE])
    messages = [*first, *(message for page in pages for message in page)]
    assert read == [feed.PAGE] * 3 + [1]
    assert [msgspec.json.decode(msgspec.json.encode(one)) for one in messages] == told


async def test_a_replay_ends_where_it_began_to_be_told_live(made: Made) -> None:
    pages = await missed(made, 2)
    last = made.yard.feed.last_seq
    await submission.submit(made.yard, [COMMAND])
    assert [message["seq"] for page in pages for message in page] == [last - 1, last]


async def test_a_replay_whose_changes_went_meanwhile_says_so(made: Made) -> None:
    pages = await missed(made, 2 * feed.PAGE)
    next(pages)
    await made.yard.database.change(lambda change: change.execute("DELETE FROM event WHERE seq < 80"))
    with pytest.raises(LookupError):
        next(pages)
