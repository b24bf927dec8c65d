"""Scheduling: which of the tasks that wait starts next, and why the others do not. docs/scheduling.md has the
why.

First in, first out within a priority; a smaller task may pass one that does not fit (backfill); the first
that waits is promised that no more than two passes delay it. Memory is one room for all queues: candidates
are the tasks of every queue that has an idle worker, merged in one order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final

from steelyard.rules.admission import MemoryView, Source
from steelyard.rules.reasons import Waiting

PASSES: Final = 2
"""After so many passes that could delay the task at the head, capacity is held for it."""

_SUMS_LIMIT: Final = 1024
"""How many sums of unknown ends are tried (ten different ones), so that a choice stays a fraction of a
millisecond."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A READY task whose queue has an idle worker.

    claim: bytes. passes: how often it was passed in a way that could delay it. known_duration: seconds that
    it takes, None if nobody knows. forced: the user was told that its claim never fits, and wants it tried.
    group: tasks of the same group may change places (those of a sweep, unless its order counts). seen: bytes
    that a learned claim was made of, without its margin; None if nobody knows. ahead: the task that runs and
    will show what it takes; it waits for that.
    """

    task_id: str
    claim: int
    claim_source: Source
    cores: int = 1
    passes: int = 0
    known_duration: float | None = None
    forced: bool = False
    group: str | None = None
    seen: int | None = None
    ahead: str | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A task that runs, of any queue: claim and use of its tree (bytes), seconds it still takes if known."""

    claim: int
    uses: int
    cores: int = 1
    remaining: float | None = None
    peak: int = 0

    @property
    def frees(self) -> int:
        """Bytes of headroom that come back when it ends: what it uses, and the growth held back for it."""
        return max(self.claim, self.uses, self.peak)


@dataclass(frozen=True, slots=True)
class Room:
    """What a task may take now.

    headroom: bytes, admission.headroom() with idle workers counting nothing (negative: overdrawn).
    cores_free: from cores_free() below. nothing_runs: no task of any queue runs.
    memory: for the most that any task could ever get, total − guard.
    lately: bytes of headroom without any task of ours, the most of the last minute; None: nobody looked.
    """

    headroom: int
    cores_free: int
    nothing_runs: bool
    memory: MemoryView
    lately: int | None = None

    @property
    def largest_claim(self) -> int:
        """Bytes that a task could have if nothing else were on the machine."""
        return self.memory.total - self.memory.guard


