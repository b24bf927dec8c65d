"""Words of the pages about tasks: why one waits, how an attempt ended and what a person may do about it."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment

from steelyard.rules import figures
from steelyard.rules.quantities import format_size
from steelyard.rules.reasons import waits
from steelyard.web.pages.wording import Meaning

CAUSE_MEANINGS = {
    "succeeded": Meaning("The program ended with exit code 0.", ""),
    "error": Meaning(
        "The program itself reported a failure, or could not be started.",
        "Read the end of its output: the last lines mostly name the fault. Then change the parameters or the "
        "model, and run it again.",
    ),
    "timeout": Meaning(
        "It ran longer than its time limit (of time in which the computer was awake) and was ended.",
        "Run it again with a longer time limit, or let the model write checkpoints.",
    ),
    "cancelled": Meaning("A person cancelled it.", "Retry puts it into the queue again."),
    "aborted": Meaning("Its worker was aborted by a person.", "Retry puts it into the queue again."),
    "worker_lost": Meaning(
        "The worker's process ended unexpectedly. That is no fault of the task, and does not count as an "
        "attempt.",
        "Nothing: it goes back to its place in the queue.",
    ),
    "sidecar_lost": Meaning(
        "Steelyard was closed or ended while it ran. That does not count as an attempt.",
        "Nothing: it goes on from its last checkpoint.",
    ),
    "memory_guard": Meaning(
        "Memory ran short although everything that grew stood still, and ending this attempt cost least.",
        "It goes on by itself: with a larger claim if it had outgrown its own, else just as it was. "
        "Close other programs, or let fewer workers run.",
    ),
    "kernel_oom": Meaning(
        "The operating system ended it because the machine had no memory left.",
        "It is tried again with a larger claim. Let fewer workers run, or close other programs.",
    ),
    "rejected": Meaning(
        "A task that it had to wait for did not succeed.",
        "Look at that task; when it has succeeded, retry this one.",
    ),
}

CLAIM_SOURCES = {
    "task": "as the task asked for",
    "simulation": "as its simulation declares",
    "learned": "as earlier runs have shown",
    "default": "the default, nothing else is known",
}

# ECMA-48: control sequences, strings that end in BEL or ST (a title, a link), and the two-byte rest.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# From where a line begins only: tried at each character, a line of 64 KiB took seconds.
_OVERWRITTEN = re.compile(r"(?<![^\n\r])[^\n\r]*\r(?=[^\n\r])")

PRIORITIES = {"low": -10, "normal": 0, "high": 10}
"""The three words for a priority."""


def register(environment: Environment) -> None:
    """Give templates the filters and tables of this module."""
    environment.filters.update(waits=waits, claimed=claimed, grouped=grouped, plain=plain, cell=cell)
    environment.globals.update(cause_meanings=CAUSE_MEANINGS, priorities=PRIORITIES)


def cell(value: object, more: int = 0) -> str:
    """A value in a table: numbers short, but with so many digits more; yes and no, a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return figures.text(value, more)
    return str(value)


def claimed(memory: dict[str, Any]) -> str:
    """A task's claim with where it comes from."""
    if memory.get("claim") is None:
        return "–"
    source = CLAIM_SOURCES.get(memory.get("source", ""), "")
    return f"{format_size(memory['claim'])}{', ' if source else ''}{source}"


def grouped(number: int) -> str:
    """A count with its thousands apart: "1 000 000" (narrow no-break spaces)."""
    return f"{number:,}".replace(",", "\u202f")


def plain(text: str) -> str:
    """Output as a terminal would have left it, in short: no escape sequences, and of a line that was
    overwritten (a bar drawn with carriage returns) what was written last. static/task_log.js does the same.
    """
    return _OVERWRITTEN.sub("", _ESCAPES.sub("", text).replace("\r\n", "\n")).replace("\r", "")
