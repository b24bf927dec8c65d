"""settings.preferences: read with suspicion, written whole, never silently replaced."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from steelyard.rules.errors import Conflict, InvalidRequest, StartError, StorageFull
from steelyard.settings import preferences as module
from steelyard.settings.preferences import Preferences

MOMENT = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "preferences.json", wall=lambda: MOMENT)


def stored(preferences: Preferences) -> object:
    """What the file holds."""
    return json.loads(preferences.path.read_bytes())


def test_without_a_file_the_defaults_hold(preferences: Preferences) -> None:
    assert preferences.read() == {}
    assert preferences.values["worker_max_count"] == 4
    assert preferences.values["replace_crashed_workers"] is True
    assert preferences.notice is None
    assert not preferences.path.exists(), "reading writes nothing"


def test_a_change_is_written_and_read_again(preferences: Preferences) -> None:
    values = preferences.change({"worker_peak_memory": "8GiB", "worker_task_timeout": "48h"})
    assert values["worker_peak_memory"] == "8GiB", "as the person wrote it"
    again = Preferences(preferences.path)
    assert again.read() == {"worker_peak_memory": "8GiB", "worker_task_timeout": "48h"}


def test_null_goes_back_to_the_default(preferences: Preferences) -> None:
    preferences.change({"worker_max_count": 9, "worker_cores": 3})
    assert preferences.change({"worker_max_count": None})["worker_max_count"] == 4
    assert stored(preferences) == {"worker_cores": 3}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead of modes")
def test_security_26_the_file_is_0600(preferences: Preferences) -> None:
    preferences.change({"worker_max_count": 9})
    assert stat.S_IMODE(preferences.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"worker_max_count": 257}, "worker_max_count"),
        ({"worker_max_count": "4"}, "worker_max_count"),
        ({"worker_max_count": True}, "worker_max_count"),
        ({"worker_max_count": 4.0}, "worker_max_count"),
        ({"worker_peak_memory": 8e9}, "worker_peak_memory"),
        ({"worker_peak_memory": "8e9"}, "worker_peak_memory"),
        ({"worker_task_timeout": float("nan")}, "worker_task_timeout"),
        ({"worker_task_timeout": float("inf")}, "worker_task_timeout"),
        ({"replace_crashed_workers": "true"}, "replace_crashed_workers"),
        ({"replace_crashed_workers": 1}, "replace_crashed_workers"),
        ({"worker_log_dir": "/x\0y"}, "worker_log_dir"),
        ({"worker_log_dir": "logs"}, "worker_log_dir"),
        ({"worker_log_dir": f"/tmp/{'x' * 1_000}"}, "worker_log_dir"),
        ({"worker_log_dir": "/proc/nowhere"}, "worker_log_dir"),
        ({"worker_queue_name": ["default"]}, "worker_queue_name"),
        ({"of_the_future": 1}, "of_the_future"),
        ({"": None}, ""),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_changed(
    preferences: Preferences, patch: dict[str, object], path: str
) -> None:
    preferences.change({"worker_cores": 2})
    with pytest.raises(InvalidRequest) as refused:
        preferences.change({"worker_cores": 3, **patch})
    assert [error["path"] for error in refused.value.detail["errors"]] == [path]
    assert stored(preferences) == {"worker_cores": 2}
    assert preferences.values["worker_cores"] == 2


def test_every_wrong_field_is_named_at_once_and_a_typo_gets_a_hint(preferences: Preferences) -> None:
    with pytest.raises(InvalidRequest) as refused:
        preferences.change({"worker_cores": 0, "worker_max_coun": 3})
    errors = {error["path"]: error["message"] for error in refused.value.detail["errors"]}
    assert errors == {
        "worker_cores": "expected 1 to 1024",
        "worker_max_coun": "there is no such preference; did you mean worker_max_count?",
    }


def test_a_change_that_is_refused_makes_no_folder(preferences: Preferences, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        preferences.change({"worker_log_dir": str(tmp_path / "logs"), "worker_cores": 0})
    assert not (tmp_path / "logs").exists()


def test_a_key_of_a_newer_program_survives(preferences: Preferences) -> None:
    preferences.path.write_text('{"of_the_future": {"a": 1}, "worker_cores": 2}')
    assert preferences.read() == {"worker_cores": 2}
    preferences.change({"worker_cores": 3})
    assert stored(preferences) == {"of_the_future": {"a": 1}, "worker_cores": 3}


def test_letters_stay_readable_and_half_a_letter_is_no_trouble(
    preferences: Preferences, tmp_path: Path
) -> None:
    preferences.change({"worker_log_dir": str(tmp_path / "Größe")})
    assert "Größe" in preferences.path.read_text(encoding="utf-8")
    preferences.path.write_text('{"of_the_future": "\\ud800"}')
    preferences.change({"worker_cores": 3})
    assert stored(preferences) == {"of_the_future": "\ud800", "worker_cores": 3}


def test_what_a_person_wrote_meanwhile_survives(preferences: Preferences) -> None:
    preferences.change({"worker_cores": 2})
    preferences.path.write_text('{"worker_cores": 2, "worker_max_count": 9}')
    assert preferences.change({"worker_cores": 3})["worker_max_count"] == 9


@pytest.mark.parametrize("content", [b"{", b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}'])
def test_an_unreadable_file_is_set_aside(preferences: Preferences, content: bytes) -> None:
    preferences.path.write_bytes(content)
    assert preferences.read() == {}
    aside = preferences.path.with_name("preferences.json.unreadable-20260101T000000Z")
    assert aside.read_bytes() == content
    assert not preferences.path.exists()
    assert preferences.notice is not None
    assert aside.name in preferences.notice
    preferences.read()
    assert preferences.notice is None, "a notice is of the last read"


def test_two_in_one_second_do_not_overwrite_each_other(preferences: Preferences) -> None:
    for content in (b"one", b"two"):
        preferences.path.write_bytes(content)
        preferences.read()
    kept = sorted(path.read_bytes() for path in preferences.path.parent.iterdir())
    assert kept == [b"one", b"two"]


def test_one_that_cannot_be_set_aside_ends_the_start(
    preferences: Preferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    preferences.path.write_bytes(b"{")

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.Path, "rename", refuse)
    with pytest.raises(StartError, match="Permission denied") as refused:
        preferences.read()
    assert refused.value.fatal_code == "bad_preferences"
    assert preferences.path.read_bytes() == b"{"


def test_a_folder_in_its_place_is_set_aside_too(preferences: Preferences) -> None:
    preferences.path.mkdir()
    assert preferences.read() == {}
    assert preferences.notice is not None


def test_a_value_out_of_range_in_the_file_ends_the_start(preferences: Preferences) -> None:
    content = '{"worker_max_count": 999}'
    preferences.path.write_text(content)
    with pytest.raises(StartError, match="worker_max_count: expected 0 to 256") as refused:
        preferences.read()
    assert refused.value.fatal_code == "bad_preferences"
    assert preferences.path.read_text() == content
    with pytest.raises(Conflict, match="worker_max_count"):
        preferences.change({"worker_cores": 2})
    assert preferences.path.read_text() == content


def test_a_full_disk_changes_nothing(preferences: Preferences, monkeypatch: pytest.MonkeyPatch) -> None:
    preferences.change({"worker_cores": 2})

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_private", full)
    with pytest.raises(StorageFull, match="the disk is full"):
        preferences.change({"worker_cores": 3})
    assert preferences.values["worker_cores"] == 2


def test_the_schema_takes_the_defaults_and_what_a_change_takes(preferences: Preferences) -> None:
    Draft202012Validator.check_schema(preferences.schema)
    validator = Draft202012Validator(preferences.schema)
    defaults = {key: value for key, value in preferences.values.items() if value is not None}
    good = {"worker_peak_memory": "8 GiB", "worker_task_timeout": "1.5h", "of_the_future": 1}
    assert not list(validator.iter_errors(defaults | good))
    for wrong in ({"worker_cores": 0}, {"worker_peak_memory": "8e9"}, {"worker_task_timeout": "x"}):
        assert list(validator.iter_errors(wrong)), wrong


def test_a_choice_is_one_of_its_words(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path / "preferences.json")
    preferences.change({"keep_awake": "mains", "theme": "dark"})
    assert preferences.read() == {"keep_awake": "mains", "theme": "dark"}
    for wrong in ("sometimes", "", 1, True):
        with pytest.raises(InvalidRequest, match=r"keep_awake: expected (always, mains or never|a word)"):
            preferences.change({"keep_awake": wrong})
    assert preferences.schema["properties"]["keep_awake"]["enum"] == ["always", "mains", "never"]  # type: ignore[index]
