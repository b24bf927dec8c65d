"""preferences.json: what a person chose. Read with suspicion, written whole, never silently replaced.

A key that this program does not know is kept in the file (a newer Steelyard may have put it there) and
refused in a change. A key that is set to null goes back to its default.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from steelyard.machine.paths import make_log_folder
from steelyard.machine.private_files import is_full, set_aside, write_private
from steelyard.machine.regular_files import Unreadable, read_json
from steelyard.rules.errors import Conflict, InvalidRequest, StartError, StorageFull
from steelyard.settings.table import BY_KEY, SETTINGS, preferences_schema
from steelyard.settings.wording import sentence, shown, suggestion

LARGEST = 1 << 20
"""Bytes; a larger file holds no preferences."""


def read_preferences(path: Path) -> dict[str, object]:
    """The object in preferences.json, as it stands there. Unreadable. A person may keep it elsewhere: a link
    is followed.
    """
    found = read_json(path, LARGEST, links=True)
    if not isinstance(found, dict):
        raise Unreadable("holds no JSON object")
    return found


class Preferences:
    """The preferences of one data directory. Nothing is read before read()."""

    def __init__(self, path: Path, wall: Callable[[], float] = time.time) -> None:
        self.path = path
        self.notice: str | None = None
        """What a person should be told about the last read(): where an unreadable file went."""
        self._wall = wall
        self._stated: dict[str, object] = {}

    @property
    def schema(self) -> dict[str, object]:
        """JSON Schema of the file; the same as shared/preferences.schema.json."""
        return preferences_schema()

    @property
    def stated(self) -> dict[str, object]:
        """What the file says, as it says it ("8GiB"), without the keys that this program does not know."""
        return {key: value for key, value in self._stated.items() if key in BY_KEY}

    @property
    def values(self) -> dict[str, object]:
        """Every key with its value: what the file says, else the default (None: the program's own rule)."""
        defaults: dict[str, object] = {setting.key: setting.default for setting in SETTINGS}
        return defaults | self.stated

    def read(self) -> dict[str, object]:
        """Reads the file and gives what it states; {} without a file.

        One that is no JSON object is set aside under a new name and `notice` says where. StartError
        bad_preferences if even that fails, or if a value is out of range: a person put it there on purpose.
        """
        self.notice = None
        try:
            found = read_preferences(self.path)
        except Unreadable as error:
            self._stated = {}
            if not error.missing:
                self._set_aside(error)
            return {}
        for path, message in _wrong(found).items():
            if path in BY_KEY:
                raise StartError(
                    "bad_preferences",
                    f"{self.path}: {path}: {message}.",
                    f"Correct or remove {path} in that file, then start Steelyard again.",
                )
        self._stated = {key: value for key, value in found.items() if value is not None}
        return self.stated

    def change(self, patch: Mapping[str, object]) -> dict[str, object]:
        """Sets the keys of patch (null: back to the default), writes the file, and gives all values.

        InvalidRequest names every wrong field in detail["errors"], and then nothing is changed. StorageFull
        when the file cannot be written, Conflict when a person has made it faulty meanwhile. What else a
        person wrote into it is kept.
        """
        wrong = _wrong(patch)
        folders = {key: value for key, value in patch.items() if key not in wrong}
        # A request that is refused makes no folder.
        wrong |= _wrong_folders(folders, make=not wrong)
        if wrong:
            errors = [{"path": path, "message": message} for path, message in wrong.items()]
            first = f"{errors[0]['path']}: {errors[0]['message']}"
            raise InvalidRequest(f"The preferences were not changed: {sentence(first)}", errors=errors)
        try:
            self.read()
        except StartError as error:
            raise Conflict(f"The preferences were not changed. {error.message} {error.remedy}") from error
        changed = {key: value for key, value in (self._stated | dict(patch)).items() if value is not None}
        try:
            write_private(self.path, _text(changed))
        except OSError as error:
            reason = "the disk is full" if is_full(error) else error.strerror or str(error)
            raise StorageFull(f"The preferences could not be saved: {reason}.") from error
        self._stated = changed
        return self.values

    def _set_aside(self, reason: Exception) -> None:
        try:
            aside = set_aside(self.path, self._wall())
        except OSError as error:
            raise StartError(
                "bad_preferences",
                f"{self.path} {reason}, and cannot be set aside: {error.strerror or error}.",
                "Correct or move that file, then start Steelyard again.",
            ) from error
        self.notice = f"{self.path} {reason}. It was kept as {aside.name}; the defaults hold."


def _text(values: Mapping[str, object]) -> bytes:
    """The file. Readable letters, but for a path that is no Unicode: that one is escaped."""
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(values, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"


def _wrong(values: Mapping[str, object]) -> dict[str, str]:
    """Key to what is wrong with it."""
    wrong = {}
    for key, value in values.items():
        setting = BY_KEY.get(key)
        if setting is None:
            wrong[key] = "there is no such preference" + suggestion(key, BY_KEY)
        elif value is not None:
            try:
                # A text is as good as a number only where it may carry a unit.
                if isinstance(value, str) and setting.kind in ("integer", "boolean"):
                    raise ValueError(f"expected {setting.range}, found a text")
                setting.read(value)
            except ValueError as error:
                wrong[key] = str(error)
    return wrong


def _wrong_folders(patch: Mapping[str, object], *, make: bool) -> dict[str, str]:
    """Of values that are right otherwise, the folders that cannot be made or written, with what is wrong.

    make: try it, and do not only look at the path. With one that cannot be had no worker starts, and the next
    launch neither. What is relative would be another folder wherever Steelyard is started from.
    """
    wrong = {}
    for key, value in patch.items():
        if isinstance(value, str) and BY_KEY[key].kind == "directory":
            folder = Path(os.path.expanduser(value))
            try:
                if not folder.is_absolute():
                    raise ValueError(f"expected the absolute path of a folder, found {shown(value)}")
                if make:
                    make_log_folder(folder)
            except OSError as error:
                wrong[key] = f"expected a folder that can be written ({error.strerror or error})"
            except ValueError as error:
                wrong[key] = str(error)
    return wrong
