"""The files that attempts left: bounded lists of them, made beside the loop, and a file by its id.

An id says where a file lies, so finding it again walks nothing. It opens no more than the list shows: regular
files in the folders of this attempt, reached without a link.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path

from steelyard.machine.answering import ask
from steelyard.machine.beside import compute
from steelyard.machine.folder_walk import Found, Listing, walk
from steelyard.machine.regular_files import Unreadable, open_below
from steelyard.rules.timestamps import iso

ROOTS = {"output": "", "work": "work/"}
"""Folder of an attempt that holds files -> what their names begin with."""
MOST = 5_000
"""Files of a task that are listed."""
COUNTED = 100_000
"""Entries of a folder that are looked at to count files."""
WALK_WITHIN = 60.0
"""Seconds that a folder which answers may take to be walked: one of 100,000 files on a slow drive."""
FRESH_ENDED = 60.0
"""Seconds that the list of an attempt that has ended is kept: only a person changes it by then."""
FRESH_RUNNING = 10
"""Times as long as it took to make is the list of one that runs kept."""
KEPT_FILES = 30_000
"""Files in all the lists that are kept; some 200 bytes each."""
LAST_MOMENT = 253_402_300_799.0
"""Unix seconds of the last day of the year 9999: a task may give its files any moment, later ones too."""

KINDS = {
    ".png": "image",
    ".svg": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".csv": "table",
    ".json": "json",
    ".txt": "text",
    ".log": "text",
    ".md": "text",
}


@dataclass(frozen=True, slots=True)
class TaskFile:
    """A file of an attempt. size: bytes; modified: Unix seconds."""

    attempt: int
    root: str
    name: str
    size: int
    modified: float

    @property
    def id(self) -> str:
        """What it is fetched by."""
        place = os.fsencode(f"{self.attempt}/{self.root}/{self.name}")
        return base64.urlsafe_b64encode(place).rstrip(b"=").decode()

    @property
    def kind(self) -> str:
        """What it is shown as: "image", "table", "json", "text", or "other", which is not shown."""
        return KINDS.get(os.path.splitext(self.name)[1].lower(), "other")

    def view(self) -> dict[str, object]:
        """It as clients see it."""
        return {
            "id": self.id,
            "name": ROOTS[self.root] + self.name,
            "size": self.size,
            "attempt": self.attempt,
            "kind": self.kind,
            "modified_at": iso(min(max(0.0, self.modified), LAST_MOMENT)),
        }


@dataclass(frozen=True, slots=True)
class FileList:
    """Files of a task, the last attempt's first, and how many there are at least."""

    files: tuple[TaskFile, ...]
    total: int
    truncated: bool


@dataclass(slots=True)
class _Kept:
    listings: dict[str, Listing]
    ended: bool
    until: float

    @property
    def files(self) -> int:
        return sum(len(one.files) for one in self.listings.values()) + 1


class FileLists:
    """Lists of attempts' files. They are made in a thread, one after the other, and kept for a while.

    now: awake seconds. Whoever asks for a list that is being made waits for that one.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()
        self._being_made: dict[tuple[Path, bool], asyncio.Task[_Kept]] = {}
        self._turn = asyncio.Semaphore(1)

    async def of_task(self, attempts: Iterable[tuple[int, Path, bool]]) -> FileList:
        """The files of these attempts: (number, folder, whether it has ended) each, in order. Unanswered."""
        found: list[tuple[int, dict[str, Listing]]] = []
        total, cut = 0, False
        for number, folder, ended in attempts:
            if total >= COUNTED:
                cut = True
                break
            found.append((number, await self._of_attempt(folder, ended)))
            total += sum(listing.total for listing in found[-1][1].values())
        return await compute(partial(_joined, found, total, cut))

    async def _of_attempt(self, folder: Path, ended: bool) -> dict[str, Listing]:
        kept = self._kept.get(folder)
        if kept is None or kept.ended != ended or self._now() >= kept.until:
            kept = await self._made(folder, ended)
        return kept.listings

    async def _made(self, folder: Path, ended: bool) -> _Kept:
        making = self._being_made.get((folder, ended))
        if making is None:
            making = asyncio.get_running_loop().create_task(self._make(folder, ended))
            self._being_made[folder, ended] = making
            making.add_done_callback(lambda _: self._being_made.pop((folder, ended)))
        # Whoever asked first may go away; the others still want it.
        return await asyncio.shield(making)

    async def _make(self, folder: Path, ended: bool) -> _Kept:
        # First only a look, which takes no time, or for ever on a disk that is gone: out of turn, so that
        # nobody else waits for that.
        task_folder = str(folder.parent)
        await ask(task_folder, lambda: os.path.isdir(folder / "output"))
        async with self._turn:
            began = self._now()
            listings = await ask(task_folder, lambda: _walk_roots(folder), WALK_WITHIN)
            now = self._now()
        kept = _Kept(listings, ended, now + (FRESH_ENDED if ended else FRESH_RUNNING * (now - began)))
        self._kept[folder] = kept
        self._kept.move_to_end(folder)
        held = sum(one.files for one in self._kept.values())
        while held > KEPT_FILES and len(self._kept) > 1:
            held -= self._kept.popitem(last=False)[1].files
        return kept


def open_by_id(folder_of: Callable[[int], Path], file_id: str) -> tuple[BufferedReader, TaskFile]:
    """The file of that id, open, and what is known of it. folder_of: an attempt's number -> its folder.

    Unreadable for what is no id and for a file that is not there any more. Blocks: call it in a thread.
    """
    try:
        place = base64.b64decode(file_id + "=" * (-len(file_id) % 4), altchars=b"-_", validate=True)
        number, root, name = os.fsdecode(place).split("/", 2)
        attempt = int(number)
    except (ValueError, binascii.Error):
        raise Unreadable("is not there", missing=True) from None
    found = TaskFile(attempt, root, name, 0, 0.0)
    if root not in ROOTS or found.id != file_id:
        raise Unreadable("is not there", missing=True)
    file = _open(folder_of(attempt), root, name)
    about = os.fstat(file.fileno())
    return file, TaskFile(attempt, root, name, about.st_size, about.st_mtime)


def named(folder: Path, number: int, name: str) -> list[TaskFile]:
    """The files of an attempt that have that name; mostly one, or none. Blocks."""
    found = []
    for root, begins in ROOTS.items():
        if name.startswith(begins):
            inner = name.removeprefix(begins)
            try:
                with _open(folder, root, inner) as file:
                    about = os.fstat(file.fileno())
            except Unreadable:
                continue
            found.append(TaskFile(number, root, inner, about.st_size, about.st_mtime))
    return found


def _open(folder: Path, root: str, name: str) -> BufferedReader:
    """A file of an attempt. Its folder may be no link; that of its task may, for a person may move it."""
    return open_below(folder.parent, folder.name, root, *name.split("/"))


def _walk_roots(folder: Path) -> dict[str, Listing]:
    if folder.is_symlink():
        return {}
    return {root: walk(folder / root, MOST, COUNTED) for root in ROOTS}


def _joined(found: Iterable[tuple[int, dict[str, Listing]]], total: int, truncated: bool) -> FileList:
    files: list[TaskFile] = []
    for number, listings in found:
        for root, listing in listings.items():
            room = MOST - len(files)
            files += (_of_listing(number, root, one) for one in listing.files[:room])
            truncated = truncated or listing.cut or len(listing.files) > room
    return FileList(tuple(files), total, truncated)


def _of_listing(number: int, root: str, found: Found) -> TaskFile:
    return TaskFile(number, root, found.name, found.size, found.modified)
