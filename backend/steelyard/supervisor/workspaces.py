"""Where runs work: fresh folders are filled before a run and tidied up after it, directories of simulations
that state nothing are looked at before and after, and temporary files go with their run.

All of that is done in threads of the sidecar and not by the agents: an agent has to hear a stop and beat
while a slow disk is read, and what was brought in has to be tidied up also when the agent is gone.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from steelyard.machine import links, temporary, trees
from steelyard.machine.answering import ask
from steelyard.machine.beside import beside
from steelyard.machine.private_files import make_private_directory
from steelyard.machine.trees import Seen
from steelyard.rules import workspace
from steelyard.rules.errors import Unanswered
from steelyard.rules.states import Cause
from steelyard.rules.workspace import Known, Manner
from steelyard.settings.simulation import Simulation
from steelyard.store import claims, directories
from steelyard.store.claims import Outcome
from steelyard.supervisor import fresh_folder, watching, workspace_notes
from steelyard.supervisor.fresh_folder import Brought, CannotBring
from steelyard.supervisor.guarding import in_background
from steelyard.supervisor.worker_handle import RunningAttempt, WorkerHandle
from steelyard.supervisor.yard import Yard

log = logging.getLogger(__name__)

ANSWERS_WITHIN = 60.0
"""Seconds that the directory of a run may take to answer; a disk that was asleep has woken by then."""

Finish = Callable[[Yard, WorkerHandle, RunningAttempt, Outcome], None]


@dataclass(eq=False)
class Workspace:
    """Where one attempt works, from before its start until it is tidied up."""

    simulation: Simulation
    directory: str
    """What it is filled from or, without a fresh folder, where it works."""
    work: str | None
    """The fresh folder; None: the run works in `directory`, which is watched."""
    named: list[str]
    limit: int
    """Files of the directory that are looked at."""
    given_up: bool = False
    started: bool = False
    """Whether the program was started: what lies in `work` may be its own."""
    brought: Brought | None = None
    before: Seen | None = None
    ran_with: set[tuple[str, int]] = field(default_factory=set)
    """Attempts of the same simulation that ran at the same time."""
    over: bool = False
    """Its attempt has ended, and it is being tidied up."""
    prepared: asyncio.Event = field(default_factory=asyncio.Event)

    def go_on(self) -> bool:
        """Whether somebody still waits for it."""
        return not self.given_up


def work_folder(folder: Path) -> Path:
    """The working directory in an attempt's folder, where it has one of its own."""
    return folder / "work"


def temporary_note(yard: Yard, task_id: str, number: int) -> Path:
    """What says where an attempt's temporary files lie."""
    return _temporary_notes(yard) / f"{task_id}.{number:d}"


def _temporary_notes(yard: Yard) -> Path:
    return yard.data.runtime / "temporary"


def begin(
    yard: Yard,
    handle: WorkerHandle,
    attempt: RunningAttempt,
    message: dict[str, Any],
    simulation: Simulation,
    finish: Finish,
) -> None:
    """Do what comes before the start of an attempt, beside the loop, and then send `message`.

    What cannot be brought in ends the attempt, through `finish`, with a sentence; so does a directory that
    does not answer: the agent would wait for it too, and hear no word to stop.
    """
    free = watching.manner(yard, simulation) is Manner.FREE
    mine = Workspace(
        simulation,
        str(simulation.directory) if simulation.run.fresh else message["directory"],
        message["directory"] if simulation.run.fresh else None,
        [one for one in message["argv"] if _names_a_file(one)],
        watching.LATER if free else watching.FIRST,
    )
    key = (attempt.task_id, attempt.number)
    for other, one in yard.workspaces.items():
        if one.simulation.name == simulation.name:
            one.ran_with.add(key)
            mine.ran_with.add(other)
    # First what may fail: nobody would tidy up after what is entered and never begins.
    _keep(yard, _start(yard, handle, attempt, mine, message, finish))
    yard.workspaces[key] = mine
    attempt.preparing = True
    attempt.message = f"waiting for {mine.directory}"


def _names_a_file(element: str) -> bool:
    parts = element.replace("\\", "/").split("/")
    return bool(element) and not os.path.isabs(element) and ".." not in parts and "\0" not in element


