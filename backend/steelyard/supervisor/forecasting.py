"""The forecast of the yard: what can start is played through with rules.forecast, what cannot is named.

Rows and runs of the past are read and reckoned in threads; on the loop only what lives in memory is copied.
Whoever asks while it is reckoned waits for the same answer, and an answer stands until something has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from steelyard.machine.beside import compute
from steelyard.machine.breathing import Breath
from steelyard.rules import forecast
from steelyard.rules.durations import Going
from steelyard.rules.features import features, program_of
from steelyard.rules.forecast import Outlook, Past, Runs, Waits
from steelyard.rules.playing import Need
from steelyard.rules.timestamps import iso
from steelyard.store import footprints, remaining
from steelyard.store.records import Reader, from_json
from steelyard.store.remaining import Kept, Left, Limits
from steelyard.supervisor import claiming, views
from steelyard.supervisor.yard import Yard

SAMPLE: Final = 200
"""Waiting tasks that are looked at; of more an even sample stands for all."""

KINDS: Final = 24
"""Kinds of runs whose past is read; tasks of others count as unknown."""

MOST_WORKERS: Final = 8
"""Numbers of workers that are answered, at the most."""

STANDS: Final = 10.0
"""Seconds for which an answer stands while nothing changes: what runs goes on, other programs come and go."""

SHARE: Final = 20.0
"""An answer stands at least so many times as long as it took, whatever changes: 5 % of the time is enough."""

FARTHEST: Final = 1000 * 365 * 86_400.0
"""Seconds; what is done later is told as this: the calendar ends."""

SOON: Final = 60.0
"""Tasks whose time comes within so many seconds are reckoned with those that can start."""

View = dict[str, Any]


class Forecasts:
    """The answer that all who ask share."""

    def __init__(self) -> None:
        self._answer: View | None = None
        self._of: object = None
        self._at = self._took = 0.0
        self._flight: asyncio.Task[View] | None = None

    async def view(self, yard: Yard) -> View:
        """`GET /api/forecast/`: see view()."""
        now, about = yard.clocks.awake(), _about(yard)
        if self._answer is not None:
            age = now - self._at
            if age < SHARE * self._took or (about == self._of and age < STANDS):
                return self._answer
        if self._flight is None:
            self._flight = asyncio.ensure_future(self._fly(yard, about))
        return await asyncio.shield(self._flight)

    async def _fly(self, yard: Yard, about: object) -> View:
        try:
            began = yard.clocks.awake()
            answer = await view(yard)
            self._answer, self._of, self._at = answer, about, yard.clocks.awake()
            self._took = self._at - began
            return answer
        finally:
            self._flight = None


def _about(yard: Yard) -> object:
    """What changes where the answer does."""
    running = [
        (handle.worker_id, handle.attempt and handle.attempt.task_id, handle.leaving)
        for handle in yard.handles.values()
    ]
    return yard.feed.last_seq, running, yard.pause.by, yard.settings


@dataclass(frozen=True, slots=True)
class _Runs:
    """A run as it is copied on the loop. parameters: JSON text, None where it went on from a checkpoint."""

    need: Need
    simulation: str
    parameters: str | None
    ran: float
    left: float | None


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read and understood: tasks, and the past of their kinds."""

    left: Left
    waiting: list[Waits]
    running: list[Runs]
    past: dict[str, Past]


async def view(yard: Yard) -> View:
    """When what can start is done, with 1, 2, ... workers, and what cannot start.

    {"remaining", "able", "unknown", "workers", "paused",
     "outlooks": [{"workers", "done_at", "earliest", "latest", "bound_by"}],
     "waiting": [{"why", "tasks", "queue", "at", "least", "most", "closable"}]}.

    remaining: all that wait or run; able: those of them that run or can start; unknown: of those, the ones of
    which nobody knows how long they take: with some, the moments are the least that can be said; with nothing
    but those there is no outlook. paused: who holds the queue; it is reckoned as if it went on now.
    """
    outlooks, read, now = await _reckoned(yard, SOON)
    workers = len(yard.handles)
    if outlooks:
        done = outlooks[min(max(workers, 1), len(outlooks)) - 1].usual
        if any(one.why == "time" and one.at is not None and one.at < now + done for one in read.left.kept):
            outlooks, read, now = await _reckoned(yard, done)
    known = {kind for kind, runs in read.past.items() if runs}
    unknown = sum(one.kind not in known for one in read.waiting) * read.left.each
    unknown += sum(one.kind not in known and one.going.left is None for one in read.running)
    able = read.left.able + len(read.running)
    if any(one.why == "other_programs" for one in read.left.kept):
        await yard.scale.programs.fresh()
    return {
        "remaining": read.left.total + len(read.running),
        "able": able,
        "unknown": min(unknown, able),
        "workers": workers,
        "paused": yard.pause.by,
        "outlooks": [_outlook(one, now) for one in outlooks],
        "waiting": [_kept(yard, one) for one in read.left.kept],
    }


