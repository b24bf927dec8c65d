"""`steelyard doctor --repair`: show what is wrong, ask, mend, and say what was done."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
from typing import Any

import click

from steelyard.cli import exit_codes, leftovers, repairs
from steelyard.cli.output import Output
from steelyard.cli.repairs import Repair
from steelyard.machine.paths import DataDirectory
from steelyard.rules.errors import StartError
from steelyard.rules.quantities import format_size
from steelyard.supervisor import ownership


def repair(data: DataDirectory, out: Output, *, yes: bool, discard: bool) -> int:
    """Mend one thing after the other, each after a yes. Without a person to ask, and without `yes`, it only
    shows. REFUSED while a sidecar runs, and if something is left.
    """
    if not data.path.is_dir():
        out.note(f"{data.path} is not there: nothing to repair")
        return exit_codes.REFUSED
    try:
        with contextlib.closing(data.lock()):
            # Whoever has deleted the lock's file has not ended its owner.
            said = ownership.refuse_living_owner(data, time.time())
            if said is not None:
                out.note(said)
            done = [_mended(one, out, yes) for one in repairs.plan(data, discard=discard)]
    except StartError as error:
        out.note(f"{error.message} Nothing was changed. {error.remedy}")
        return exit_codes.REFUSED
    left = sum(not one["done"] for one in done)
    if out.as_json:
        out.document({"repairs": done, "left": left})
    elif not done:
        out.say("nothing is to be mended")
    elif left and not yes and not _somebody_is_there():
        out.note("Nothing was changed: nobody is there to be asked. Add --yes to do all of it.")
    if not out.as_json and not discard:
        for path in leftovers.set_aside(data):
            size = format_size(leftovers.size_of(path))
            out.say(f"set aside: {path} ({size}); remove it once you need it no more (--discard)")
    return exit_codes.REFUSED if left else exit_codes.OK


def _mended(one: Repair, out: Output, yes: bool) -> dict[str, Any]:
    """What became of a repair."""
    told: dict[str, Any] = {"subject": one.subject, "wrong": one.wrong, "remedy": one.remedy, "done": False}
    if not out.as_json:
        out.say(f"{one.subject}: {one.wrong}\n    to {one.remedy}")
    wanted = yes or (
        not out.as_json and _somebody_is_there() and click.confirm("    Do that?", default=False, err=True)
    )
    if not wanted:
        return told
    try:
        one.apply()
    except (OSError, sqlite3.Error, StartError) as error:
        told["error"] = str(error)
        out.note(f"    that failed: {error}")
    else:
        told["done"] = True
        if not out.as_json:
            out.say("    done")
    return told


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()