async def _start(
    yard: Yard,
    handle: WorkerHandle,
    attempt: RunningAttempt,
    mine: Workspace,
    message: dict[str, Any],
    finish: Finish,
) -> None:
    """Prepare, and send `message`. A fault of ours ends the attempt with the reason, and costs no other."""
    try:
        refused = await _prepare(yard, attempt, mine)
        if handle.attempt is not attempt or handle.gone or handle.told_to_leave or mine.given_up:
            return  # it has ended meanwhile, or its worker does: that gives the task back
        attempt.message = ""
        if refused is not None:
            finish(yard, handle, attempt, refused)
            return
        mine.started = True
        handle.send("start", low_priority=handle.low_priority, **message)
    except Exception as error:
        log.exception("task %s, attempt %d could not be started", attempt.task_id, attempt.number)
        attempt.preparing = False
        mine.prepared.set()
        if handle.attempt is attempt:
            words = f"the sidecar could not start it: {type(error).__name__}: {error}; its log says more"
            finish(yard, handle, attempt, Outcome(cause=Cause.ERROR, evidence=words))


async def _prepare(yard: Yard, attempt: RunningAttempt, mine: Workspace) -> Outcome | None:
    """How the attempt ends without having been started; None if it can start."""
    missing, needed = False, mine.work is not None
    try:
        mine.directory = await ask(mine.directory, lambda: os.path.realpath(mine.directory), ANSWERS_WITHIN)
        if mine.work is not None:
            attempt.message = "bringing its files in"
        await beside(lambda: _look_and_fill(yard, attempt, mine))
        return None
    except InterruptedError:
        log.info("task %s, attempt %d ended before it had its files", attempt.task_id, attempt.number)
        return None
    except CannotBring as error:
        words, missing = str(error), error.missing
    except Unanswered as error:
        words, needed = error.message, True
    except OSError as error:
        words = fresh_folder.trouble(error, mine.work or mine.directory)
    except Exception as error:
        log.exception("the folder of task %s could not be prepared", attempt.task_id)
        words = f"Steelyard could not prepare the run's folder: {error!r}. Its log says more."
    finally:
        attempt.preparing = False
        mine.prepared.set()
    if needed:
        return Outcome(cause=Cause.ERROR, evidence=words, message=words, started=not missing)
    log.warning("the directory of task %s is not watched: %s", attempt.task_id, words)
    return None


def _look_and_fill(yard: Yard, attempt: RunningAttempt, mine: Workspace) -> None:
    """In a thread."""
    ours = watching.ours(yard.data)
    if mine.work is None:
        if not watching.is_watched(mine.simulation):
            return
        mine.before = trees.look(mine.directory, mine.limit, ours, mine.go_on)
        return
    folder = yard.data.attempt(attempt.task_id, attempt.number)
    note = workspace_notes.path(yard.data, attempt.task_id, attempt.number)
    # If the sidecar is killed from here on, all that lies in the folder was brought in.
    workspace_notes.write(note, mine.simulation.run, None)
    make_private_directory(work_folder(folder))
    run = mine.simulation.run
    mine.brought = fresh_folder.fill(mine.work, mine.directory, run, mine.named, ours, mine.go_on)
    workspace_notes.write(note, run, mine.brought)


def give_up(yard: Yard, handle: WorkerHandle, attempt: RunningAttempt, reason: str, finish: Finish) -> bool:
    """End an attempt whose program has not been started yet; False if it has."""
    mine = yard.workspaces.get((attempt.task_id, attempt.number))
    if mine is None or not attempt.preparing:
        return False
    mine.given_up = True
    cause = Cause.CANCELLED if reason == "cancelled" else Cause.ABORTED
    words = f"was {reason} before its program was started"
    finish(yard, handle, attempt, Outcome(cause=cause, evidence=words))
    return True


def over(yard: Yard, attempt: RunningAttempt, *, succeeded: bool) -> None:
    """Tidy up, beside the loop, after an attempt whose end is recorded."""
    key = (attempt.task_id, attempt.number)
    _keep(yard, beside(partial(temporary.remove, temporary_note(yard, *key))))
    mine = yard.workspaces.get(key)
    if mine is not None and not mine.over:
        _keep(yard, _tidy_up(yard, key, mine, succeeded=succeeded))
        mine.over = True


