"""Whether runs of one simulation may go side by side: only if they do not write into one folder.

A simulation whose file states no workspace is watched. Its first run goes alone; if a run writes into the
directory, its runs go one at a time from then on.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Stated = Literal["fresh", "shared"]


class Manner(Enum):
    """Whether the runs of a simulation go side by side. Values are what clients read."""

    FREE = "side by side"
    FIRST = "first alone"
    SINGLE = "one at a time"


@dataclass(frozen=True, slots=True)
class Known:
    """What runs of a simulation showed while its file was what it was then (digest: of the file).

    wrote: whether one wrote into its directory; names: the first of what it wrote there. whole: False where
    the directory holds too much to be watched.
    """

    digest: str
    wrote: bool
    names: tuple[str, ...] = ()
    whole: bool = True


def manner(watched: bool, digest: str, known: Known | None) -> Manner:
    """How runs go, after what is known of earlier ones."""
    if not watched:
        return Manner.FREE
    if known is None or known.digest != digest:
        return Manner.FIRST
    return Manner.SINGLE if known.wrote or not known.whole else Manner.FREE


def why(how: Manner, name: str, directory: str, file: str, known: Known | None) -> str | None:
    """Why runs do not go side by side, and what to state, in sentences; None if they do."""
    if how is Manner.FREE:
        return None
    state = _state(file)
    if how is Manner.FIRST:
        return (
            f"The first run of {name} goes alone, to see whether it writes into {directory}: runs side by "
            f"side would overwrite each other's files there. {state}"
        )
    if known is not None and not known.wrote:
        return (
            f"Runs of {name} go one at a time: {directory} holds too many files to see whether a run writes "
            f"there. {state}"
        )
    wrote = listed(known.names if known is not None else ())
    return (
        f"Runs of {name} go one at a time, for one wrote {wrote} into {directory}, and runs side by side "
        f"would overwrite each other's files there. {state}"
    )


def _state(file: str) -> str:
    return (
        f'State what you want under [run] in {file}: workspace = "fresh" gives each run a folder of its own, '
        'workspace = "shared" lets runs go side by side in this one.'
    )


def waiting_for(task_id: str, reason: str) -> str:
    """`waiting_for` of a task that waits for another run of its simulation."""
    return f"the end of task {task_id}. {reason}"


def wrote_sentence(names: Sequence[str], directory: str, name: str, file: str) -> str:
    """The remark on the run that showed that runs write into their directory."""
    return (
        f"It wrote {listed(names)} into {directory}. So runs of {name} go one at a time from now on: side by "
        f"side they would overwrite each other's files there. {_state(file)}"
    )


def mixed_sentence(names: Sequence[str], directory: str, others: int) -> str:
    """The remark on a run in whose directory something was written while others of its kind ran."""
    runs = "another run" if others == 1 else f"{others} other runs"
    return (
        f"{listed(names)} in {directory} changed while {runs} of this simulation ran there too. Figures "
        "that come from there may be another run's: run it again."
    )


def through_link_sentence(names: Sequence[str], directory: str) -> str:
    """The remark on a run during which something behind its links was written to."""
    named = listed(names)
    return (
        f"{named} in {directory} changed while this run had it as a link: this run, another one or another "
        "program wrote there, so figures of runs side by side may be mixed. Name it in copy under [run], and "
        "each run gets a copy of its own."
    )


def selects(pattern: str, path: str) -> bool:
    """Whether a pattern of `keep` or `drop` selects the file at path (relative, with `/`).

    A pattern without a slash fits at any depth; one that fits a folder selects all that is in it.
    """
    names = path.split("/")
    if "/" not in pattern:
        return any(fnmatch.fnmatchcase(name, pattern) for name in names)
    whole = pattern.strip("/").removeprefix("./")
    return any(fnmatch.fnmatchcase("/".join(names[:end]), whole) for end in range(1, len(names) + 1))


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern of [run]; None if nothing is."""
    parts = pattern.replace("\\", "/").split("/")
    if not pattern.strip("./ ") or "\0" in pattern:
        return "expected a pattern like 'data/*.csv'"
    if parts[0] in ("", "~") or ":" in parts[0] or ".." in parts:
        return "expected a pattern inside `directory`: no absolute path and no '..'"
    if any("**" in part and part != "**" for part in parts):
        return "expected '**' alone between two slashes"
    return None


def listed(names: Sequence[str], shown: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    first = ", ".join(names[:shown])
    return first if len(names) <= shown else f"{first} and {len(names) - shown} more"
