"""What is made from the code's tables is what the code says: shared/*.json and docs/configuration.md."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import shared_files
from steelyard.rules import errors, protocol, states
from steelyard.rules.errors import InvalidRequest, SteelyardError
from steelyard.settings.table import SETTINGS
from steelyard.web.push_client import read_wishes

ROOT = Path(__file__).resolve().parents[2]


def shared(name: str) -> dict[str, object]:
    """A file of shared/."""
    found: dict[str, object] = json.loads((ROOT / "shared" / name).read_text(encoding="utf-8"))
    return found


def test_files_and_code_are_equal() -> None:
    assert shared_files.stale() == [], "run .venv/bin/python scripts/shared_files.py"


@pytest.mark.parametrize("name", list(shared_files.FILES))
def test_a_difference_is_seen_and_mended(tmp_path: Path, name: str) -> None:
    for each in shared_files.FILES:
        (tmp_path / each).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / each, tmp_path / each)
    file = tmp_path / name
    file.write_text(file.read_text(encoding="utf-8").replace("256", "255").replace("RUNNING", "RUNING"))
    assert shared_files.stale(tmp_path) == [name]
    assert shared_files.write(tmp_path) == [name]
    assert file.read_text(encoding="utf-8") == (ROOT / name).read_text(encoding="utf-8")


def test_every_code_of_a_refusal_is_in_the_protocol_with_its_status() -> None:
    codes = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SteelyardError)
    }
    listed = shared("protocol.json")["errors"]
    assert isinstance(listed, dict)
    assert set(listed) == codes
    assert listed["invalid_parameters"] == 422


def test_the_protocol_has_every_state_and_cause() -> None:
    found = shared("protocol.json")
    assert found["worker"]["states"] == list(states.WorkerState)  # type: ignore[index]
    assert found["task"]["states"] == list(states.TaskState)  # type: ignore[index]
    assert found["task"]["causes"] == list(states.Cause)  # type: ignore[index]
    assert found["fatal"] == sorted(errors.FATAL_CODES)


def test_the_topics_are_those_that_the_push_channel_takes() -> None:
    topics = [*protocol.TOPICS, protocol.LOG_TOPIC + "ab12"]
    assert set(protocol.TOPICS) | {"log"} == set(protocol.PASSING)
    assert read_wishes(json.dumps({"subscribe": topics}), set()) == (set(topics), set())
    for stored in protocol.STORED:
        with pytest.raises(InvalidRequest):
            read_wishes(json.dumps({"subscribe": [stored]}), set())


def test_the_preferences_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(shared("preferences.schema.json"))


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        assert f"`{setting.key}`" in text
        assert setting.variable is None or f"`{setting.variable}`" in text


def test_the_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        shared_files.configuration_text("# Configuration\n")
