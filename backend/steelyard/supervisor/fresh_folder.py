"""The fresh folder of a run: filled from the simulation's directory before it, tidied up after it.

For threads: it takes its time, asks go_on() now and then, and changes nothing in the directory.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from steelyard.machine import links, trees
from steelyard.machine.choosing import choose
from steelyard.machine.copying import copy, takes
from steelyard.machine.private_files import is_full
from steelyard.machine.trees import Stamp
from steelyard.rules import workspace
from steelyard.rules.quantities import format_size
from steelyard.settings.run_section import Run
from steelyard.supervisor import unkept
from steelyard.supervisor.chosen_files import above, by_name, contradiction, settle
from steelyard.supervisor.unkept import remove_if_empty, remove_unkept

SMALL = 8 * 1024 * 1024
"""Bytes; larger files are linked where nothing is stated."""
COPIED_BYTES, COPIED_FILES = 128 * 1024 * 1024, 2_000
"""So much is copied without being asked for, the smallest first; the rest is linked."""
TOP = 10_000
"""Entries of a directory that a run gets without a list of what it needs."""
CHOSEN = 200_000
"""Entries that the patterns of a file may choose."""
WATCHED = 20_000
"""Files behind the links of a run that are looked at before and after."""
RESERVE = 64 * 1024 * 1024
"""Bytes that copies leave free on the disk."""

Ours = Callable[[str], bool]
GoOn = Callable[[], bool]


class CannotBring(Exception):
    """What a run needs cannot be brought in; the text is a sentence. missing: trying again will not help."""

    def __init__(self, sentence: str, *, missing: bool = False) -> None:
        super().__init__(sentence)
        self.missing = missing


@dataclass
class Brought:
    """What was made in `work`, by relative paths.

    made: files and links with their stamps. folders: in the order in which they were made. links: name in
    `work` -> what it leads to. behind: files that links lead to, as they were before the run.
    """

    work: str
    directory: str
    made: dict[str, Stamp] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    behind: dict[str, Stamp] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def fill(work: str, directory: str, run: Run, named: Iterable[str], ours: Ours, go_on: GoOn) -> Brought:
    """Bring what lies in `directory` into the empty folder `work`, as [run] says.

    named: relative paths that the command itself names; they come along whatever is listed. ours: whether a
    path is of our own data, and stays out. CannotBring; OSError; InterruptedError once go_on() says no.
    """
    if not os.path.isdir(directory):
        sentence = f"The working directory {directory} does not exist or is not a directory."
        raise CannotBring(sentence, missing=True)
    filling = _Filling(Brought(work, directory), ours, go_on)
    if run.copy or run.link:
        filling.as_listed(run, named)
    else:
        filling.by_size()
    filling.tell()
    filling.brought.behind = _behind(filling.brought, ours, go_on)
    return filling.brought


def tidy_up(brought: Brought, run: Run, ours: Ours, *, succeeded: bool) -> list[str]:
    """Take out of the folder what was brought in and not changed; what is left are files of the run.

    Returns what is to be said on the task. After a success also what `keep` and `drop` say is removed; of a
    run that failed everything may be of use. What the run replaced by a link leads out of its folder: nothing
    is removed through it. Folders that keep even their owner out are opened up, or nobody could look in.
    """
    said: list[str] = []
    after = _behind(brought, ours, lambda: True)
    changed = [path for path, found in brought.behind.items() if after.get(path) != found]
    changed += [path for path in after if path not in brought.behind]
    if changed:
        said.append(workspace.through_link_sentence(trees.names(sorted(changed)), brought.directory))
    if os.path.lexists(brought.work) and not links.is_folder(brought.work):
        return [*said, "The run put something else in the place of its folder: nothing was tidied up there."]
    links.open_up(brought.work)
    failed: dict[str, OSError] = {}
    folders = links.own_folders(brought.work, brought.folders)
    own = frozenset(folders)
    for path, found in brought.made.items():
        here = os.path.join(brought.work, path)
        try:
            if os.path.dirname(path) in own and trees.stamp(os.lstat(here)) == found:
                links.remove(here)
        except FileNotFoundError:
            continue
        except OSError as error:
            failed[path] = error
    for path in folders[:0:-1]:
        remove_if_empty(os.path.join(brought.work, path))
    if succeeded and (run.keep or run.drop):
        failed |= remove_unkept(brought.work, run)
    remove_if_empty(brought.work)
    return said + unkept.in_words(failed)


def trouble(error: OSError, work: str) -> str:
    """Why a folder could not be filled, in a sentence."""
    if is_full(error):
        return f"The disk is full: the files of the run could not be brought into {work}."
    where = error.filename or work
    return f"The files of the run could not be brought into {work}: {where}: {error.strerror or error}."


class _Filling:
    """One folder on its way from empty to filled."""

    def __init__(self, brought: Brought, ours: Ours, go_on: GoOn) -> None:
        self.brought = brought
        self._stays_out: Ours = lambda path: os.path.basename(path) in trees.REBUILT or ours(path)
        self._go_on = go_on
        self._through: set[str] = set()
        self._left_out: dict[str, list[str]] = {}  # why -> paths

    def tell(self) -> None:
        """Put on the run what it did not get."""
        for why, paths in self._left_out.items():
            names = workspace.listed(trees.names(list(dict.fromkeys(paths))))
            self.brought.remarks.append(f"Left out of the run's folder, for it {why}: {names}.")

    def by_size(self) -> None:
        """Nothing is listed: small files are copied, large ones and folders linked, empty folders made."""
        small = []
        for name in self._entries(""):
            try:
                found = os.stat(self._source(name))
            except OSError:
                continue  # a link that leads nowhere
            if stat.S_ISDIR(found.st_mode):
                empty = links.is_folder(self._source(name)) and self._is_empty(name)
                self._folder(name) if empty else self._link(name)
            elif not stat.S_ISREG(found.st_mode):
                self._left_out.setdefault("is no file and no folder", []).append(name)
            elif found.st_size <= SMALL:
                small.append((found.st_size, name))
            else:
                self._link(name)
        small.sort()
        self._check_room(min(COPIED_BYTES, sum(size for size, _ in small)))
        total = 0
        for count, (size, name) in enumerate(small):
            total += size
            if total > COPIED_BYTES or count >= COPIED_FILES:
                self._link(name)
                continue
            try:
                self._copy(name)
            except PermissionError:
                self._link(name)

    def as_listed(self, run: Run, named: Iterable[str]) -> None:
        """What `copy` and `link` choose, and what the command names."""
        self._through = by_name(run.copy)
        copies, linked, both = settle(self._chosen("copy", run.copy), self._chosen("link", run.link), run)
        if both:
            names = workspace.listed(trees.names(sorted(both)))
            self.brought.remarks.append(f"copy and link under [run] both choose {names}: copied, not linked.")
        for name in {os.path.normpath(name) for name in named}:
            covered = {name, *above(name)} & (copies | linked)
            if not covered and name != "." and os.path.exists(self._source(name)):
                (linked if os.path.isdir(self._source(name)) else copies).add(name)
        fault = contradiction(copies, linked)
        if fault is not None:
            raise CannotBring(fault, missing=True)
        for path in sorted(linked):
            self._link(path)
        self._check_room(self._size(copies))
        for path in sorted(copies):
            if not copies & set(above(path)):
                self._copy_all(path)

    def _chosen(self, word: str, patterns: Iterable[str]) -> set[str]:
        found: set[str] = set()
        root = self.brought.directory
        for pattern in patterns:
            chooses = False
            for name in choose(root, pattern, self._pause):
                chooses = True
                whole = (name, *above(name))
                if name and not any(self._stays_out(self._source(one)) for one in whole):
                    found.add(name)
                if len(found) > CHOSEN:
                    raise CannotBring(f'{word} = "{pattern}" under [run] chooses more than {CHOSEN:,} files.')
            if not chooses:
                self.brought.remarks.append(f'{word} = "{pattern}" under [run] chooses nothing in {root}.')
        return found

    def _size(self, paths: Iterable[str]) -> int:
        total = 0
        for path in paths:
            for inside in self._below(path):
                try:
                    total += takes(os.stat(self._source(inside)))
                except OSError:
                    continue
        return total

    def _below(self, path: str) -> Iterator[str]:
        """path, and if it is a folder itself all below it but what is linked; folders come before what lies
        in them.
        """
        waiting = [path]
        while waiting:
            current = waiting.pop()
            if current in self.brought.links:
                continue
            yield current
            if self._is_folder(current):
                waiting += [os.path.join(current, name) for name in self._entries(current)]

    def _is_folder(self, path: str) -> bool:
        """Whether a folder is to be copied whole: a link to one only if `copy` names it outright."""
        source = self._source(path)
        return links.is_folder(source) or (path in self._through and os.path.isdir(source))

    def _copy_all(self, path: str) -> None:
        """A file, or a folder with all below it; links to folders in there stay links."""
        for inside in self._below(path):
            if self._is_folder(inside):
                self._folder(inside)
            elif os.path.isdir(self._source(inside)):
                self._link(inside)
            elif os.path.isfile(self._source(inside)):
                self._copy(inside)

    def _copy(self, path: str) -> None:
        target = self._target(path)
        if os.path.lexists(target):
            same = (
                f"{trees.names([path])[0]} and another file have names that the disk of {self.brought.work}"
            )
            raise CannotBring(f"{same} cannot tell apart. Name what a run needs under [run].", missing=True)
        try:
            copy(self._source(path), target, self._go_on)
        except FileNotFoundError:
            return  # it went meanwhile
        found = os.lstat(target)
        if not found.st_mode & stat.S_IWUSR:
            os.chmod(target, stat.S_IMODE(found.st_mode) | stat.S_IWUSR)
            found = os.lstat(target)
        self.brought.made[path] = trees.stamp(found)

    def _link(self, path: str) -> None:
        source, target = self._source(path), self._target(path)
        if os.path.lexists(target):
            return
        links.link(source, target)
        self.brought.links[path] = source
        self.brought.made[path] = trees.stamp(os.lstat(target))

    def _source(self, path: str) -> str:
        return os.path.join(self.brought.directory, path)

    def _target(self, path: str) -> str:
        self._folder(os.path.dirname(path))
        return os.path.join(self.brought.work, path)

    def _folder(self, path: str) -> None:
        """A folder in `work`, and those above it."""
        if not path or os.path.isdir(os.path.join(self.brought.work, path)):
            return
        self._folder(os.path.dirname(path))
        os.mkdir(os.path.join(self.brought.work, path), 0o700)
        self.brought.folders.append(path)

    def _entries(self, folder: str) -> list[str]:
        """Names in a folder of the directory, without ours and without what programs rebuild."""
        found: list[str] = []
        try:
            with os.scandir(self._source(folder)) as entries:
                for entry in entries:
                    self._pause()
                    if not self._stays_out(entry.path):
                        found.append(entry.name)
                    if not folder and len(found) > TOP:
                        raise CannotBring(
                            f"{self.brought.directory} holds more than {TOP:,} entries: name what a run "
                            "needs of them in copy and link under [run]."
                        )
        except OSError as error:
            if not folder or isinstance(error, InterruptedError):
                raise
            self._left_out.setdefault("cannot be read", []).append(folder)
        return sorted(found)

    def _is_empty(self, folder: str) -> bool:
        """Whether a folder of the directory holds nothing that a run may get; not one that cannot be read."""
        try:
            with os.scandir(self._source(folder)) as entries:
                return all(self._stays_out(entry.path) for entry in entries)
        except OSError:
            return False

    def _pause(self) -> None:
        if not self._go_on():
            raise InterruptedError

    def _check_room(self, size: int) -> None:
        free = shutil.disk_usage(self.brought.work).free
        if size and size + RESERVE > free:
            raise CannotBring(
                f"The disk of {self.brought.work} has {format_size(free)} free, too little for the "
                f"{format_size(size)} that the run's folder takes. Make room, or let [run] link more and "
                "copy less."
            )


def _behind(brought: Brought, ours: Ours, go_on: GoOn) -> dict[str, Stamp]:
    """The files that the links of a run lead to, as they are now, as far as they are watched."""
    found: dict[str, Stamp] = {}
    for name, source in brought.links.items():
        left = WATCHED - len(found)
        if left <= 0:
            return found
        try:
            if os.path.isdir(source):
                seen = trees.look(source, left, ours, go_on)
                if seen.whole:
                    found.update((os.path.join(name, path), one) for path, one in seen.files.items())
            else:
                found[name] = trees.stamp(os.stat(source))
        except OSError:
            continue
    return found
