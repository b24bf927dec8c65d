"""settings.environment and the table: who wins, what is refused, and with which words."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from steelyard.rules.errors import StartError
from steelyard.settings.environment import Settings, load
from steelyard.settings.table import BY_KEY, SETTINGS

DEFAULTS = {
    "worker_max_count": 4,
    "worker_task_timeout": 172800.0,
    "worker_startup_timeout": 30.0,
    "worker_heartbeat_interval": 30.0,
    "worker_log_dir": None,
    "worker_queue_name": "default",
    "worker_cleanup_age": 1800.0,
    "worker_peak_memory": None,
    "worker_memory_guard": None,
    "worker_cores": None,
    "worker_groups": "auto",
    "pause_on_battery_below": 20,
    "priority_gain_after": 0.0,
    "simulations_dir": None,
    "low_priority": False,
    "theme": "system",
    "notifications": True,
    "keep_awake": "always",
    "finish_in_tray": False,
    "keep_tasks_for": 0.0,
    "keep_tasks": 0,
    "keep_worker_logs_for": 7_776_000.0,
    "python": None,
    "task_environment": {},
    "replace_crashed_workers": True,
    "start_worker_at_launch": True,
}


def refusal(environ: dict[str, str], preferences: dict[str, object] | None = None) -> StartError:
    """The error with which these settings are refused."""
    with pytest.raises(StartError) as refused:
        load(environ, preferences or {})
    return refused.value


def test_the_defaults_are_those_of_the_design() -> None:
    settings = load({}, {})
    assert settings.values() == DEFAULTS
    assert set(settings.sources.values()) == {"default"}


def test_the_table_and_the_attributes_are_the_same() -> None:
    fields = {field.name for field in dataclasses.fields(Settings)} - {"sources"}
    assert fields == {setting.key for setting in SETTINGS} == set(BY_KEY)


def test_every_default_is_in_its_own_range() -> None:
    for setting in SETTINGS:
        if setting.default is not None:
            assert setting.read(setting.default) == setting.default
        assert setting.said_default, setting.key
        assert setting.variable in (None, setting.key.upper(), f"STEELYARD_{setting.key.upper()}")


def test_the_environment_wins_over_the_preferences() -> None:
    settings = load({"WORKER_MAX_COUNT": "7"}, {"worker_max_count": 5, "worker_cores": 2})
    assert (settings.worker_max_count, settings.sources["worker_max_count"]) == (7, "environment")
    assert (settings.worker_cores, settings.sources["worker_cores"]) == (2, "preference")
    assert settings.sources["worker_queue_name"] == "default"


@pytest.mark.parametrize("text", ["", "  ", "\t"])
def test_an_empty_variable_is_not_set(text: str) -> None:
    settings = load({"WORKER_MAX_COUNT": text}, {"worker_max_count": 5})
    assert settings.worker_max_count == 5


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("WORKER_MAX_COUNT", "0", 0),
        ("WORKER_MAX_COUNT", " 256 ", 256),
        ("WORKER_TASK_TIMEOUT", "48h", 172800.0),
        ("WORKER_TASK_TIMEOUT", "0", 0.0),
        ("WORKER_TASK_TIMEOUT", "1.5m", 90.0),
        ("WORKER_STARTUP_TIMEOUT", "90s", 90.0),
        ("WORKER_CLEANUP_AGE", "2d", 172800.0),
        ("WORKER_PEAK_MEMORY", "8GiB", 8 * 2**30),
        ("WORKER_PEAK_MEMORY", "8 GB", 8 * 10**9),
        ("WORKER_PEAK_MEMORY", "16777216", 2**24),
        ("WORKER_MEMORY_GUARD", "0", 0),
        ("WORKER_CORES", "1024", 1024),
        ("WORKER_QUEUE_NAME", "night_2-b", "night_2-b"),
    ],
)
def test_what_a_variable_may_hold(variable: str, text: str, value: object) -> None:
    assert getattr(load({variable: text}, {}), variable.lower()) == value


@pytest.mark.parametrize(
    ("variable", "text", "range_"),
    [
        ("WORKER_MAX_COUNT", "257", "0 to 256"),
        ("WORKER_MAX_COUNT", "-1", "0 to 256"),
        ("WORKER_MAX_COUNT", "4.0", "0 to 256"),
        ("WORKER_MAX_COUNT", "four", "0 to 256"),
        ("WORKER_MAX_COUNT", "9" * 500, "0 to 256"),
        ("WORKER_TASK_TIMEOUT", "31536001", "0 to 31536000 seconds"),
        ("WORKER_TASK_TIMEOUT", "nan", "0 to 31536000 seconds"),
        ("WORKER_STARTUP_TIMEOUT", "0", "1 to 600 seconds"),
        ("WORKER_HEARTBEAT_INTERVAL", "11m", "1 to 600 seconds"),
        ("WORKER_HEARTBEAT_INTERVAL", "inf", "1 to 600 seconds"),
        ("WORKER_CLEANUP_AGE", "-5s", "0 to 31536000 seconds"),
        ("WORKER_PEAK_MEMORY", "8e9", "16 MiB to 64 TiB"),
        ("WORKER_PEAK_MEMORY", "15MiB", "16 MiB to 64 TiB"),
        ("WORKER_MEMORY_GUARD", "65 TiB", "0 B to 64 TiB"),
        ("WORKER_CORES", "0", "1 to 1024"),
        ("WORKER_QUEUE_NAME", "Night", "[a-z0-9_-]{1,64}"),
        ("WORKER_QUEUE_NAME", "x" * 65, "[a-z0-9_-]{1,64}"),
        ("WORKER_LOG_DIR", "/dev/null", "a folder that can be written"),
        ("STEELYARD_PYTHON", "envs/steel/bin/python", "an absolute path, or a program on the PATH"),
    ],
)
def test_out_of_range_names_variable_value_and_range(variable: str, text: str, range_: str) -> None:
    error = refusal({variable: text})
    assert error.fatal_code == "bad_configuration"
    assert variable in error.message
    assert text[:40] in error.message
    assert range_ in error.message
    assert len(error.message) < 400
    assert variable in error.remedy


@pytest.mark.parametrize("value", [5000, "many", True, [], 1.5, {"a": 1}])
def test_a_preference_out_of_range_names_the_key(value: object) -> None:
    error = refusal({}, {"worker_max_count": value})
    assert error.fatal_code == "bad_preferences"
    assert "worker_max_count" in error.message
    assert "0 to 256" in error.message


def test_a_faulty_preference_does_not_matter_where_the_environment_decides() -> None:
    assert load({"WORKER_MAX_COUNT": "1"}, {"worker_max_count": 5000}).worker_max_count == 1


def test_keys_that_it_does_not_know_are_not_its_business() -> None:
    assert load({"WORKER_UNHEARD_OF": "x"}, {"of_the_future": 1}).values() == DEFAULTS


def test_the_python_of_simulations_need_not_be_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an environment that was deleted would keep Steelyard from starting."""
    monkeypatch.setenv("HOME", "/home/zoë")
    for text, python in (
        ("/gone/bin/python", "/gone/bin/python"),
        ("python3.12", "python3.12"),
        ("~/envs/steel/bin/python", "/home/zoë/envs/steel/bin/python"),
    ):
        assert load({"STEELYARD_PYTHON": text}, {}).python == python
        assert load({}, {"python": text}).python == python


def test_a_folder_for_logs_may_still_have_to_be_made(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / "logs"
    settings = load({"WORKER_LOG_DIR": str(folder)}, {})
    assert settings.worker_log_dir == folder
    assert settings.values()["worker_log_dir"] == str(folder)
    assert not folder.exists(), "asking makes nothing"


def test_a_folder_for_logs_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refusal({"WORKER_LOG_DIR": str(tmp_path / "file" / "logs")}).fatal_code == "bad_configuration"
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert "dangling" in refusal({"WORKER_LOG_DIR": str(tmp_path / "dangling")}).message


@pytest.mark.skipif(sys.platform == "win32", reason="~ is another variable there")
def test_a_folder_may_begin_with_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load({"WORKER_LOG_DIR": "~/logs"}, {}).worker_log_dir == tmp_path / "logs"
