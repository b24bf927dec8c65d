"""The set-up skips what is done, does again what changed, and explains what fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import assets
import setup_steps

LOCKS = tuple(f"scripts/locks/{name}.txt" for name in ("base", "dev", "freeze", "steel-pathway"))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of nothing but the files that the stamp depends on, and an environment that is never run."""
    (tmp_path / "scripts" / "locks").mkdir(parents=True)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("pyproject.toml", "package.json", "package-lock.json", "scripts/assets.py", *LOCKS):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(setup_steps, "ROOT", tmp_path)
    monkeypatch.setattr(setup_steps, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup_steps, "STAMP", tmp_path / ".venv" / "stamp.json")
    monkeypatch.setattr(setup_steps, "LOG", tmp_path / ".venv" / "setup.log")
    monkeypatch.setattr(assets, "complete", lambda: True)
    monkeypatch.setattr(assets, "copy", lambda: None)
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "vendor")
    return tmp_path


@pytest.fixture
def calls(tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the set-up would have run; every one succeeds."""
    made: list[list[str]] = []
    monkeypatch.setattr(setup_steps, "_run_logged", lambda command, *, failed: made.append(list(command)))
    monkeypatch.setattr(setup_steps, "_make_venv", lambda: setup_steps.venv_python().touch())
    monkeypatch.setattr(setup_steps, "_find_npm", lambda: "npm")
    return made


def steps(calls: list[list[str]]) -> list[str]:
    done = ["pip" if "pip" in call else "npm" for call in calls]
    calls.clear()
    return done


def test_a_second_set_up_does_nothing(calls: list[list[str]]) -> None:
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    assert steps(calls) == ["pip", "pip", "npm"]
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    assert steps(calls) == []


def locks(call: list[str]) -> list[str]:
    return [Path(word).stem for word in call if word.endswith(".txt")]


def test_packages_come_from_the_locks_and_we_are_built_with_them(calls: list[list[str]], tree: Path) -> None:
    setup_steps.set_up(setup_steps.FREEZE_EXTRAS)
    assert locks(calls[0]) == ["base", "freeze"] and "--require-hashes" in calls[0]
    assert calls[1][-4:] == ["--no-deps", "--no-build-isolation", "--editable", str(tree)]


def test_the_newest_are_never_done_and_give_way_to_the_locked_ones(calls: list[list[str]]) -> None:
    for _ in range(2):
        setup_steps.set_up(setup_steps.RUN_EXTRAS, newest=True)
        assert locks(calls[0]) == [] and "[steel-pathway]" in calls[0][-1] and "--upgrade" in calls[0]
        calls.clear()
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    assert locks(calls[0]) == ["base", "steel-pathway"]


def test_what_breaks_off_is_not_done(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    setup_steps.set_up(setup_steps.RUN_EXTRAS)

    def fails(command: list[str], *, failed: str) -> None:
        raise setup_steps.SetupError(failed)

    with monkeypatch.context() as patch, pytest.raises(setup_steps.SetupError):
        patch.setattr(setup_steps, "_run_logged", fails)
        setup_steps.set_up(setup_steps.RUN_EXTRAS, newest=True)
    calls.clear()
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    assert steps(calls) == ["pip", "pip"]


def test_more_extras_are_added_and_never_taken_away(calls: list[list[str]]) -> None:
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    setup_steps.set_up(setup_steps.TEST_EXTRAS, developer=True)
    assert locks(calls[3]) == ["base", "dev", "steel-pathway"]
    assert "--omit=dev" not in calls[5]
    calls.clear()
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    assert steps(calls) == []
    (setup_steps.ROOT / "package.json").write_text("something else")
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    assert "--omit=dev" not in calls[0]


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("pyproject.toml", ["pip", "pip"]),
        ("scripts/locks/dev.txt", ["pip", "pip"]),
        ("package-lock.json", ["npm"]),
        ("scripts/assets.py", ["npm"]),
    ],
)
def test_a_changed_file_repeats_its_step_only(
    calls: list[list[str]], tree: Path, changed: str, again: list[str]
) -> None:
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    calls.clear()
    (tree / changed).write_text("something else")
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    assert steps(calls) == again


def test_a_broken_stamp_means_that_nothing_is_done(calls: list[list[str]]) -> None:
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    calls.clear()
    setup_steps.STAMP.write_text("{broken")
    setup_steps.set_up(setup_steps.RUN_EXTRAS)
    assert steps(calls) == ["pip", "pip", "npm"]
    assert json.loads(setup_steps.STAMP.read_text())["extras"] == ["steel-pathway"]


def test_without_node_it_goes_on_and_says_what_the_pages_lack(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(setup_steps.shutil, "which", lambda _name: None)
    monkeypatch.setattr(assets, "complete", lambda: False)
    assert setup_steps._find_npm() is None
    said = capsys.readouterr().out
    assert "Node.js is not installed" in said
    assert "styled" in said and "live updates" in said and "charts" in said


def test_a_step_that_fails_shows_the_end_of_its_output(tree: Path) -> None:
    command = ["sh", "-c", "seq 1 50; echo the cause >&2; exit 3"]
    with pytest.raises(setup_steps.SetupError) as caught:
        setup_steps._run_logged(command, failed="It could not.")
    assert "the cause\n\nIt could not." in str(caught.value)
    assert "\n20\n" not in str(caught.value)
    assert str(setup_steps.LOG) in str(caught.value)