async def _tidy_up(yard: Yard, key: tuple[str, int], mine: Workspace, *, succeeded: bool) -> None:
    remarks: list[str] = []
    note: Path | None = None
    try:
        mine.given_up = mine.given_up or not mine.started
        await mine.prepared.wait()
        if mine.work is None:
            remarks = await _compare(yard, mine, succeeded=succeeded)
        else:
            remarks = await beside(lambda: _tidy_folder(yard, key, mine, succeeded=succeeded))
        note = workspace_notes.path(yard.data, *key)
    except Exception as error:
        log.exception("the folder of task %s, attempt %d could not be tidied up", *key)
        remarks = [f"Steelyard could not tidy up the run's folder: {error!r}. Its log says more."]
        note = None  # the next start tries again
    finally:
        del yard.workspaces[key]
    yard.hurry()
    await _remark(yard, key, remarks, note)


async def _remark(yard: Yard, key: tuple[str, int], remarks: list[str], note: Path | None) -> None:
    """Put on the task what was found, and remove the note only then: what cannot be recorded now (a full
    disk, the way out) the next start records.
    """
    if remarks:
        await yard.database.change(lambda change: claims.remark(change, *key, remarks))
    if note is not None:
        await beside(partial(workspace_notes.remove, note))


def _tidy_folder(yard: Yard, key: tuple[str, int], mine: Workspace, *, succeeded: bool) -> list[str]:
    """In a thread."""
    remarks = [] if mine.brought is None else list(mine.brought.remarks)
    if mine.started and mine.brought is not None:
        remarks += fresh_folder.tidy_up(
            mine.brought, mine.simulation.run, watching.ours(yard.data), succeeded=succeeded
        )
    elif mine.work is not None and os.path.isdir(mine.work):
        failed = links.remove_tree(mine.work)
        remarks += [] if failed is None else [f"The run's folder could not be removed: {failed}."]
    if remarks:
        workspace_notes.keep(workspace_notes.path(yard.data, *key), remarks)
    return remarks


async def _compare(yard: Yard, mine: Workspace, *, succeeded: bool) -> list[str]:
    """Look at a watched directory again, and keep what the run showed; what is to be said on the task."""
    before, name = mine.before, mine.simulation.name
    if before is None or not mine.started:
        return []
    ours = watching.ours(yard.data)
    after = await beside(lambda: trees.look(mine.directory, mine.limit, ours))
    names = trees.names(trees.written(before, after))
    whole = before.whole and after.whole
    known = yard.known.get(name)
    if known is not None and known.digest != mine.simulation.digest:
        known = None
    told = []
    if names and mine.ran_with:
        told = [workspace.mixed_sentence(names, mine.directory, len(mine.ran_with))]
    if known is not None and (known.wrote or not names):
        return told
    if not names and not succeeded:
        return told  # what failed early may not have got as far as writing
    seen = Known(mine.simulation.digest, bool(names), names, whole)
    yard.known[name] = seen
    await yard.database.change(lambda change: directories.note(change, name, seen, yard.clocks.wall()))
    if not names:
        return told
    file = watching.file_name(mine.simulation)
    return [workspace.wrote_sentence(names, mine.directory, name, file), *told]


def catch_up(yard: Yard) -> None:
    """At the start, when no process of an earlier sidecar is left: tidy up what that one had not."""
    yard.known = directories.known(yard.database)

    # Looked up now: a run that starts while the tidying goes on has its notes there too.
    notes, temporaries = workspace_notes.left(yard.data), temporary.left(_temporary_notes(yard))
    succeeded = {key for _, key in notes if claims.cause(yard.database, *key) is Cause.SUCCEEDED}

    async def tidy() -> None:
        for note in temporaries:
            await beside(partial(temporary.remove, note))
        for note, key in notes:
            said = await beside(
                partial(workspace_notes.tidy_up, yard.data, note, key, succeeded=key in succeeded)
            )
            await _remark(yard, key, said, note)

    _keep(yard, tidy())


async def settle(yard: Yard, seconds: float) -> None:
    """On the way out: let what is under way end; what does not, the next start does."""
    for mine in yard.workspaces.values():
        mine.given_up = mine.given_up or not mine.started
    if yard.errands:
        await asyncio.wait(set(yard.errands), timeout=seconds)


def _keep(yard: Yard, work: Coroutine[Any, Any, object]) -> None:
    in_background(yard, work, "an errand for a run's folder")
