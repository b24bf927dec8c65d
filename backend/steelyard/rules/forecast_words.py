"""The forecast in sentences, alike on the page and on the command line: what can start is done by then, and
what cannot is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from steelyard.rules.quantities import format_size
from steelyard.rules.timestamps import unix

Told = Mapping[str, Any]
When = Callable[[float], str]
"""A moment (Unix seconds) for a person: "at 03:47 (in 15 min)"."""


def sentence(found: Told, outlook: Told | None, when: When, clock: When) -> str:
    """When it is done, and what is left out of that: "The 6 that can start are done at 03:47 (in 15 min) with
    2 workers; 2,016 wait for a worker of queue gpu; 1 starts at 08:16."

    found: the answer of GET /api/forecast/; outlook: one of its outlooks, None where it has none. It says all
    only where it is all. clock: a moment without what stands in parentheses.
    """
    others = _others(found, clock)
    if outlook is not None:
        return "; ".join([_done(found, outlook, when), *others]) + "."
    if others:
        return f"When it is done is not known: {'; '.join(others)}."
    return "Nothing is left to do."


def nobody_works(found: Told) -> bool:
    """Whether tasks that could start have no worker at all: what is told is then as if one were added."""
    return bool(found["able"]) and not found["workers"]


def _done(found: Told, outlook: Told, when: When) -> str:
    known = found["able"] - found["unknown"]
    if found["unknown"]:
        who = _are(known, "with known durations", "with a known duration")
    elif found["waiting"]:
        who = _are(known, "that can start", "that can start")
    else:
        who = "The only task is" if known == 1 else f"All {known:,} are"
    return f"{who} done {when(unix(outlook['done_at']))} with {with_workers(outlook)}"


def with_workers(outlook: Told) -> str:
    """How many workers it is played with: "2 workers"; memory may let fewer tasks run side by side."""
    return f"{outlook['workers']} workers" if outlook["workers"] > 1 else "1 worker"


def _others(found: Told, clock: When) -> list[str]:
    """What is left out, and why: "2,016 wait for a worker of queue gpu", "1 starts at 08:16"."""
    told = [_kept(one, clock) for one in found["waiting"]]
    unknown = found["unknown"]
    if unknown:
        which = "the other" if unknown < found["able"] else "this" if unknown == 1 else "these"
        told.insert(
            0, f"no run like {which} {'one' if unknown == 1 else f'{unknown:,}'} has been completed yet"
        )
    return told


def _are(count: int, many: str, one: str) -> str:
    return f"The 1 {one} is" if count == 1 else f"The {count:,} {many} are"


def _kept(one: Told, clock: When) -> str:
    count, alone = one["tasks"], one["tasks"] == 1
    needs = f"{count:,} {'needs' if alone else 'need'} {_sizes(one)}"
    match one["why"]:
        case "queue":
            return f"{count:,} {'waits' if alone else 'wait'} for a worker of queue {one['queue']}"
        case "time":
            at = clock(unix(one["at"]))
            return f"1 starts at {at}" if alone else f"{count:,} start later, the first at {at}"
        case "after":
            return f"{count:,} {'waits' if alone else 'wait'} for tasks that cannot start"
        case "never_fits":
            return f"{needs}, more than this machine can ever give"
    names = " and ".join(f"{each['name']} ({format_size(each['memory'])})" for each in one["closable"] or [])
    closed = f" ({'it' if alone else 'the smallest'} would fit if you close {names})" if names else ""
    return f"{needs}, more than other programs leave{closed}"


def _sizes(one: Told) -> str:
    """What they claim: "19.0 GiB", or "19.0 GiB to 22.0 GiB" each."""
    least, most = format_size(one["least"]), format_size(one["most"])
    each = "" if one["tasks"] == 1 else " each"
    return f"{least}{each}" if least == most else f"{least} to {most}{each}"