def _outlook(one: Outlook, now: float) -> View:
    def at(seconds: float) -> str | None:
        return iso(now + min(FARTHEST, seconds))

    return {
        "workers": one.workers,
        "done_at": at(one.usual),
        "earliest": at(one.earliest),
        "latest": at(one.latest),
        "bound_by": one.bound_by,
    }


def _kept(yard: Yard, one: Kept) -> View:
    closable = None
    if one.why == "other_programs":
        closable = views.closable(yard, one.least - _given(yard))
    return {
        "why": one.why,
        "tasks": one.count,
        "queue": one.queue,
        "at": iso(one.at) if one.why == "time" else None,
        "least": one.least,
        "most": one.most,
        "closable": closable,
    }


def _given(yard: Yard) -> int:
    """Bytes that a task can have once all that run have ended."""
    room, running = claiming.room(yard)
    return room.headroom + sum(one.frees for one in running)


async def _reckoned(yard: Yard, soon: float) -> tuple[list[Outlook], _Read, float]:
    """The outlooks, what they rest on, and from when they count (Unix s)."""
    now = yard.clocks.wall()
    room, taken = claiming.room(yard)
    # Now, and not after the first wait: by then others run.
    runs = _running(yard, [Need(one.frees, one.cores) for one in taken])
    memory = room.headroom + sum(one.frees for one in taken)
    cores = room.cores_free + sum(one.cores for one in taken)
    limits = Limits(_served(yard), now + soon, memory, room.largest_claim)
    left = await yard.database.aside.read(lambda reader: remaining.waiting(reader, limits, SAMPLE))
    await yard.learning.look_up(yard.learning.unanswered(left.rows))
    needs = [
        Need(
            yard.learning.reckoned(yard.settings, row).bytes,
            row["cores"],
            max(0.0, (row["held_until"] or 0.0) - now),
        )
        for row in left.rows
    ]
    names = {row["simulation"] for row in left.rows} | {one.simulation for one in runs}
    fingerprints = {name: yard.learning.fingerprint(name) for name in names}
    read = await yard.database.aside.read(lambda reader: _understood(reader, left, needs, runs, fingerprints))
    admitted = views.limits(yard)
    most = min(MOST_WORKERS, max(admitted["active"], admitted["admissible"], 1))
    return await compute(lambda: _played(read, memory, cores, most)), read, now


def _served(yard: Yard) -> set[str]:
    """Queues that some worker serves; without any worker, that of the first one to be started."""
    queues = {one.queue for one in yard.handles.values() if not (one.gone or one.leaving)}
    return queues or {yard.settings.worker_queue_name}


def _running(yard: Yard, needs: Sequence[Need]) -> list[_Runs]:
    now = yard.clocks.awake()
    attempts = [handle.attempt for handle in yard.handles.values() if handle.attempt is not None]
    return [
        _Runs(need, one.simulation, one.parameters, one.ran_for(now), one.told_left(now))
        for need, one in zip(needs, attempts, strict=True)
    ]


def _understood(
    reader: Reader, left: Left, needs: Sequence[Need], runs: Sequence[_Runs], fingerprints: dict[str, str]
) -> _Read:
    """Tasks by their kinds, and what is known of those. In a thread: it parses hundreds of parameters."""
    programs: dict[str, tuple[str, str]] = {}

    def kind_of(simulation: str, parameters: dict[str, Any]) -> str:
        program = program_of(simulation, parameters)
        kind = f"{simulation}\n{program}"
        programs.setdefault(kind, (simulation, program))
        return kind

    waiting = []
    for row, need in zip(left.rows, needs, strict=True):
        parameters = from_json(row["parameters"])
        compared = features(row["simulation"], parameters)
        waiting.append(Waits(need, kind_of(row["simulation"], parameters), compared, claiming.group_of(row)))
    running = []
    for run in runs:
        parameters = {} if run.parameters is None else from_json(run.parameters)
        kind = "" if run.parameters is None else kind_of(run.simulation, parameters)
        going = Going(features(run.simulation, parameters), run.ran, run.left)
        running.append(Runs(run.need, kind, going))
    past: dict[str, Past] = {}
    for kind, (simulation, program) in list(programs.items())[:KINDS]:
        rows = footprints.rows(reader, simulation, program)
        known = footprints.past(simulation, rows, fingerprints[simulation])
        past[kind] = [(run.parameters, run.duration) for run in known.runs if run.duration is not None]
    return _Read(left, waiting, running, past)


def _played(read: _Read, memory: int, cores: int, most: int) -> list[Outlook]:
    breath = Breath()
    known = forecast.known(read.past, read.waiting, read.running, breathe=breath)
    return forecast.forecast(known, memory, cores, most, each=read.left.each, breathe=breath)
