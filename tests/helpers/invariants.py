"""What must hold whatever was killed, when, and how often: functions from a Record to complaints.

A Record is plain data (tests/helpers/evidence.py collects one from a real data directory), so that each
check can be fed a history that breaks it: tests/faults/test_invariants.py does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
LIVE = frozenset({"STARTING", "RUNNING", "DRAINING"})
NEXT = {
    "": {"READY"},
    "READY": {"READY", "RUNNING", "CANCELLED", "FAILED"},
    "RUNNING": {"RUNNING", "READY", *ENDED},
    "SUCCEEDED": set(),
    "FAILED": {"READY"},
    "CANCELLED": {"READY"},
}
"""What may follow a state in a task's events; the same state again is an edit, or a suspension."""
Row = dict[str, Any]


class Note(NamedTuple):
    """One line that a task wrote of itself (tests/helpers/witness.py)."""

    attempt: int
    word: str
    pid: int
    at: float


class Memory(NamedTuple):
    """What a sidecar says of memory, at one moment, in bytes."""

    available: int
    guard: int
    headroom: int
    peak: int
    workers: int


@dataclass
class Record:
    """All that is known of a run that has come to rest: every task has ended, nobody is killed any more."""

    acknowledged: set[str] = field(default_factory=set)
    """Ids of tasks that a client was told of."""
    tasks: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    workers: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    """seq, kind, subject, data (decoded)."""
    integrity: list[str] = field(default_factory=list)
    """What SQLite says of the file; empty when it is sound."""
    journals: dict[str, list[Note]] = field(default_factory=dict)
    living: dict[int, str] = field(default_factory=dict)
    """PID -> command line of every process of ours."""
    wanted: set[int] = field(default_factory=set)
    """PIDs that should live: sidecar and agents."""
    held: list[str] = field(default_factory=list)
    """What the sidecar's workers say that they run."""
    memory: Memory | None = None
    """None: no sidecar runs."""


def no_task_is_lost(record: Record) -> list[str]:
    """Who was told of a task finds it, once, and it has come to its end."""
    known = {task["id"] for task in record.tasks}
    keys = Counter(task["key"] for task in record.tasks if task["key"] is not None)
    return [
        *(f"task {lost} was acknowledged and is not there" for lost in sorted(record.acknowledged - known)),
        *(f"key {key} has {count} tasks" for key, count in keys.items() if count > 1),
        *(
            f"task {task['id']} is still {task['state']}"
            for task in record.tasks
            if task["state"] not in ENDED
        ),
    ]


def one_outcome_each(record: Record) -> list[str]:
    """Every attempt ended once, none is missing, and the task's story is one that the tables allow."""
    found = []
    attempts = _attempts(record)
    for task in record.tasks:
        name, mine = f"task {task['id']}", attempts[task["id"]]
        if [attempt["number"] for attempt in mine] != list(range(1, task["attempt"] + 1)):
            found.append(f"{name} counts {task['attempt']} attempts, and has {len(mine)}")
        found += [
            f"{name} attempt {attempt['number']} has no outcome"
            for attempt in mine
            if attempt["cause"] is None or attempt["finished_at"] is None
        ]
        good = [attempt["number"] for attempt in mine if attempt["cause"] == "succeeded"]
        if good != ([task["attempt"]] if task["state"] == "SUCCEEDED" else []):
            found.append(f"{name} is {task['state']}, and its attempts {good} succeeded")
    states: dict[str, str] = defaultdict(str)
    for event in record.events:
        if event["kind"] == "task":
            before, now = states[event["subject"]], event["data"]["state"]
            if now not in NEXT[before]:
                found.append(f"task {event['subject']} went from {before} to {now} (event {event['seq']})")
            states[event["subject"]] = now
    return found + [
        f"task {task['id']} is {task['state']}, and its last event says {states[task['id']]}"
        for task in record.tasks
        if states[task["id"]] != task["state"]
    ]


def no_result_of_an_old_attempt(record: Record) -> list[str]:
    """The result of a task is what its last attempt said, and that attempt did come to its end."""
    found = []
    for task in record.tasks:
        if task["state"] != "SUCCEEDED" or task["id"] not in record.journals:
            continue
        said = (task["result"] or {}).get("attempt")
        if said != task["attempt"]:
            found.append(f"task {task['id']} has the result of attempt {said}, not {task['attempt']}")
        if not any(n.word == "end" and n.attempt == said for n in record.journals[task["id"]]):
            found.append(f"task {task['id']} has a result of attempt {said}, which never came to its end")
    return found


def one_live_claim(record: Record) -> list[str]:
    """No task ran twice at once, no attempt began twice, none ran that was not claimed."""
    found = []
    numbers = {(a["task_id"], a["number"]) for a in record.attempts}
    for task_id, notes in record.journals.items():
        found += [
            f"task {task_id} attempt {n.attempt} ran beside another" for n in notes if n.word == "doubled"
        ]
        begun = Counter(note.attempt for note in notes if note.word == "begin")
        for attempt, count in begun.items():
            if count > 1:
                found.append(f"task {task_id} attempt {attempt} began {count} times")
            if (task_id, attempt) not in numbers:
                found.append(f"task {task_id} attempt {attempt} ran, and nobody claimed it")
    return found


def no_orphan(record: Record) -> list[str]:
    """Nothing of ours lives but sidecar and agents."""
    return [
        f"process {pid} was left behind: {command}"
        for pid, command in sorted(record.living.items())
        if pid not in record.wanted
    ]


def no_leaked_claim(record: Record) -> list[str]:
    """Nobody holds a task, and all memory is free again: only what idle workers are about to take is kept."""
    found = [f"worker {one['id']} is {one['state']}, and nobody is there" for one in _ghosts(record)]
    found += [f"task {task_id} is still held by a worker" for task_id in record.held]
    memory = record.memory
    if memory is not None:
        full = memory.available - memory.guard - memory.workers * memory.peak
        if memory.headroom != full:
            found.append(f"{full - memory.headroom} bytes of {full} are promised to nobody")
    return found


def events_without_gap(record: Record) -> list[str]:
    """seq counts 1, 2, 3 and so on; a worker's story is one that the tables allow."""
    found = []
    for expected, event in enumerate(record.events, start=record.events[0]["seq"] if record.events else 1):
        if event["seq"] != expected:
            return [f"event {expected} is missing or doubled: seq {event['seq']} stands in its place"]
    if record.events and record.events[0]["seq"] != 1:
        found.append(f"the first event is {record.events[0]['seq']}")
    return found


def sound_database(record: Record) -> list[str]:
    """PRAGMA integrity_check and foreign_key_check."""
    return list(record.integrity)


INVARIANTS: dict[str, Callable[[Record], list[str]]] = {
    check.__name__: check
    for check in (
        no_task_is_lost,
        one_outcome_each,
        no_result_of_an_old_attempt,
        one_live_claim,
        no_orphan,
        no_leaked_claim,
        events_without_gap,
        sound_database,
    )
}


def broken(record: Record) -> dict[str, list[str]]:
    """The invariants that do not hold, each with what is wrong."""
    return {name: wrong for name, check in INVARIANTS.items() if (wrong := check(record))}


def _attempts(record: Record) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for attempt in sorted(record.attempts, key=lambda attempt: attempt["number"]):
        found[attempt["task_id"]].append(attempt)
    return found


def _ghosts(record: Record) -> list[Row]:
    return [one for one in record.workers if one["state"] in LIVE and one["pid"] not in record.wanted]
