"""Pages that several processes of a tree hold together: how much that is, from few closer looks. Pure.

The system tells cheaply what each process has, and only for a price (it walks through all pages) what of that
is its own. So a pool of processes is looked at closely once, and again when something may have changed; in
between what is known is carried on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from steelyard.rules.quantities import MIB

WORTH_A_LOOK = 64 * MIB
"""Bytes that a figure may be off by before a closer look is taken."""

EVERY = 10.0
"""Seconds after which a pool is looked at again though nothing seems to have changed."""

AT_ONCE = 8
"""Processes of a pool that one look asks; of a larger pool the others are taken to be like those."""

ALL = 0.95
"""From this share on nothing is taken to be shared."""

PAGE = 4096

Name = tuple[int, object]
"""Which process: its PID, and when it began."""


class Part(NamedTuple):
    """What one process has of a pool: bytes, and how often the kernel had to give it a page so far."""

    size: int
    faults: int


class Share(NamedTuple):
    """What a closer look at a process brings: the bytes that it has, its part of them once each page is
    divided among all that have it, and those that are its own alone.
    """

    size: int
    part: int
    own: int


@dataclass(frozen=True, slots=True)
class _Known:
    own: int
    size: int
    faults: int
    asked: bool


class Pool:
    """Processes that may hold pages together: forks of one program, or whatever maps shared memory.

    What is certain is never undercut: a pool holds at least what the largest of it has, and at most the sum.
    """

    def __init__(self, *, forks: bool) -> None:
        """forks: what one takes anew is its own."""
        self._forks = forks
        self._together = 0
        """Bytes that were held by several, each counted once."""
        self._known: dict[Name, _Known] = {}
        self._base = 0
        """Of one fork: the bytes that it has together with others, as a rule."""
        self._apart = False
        """Whether what maps shared memory was found to share nothing."""
        self._looked_at: float | None = None

    def holds(self, parts: Mapping[Name, Part]) -> int:
        """Bytes that all together hold now."""
        most = max((part.size for part in parts.values()), default=0)
        everything = sum(part.size for part in parts.values())
        if most == everything or self._looked_at is None:
            return most
        # What one takes anew of shared memory may be what another has already, unless none was shared so far.
        growth = 1 if self._forks or self._apart else 0
        held = self._together
        for name, part in parts.items():
            known = self._known.get(name)
            if known is None:
                held += growth * max(0, part.size - self._base)
            else:
                held += max(0, known.own + growth * (part.size - known.size))
        return min(everything, max(most, held))

    def doubt(self, parts: Mapping[Name, Part]) -> int:
        """Bytes that holds() may be wrong by: what may be shared, or no longer is, since the last look."""
        most = max((part.size for part in parts.values()), default=0)
        everything = sum(part.size for part in parts.values())
        if most == everything:
            return 0
        if self._looked_at is None:
            return everything - most
        doubt = sum(self._doubt_of(name, part) for name, part in parts.items())
        gone = sum(known.size - known.own for name, known in self._known.items() if name not in parts)
        return min(everything - most, doubt + min(gone, self._together))

    def _doubt_of(self, name: Name, part: Part) -> int:
        known = self._known.get(name)
        if known is None:
            return part.size
        # A page that a fork writes to becomes its own, and all that shows is that the kernel gave it one.
        given = max(0, part.faults - known.faults) * PAGE
        if self._forks:
            return min(given, max(0, part.size - known.own))
        return abs(part.size - known.size)

    def asks_for(self, parts: Mapping[Name, Part], now: float) -> int:
        """How urgent a closer look is, in bytes of doubt; 0: none is needed now."""
        doubt = self.doubt(parts)
        if doubt >= max(WORTH_A_LOOK, self.holds(parts) // 20):
            return doubt
        most = max((part.size for part in parts.values()), default=0)
        shared = sum(part.size for part in parts.values()) - most
        overdue = self._looked_at is not None and now - self._looked_at >= EVERY
        return 1 if overdue and shared >= WORTH_A_LOOK else 0

    def choose(self, parts: Mapping[Name, Part]) -> list[Name]:
        """Whom to look at: the largest one, and then those of whom least is known."""
        largest = max(parts, key=lambda name: parts[name].size)

        def urgency(name: Name) -> tuple[int, bool, int]:
            known = self._known.get(name)
            return -self._doubt_of(name, parts[name]), known is not None and known.asked, -parts[name].size

        return [largest, *sorted((name for name in parts if name != largest), key=urgency)[: AT_ONCE - 1]]

    def learn(self, parts: Mapping[Name, Part], found: Mapping[Name, Share], now: float) -> None:
        """Take what a look brought. parts: as the pool was when it was taken."""
        self._looked_at = now
        if not found:
            # None of them may be asked (a program with rights of its own): each counts in full.
            self._together, self._base, self._apart = 0, 0, True
            self._known = {name: _Known(part.size, *part, asked=True) for name, part in parts.items()}
            return
        largest = max(found, key=lambda name: found[name].size)
        # What those are like that were not asked the others tell: from the largest they were mostly forked.
        like = [share for name, share in found.items() if name != largest] or list(found.values())
        together = sum(share.part - share.own for share in found.values())
        together += (len(parts) - len(found)) * sum(share.part - share.own for share in like) // len(like)
        self._together = together
        self._base = sum(share.size - share.own for share in like) // len(like) if self._forks else 0
        self._apart = sum(share.part for share in like) > ALL * sum(share.size for share in like)
        self._known = {name: self._as_known(part, found.get(name)) for name, part in parts.items()}

    def _as_known(self, part: Part, share: Share | None) -> _Known:
        if share is not None:
            return _Known(share.own, share.size, part.faults, asked=True)
        own = max(0, part.size - self._base) if self._forks else 0
        return _Known(own, part.size, part.faults, asked=False)