@dataclass(frozen=True, slots=True)
class Gap:
    """What a task behind all candidates may take and start at once: bytes, and cores (None: however many).

    guesses: True if one may start whose claim is a guess, or forced, though it is larger.
    """

    memory: int
    cores: int | None
    guesses: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do now. Start one task, claim it, and ask again with the room that is left.

    start: None if nothing may start. passed: whose count of passes rises with this start (none or one task).
    held: the task that capacity is held for. why: the reason of each candidate looked at and left waiting.
    gap: what is left for whoever stands behind the candidates, where nothing starts; None: nothing.
    """

    start: Candidate | None
    passed: tuple[str, ...] = ()
    held: str | None = None
    why: dict[str, Waiting] = field(default_factory=dict)
    gap: Gap | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class _Opening:
    """When the head may first fit: not before `time` (seconds from now), with this much free beside it."""

    time: float
    memory: int
    cores: int


class _Openings:
    """All moments at which the head may first fit, in their order; never empty."""

    def __init__(self, found: Sequence[_Opening]) -> None:
        self._times = [opening.time for opening in found]
        # What is free beside the head up to each of them: a task that passes must fit into the least.
        self._memory = list(accumulate((opening.memory for opening in found), min))
        self._cores = list(accumulate((opening.cores for opening in found), min))

    @property
    def beside(self) -> tuple[int, int]:
        """Bytes and cores that are free beside the head whenever it first fits."""
        return self._memory[-1], self._cores[-1]

    def could_delay(self, candidate: Candidate, cores: int) -> bool:
        """True if the head could start later because the candidate starts now.

        It cannot where the candidate has ended before an opening, by its known duration, or fits beside the
        head there.
        """
        takes = candidate.known_duration
        concerned = len(self._times) if takes is None else bisect_left(self._times, takes)
        if concerned == 0:
            return False
        return self._memory[concerned - 1] < candidate.claim or self._cores[concerned - 1] < cores


def cores_free(cores: int, active_workers: int, running: Sequence[Running]) -> int:
    """Cores that no running task has claimed; negative when overdrawn.

    A worker that was forced beyond the cores brings one of its own: else force would start a worker that may
    never run anything.
    """
    return max(cores, active_workers) - sum(task.cores for task in running)


def choose(candidates: Iterable[Candidate], room: Room, running: Sequence[Running]) -> Choice:
    """The task that starts now, and why those before it in the queue wait.

    Candidates come in queue order (priority, then position), those of all queues merged. They are read up to
    the one that starts, so they may come from a generator that pages through the queue.
    """
    all_cores = room.cores_free + sum(task.cores for task in running)
    with_all_ended = room.headroom + sum(task.frees for task in running)
    # Programs that come and go for seconds must not take back what was promised to a large task.
    lately = with_all_ended if room.lately is None else max(with_all_ended, room.lately)
    head: Candidate | None = None
    openings: _Openings | None = None
    why: dict[str, Waiting] = {}
    held: str | None = None
    for asked in candidates:
        candidate = _without_margin(asked, with_all_ended)
        # More cores than there are means all of them: cores are shared in time, unlike memory.
        cores = min(candidate.cores, all_cores)
        waiting = _obstacle(candidate, cores, room, with_all_ended, lately)
        if (
            waiting is None
            and head is not None
            and openings is not None
            # Tasks that may change places are promised nothing by each other.
            and (head.group is None or head.group != candidate.group)
            and openings.could_delay(candidate, cores)
        ):
            if head.passes < PASSES:
                return Choice(asked, (head.task_id,), None, why)
            waiting = Waiting("held_for", candidate.claim, room.headroom, head.task_id)
        if waiting is None:
            return Choice(asked, (), held, why)
        why[candidate.task_id] = waiting
        if head is None and waiting.reason in ("memory", "cores"):
            openings = _openings(candidate, cores, room, running)
            head = candidate
            held = head.task_id if head.passes >= PASSES else None
    return Choice(None, (), held, why, _gap(room, all_cores, None if held is None else openings))


def _gap(room: Room, all_cores: int, kept: _Openings | None) -> Gap | None:
    """What is left where no candidate starts. kept: the openings of a head for which room is held."""
    memory, cores = room.headroom, room.cores_free
    if kept is not None:
        memory, cores = min(memory, kept.beside[0]), min(cores, kept.beside[1])
    if memory <= 0 or cores <= 0:
        return None
    return Gap(memory, None if cores >= all_cores else cores, room.nothing_runs and kept is None)


def _obstacle(
    candidate: Candidate, cores: int, room: Room, with_all_ended: int, lately: int
) -> Waiting | None:
    """Why the room does not admit a candidate, the queue aside; None if it does.

    with_all_ended: bytes of headroom when every task that runs now has ended. lately: the same at its most in
    the last minute, by what other programs hold.

    "memory" and "cores" mean that the tasks that run will make room. "other_programs" and "never_fits" mean
    that they cannot, so nothing is ever held for such a task: it must not block the queue.
    """
    need = candidate.claim
    if candidate.ahead is not None:
        return Waiting("scout", need, room.headroom, candidate.ahead)
    if need <= room.headroom:
        return None if cores <= room.cores_free else Waiting("cores", cores, max(0, room.cores_free))
    if _may_run_alone(candidate, room):
        # The user took the risk of a forced task; any other needs at least some memory above the guard.
        if lately <= 0 and not candidate.forced:
            return Waiting("other_programs", need, with_all_ended)
        may_start = room.nothing_runs and (with_all_ended > 0 or candidate.forced)
        return None if may_start else Waiting("memory", need, room.headroom)
    if need > room.largest_claim:
        return Waiting("never_fits", need, room.largest_claim)
    if need > lately:
        return Waiting("other_programs", need, with_all_ended)
    return Waiting("memory", need, room.headroom)


def _may_run_alone(candidate: Candidate, room: Room) -> bool:
    """True if a candidate starts when nothing else runs, whatever its claim.

    That is a claim which is a guess, whether by default or by what other runs took, and one that never fits
    although the user wants it tried.
    """
    guessed = candidate.claim_source in ("default", "learned")
    return guessed or (candidate.forced and candidate.claim > room.largest_claim)


def _without_margin(candidate: Candidate, with_all_ended: int) -> Candidate:
    """The same, asking only for what such runs were seen to take where no end of ours makes room for more.

    The margin of a learned claim is given up before the task is: it may start beside others then.
    """
    seen = candidate.seen
    if candidate.claim_source != "learned" or seen is None or not seen <= with_all_ended < candidate.claim:
        return candidate
    return replace(candidate, claim=seen)


def _openings(head: Candidate, cores: int, room: Room, running: Sequence[Running]) -> _Openings:
    """When the head may first fit, as far as the running tasks' ends decide it.

    Known ends come in their order. A task whose end is not known, or overdue, may end at any moment: between
    two known ends any set of those may be what lets the head in, and the least such set leaves the least
    beside it.
    """
    known = sorted((task for task in running if task.remaining and task.remaining > 0), key=_remaining)
    unknown = [task for task in running if not (task.remaining and task.remaining > 0)]
    memory_sums = _Sums([task.frees for task in unknown])
    cores_sums = _Sums([task.cores for task in unknown])
    memory_short, cores_short = head.claim - room.headroom, cores - room.cores_free
    found: list[_Opening] = []
    time = 0.0
    for following in [*known, None]:
        if memory_short <= 0 and cores_short <= 0:
            # Here it fits by known ends alone, so nothing that comes later matters.
            found.append(_Opening(time, -memory_short, -cores_short))
            return _Openings(found)
        memory = memory_sums.least(memory_short)
        unknown_cores = cores_sums.least(cores_short)
        if memory is not None and unknown_cores is not None:
            found.append(_Opening(time, memory - memory_short, unknown_cores - cores_short))
        if following is not None:
            time = _remaining(following)
            memory_short -= following.frees
            cores_short -= following.cores
    # No set of ends makes its claim fit: it runs alone, when all have ended, and bears nothing beside it.
    return _Openings(found or [_Opening(time, -1, -1)])


def _remaining(task: Running) -> float:
    return task.remaining or 0.0


class _Sums:
    """The sums that some of a few parts can make; of more than are worth trying, any."""

    def __init__(self, parts: Sequence[int]) -> None:
        self._all = sum(parts)
        sums = {0}
        for part in parts:
            sums |= {total + part for total in sums}
            if len(sums) > _SUMS_LIMIT:
                break
        self._sorted = sorted(sums) if len(sums) <= _SUMS_LIMIT else None

    def least(self, amount: int) -> int | None:
        """The smallest sum that is at least `amount`; None if all parts are not enough.

        With too many sums the answer is `amount` itself, which leaves nothing beside the head: too careful,
        never too bold.
        """
        if amount <= 0:
            return 0
        if self._all < amount:
            return None
        if self._sorted is None:
            return amount
        return self._sorted[bisect_left(self._sorted, amount)]
