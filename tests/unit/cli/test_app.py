"""The table of commands, the way in and out, and what the help needs to import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from steelyard.cli import app
from tests.unit.cli.conftest import Steelyard

DOCUMENT = Path(__file__).parents[3] / "docs" / "command-line.md"
HEAVY = {"httpx", "rich", "starlette", "uvicorn", "peewee", "psutil", "msgspec", "jsonschema", "asyncio"}


def test_each_command_is_where_the_table_says_and_says_the_same() -> None:
    context = click.Context(app.app)
    for name, (_, text) in app.COMMANDS.items():
        command = app.app.get_command(context, name)
        assert command is not None and command.name == name
        assert command.help and "steelyard" in command.help, f"{name} shows no example"
        if name != "serve":
            assert command.get_short_help_str(100) == text, name


def test_the_help_lists_each_command_once() -> None:
    assert sorted(name for names in app.SECTIONS.values() for name in names) == sorted(app.COMMANDS)


def commands(group: click.Group = app.app, *above: str) -> Iterator[tuple[str, ...]]:
    """Every command and subcommand, as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*above, name)
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


@pytest.mark.parametrize("typed", list(commands()), ids=" ".join)
def test_each_help_fits_a_terminal_and_has_an_example(
    steelyard: Steelyard, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = steelyard(*typed, "--help")
    assert done.status == 0
    assert typed == ("serve",) or max(len(line) for line in done.out.splitlines()) <= 80, done.out
    assert f"steelyard {typed[0]}" in done.out.partition("Example")[2]


def test_no_command_is_listed_with_a_cut_sentence(
    steelyard: Steelyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for typed in [(), *commands()]:
        listed = steelyard(*typed, "--help").out.partition("Commands:")[2]
        assert not any(line.endswith("...") for line in listed.splitlines()), listed


def command_of(typed: tuple[str, ...]) -> click.Command:
    """What stands behind these words."""
    command: click.Command = app.app
    for name in typed:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    return command


def test_every_option_is_explained() -> None:
    for typed in commands():
        command = command_of(typed)
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, (typed, parameter.name)


def test_json_is_everywhere() -> None:
    # serve prints JSON anyway, and a completion script is for a shell.
    for typed in commands():
        command = command_of(typed)
        if not isinstance(command, click.Group) and typed[0] not in ("serve", "completion"):
            assert any("--json" in parameter.opts for parameter in command.params), typed


def test_each_command_and_exit_status_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in app.COMMANDS:
        assert f"\n## `steelyard {name}`" in text or f"\n### `steelyard {name}" in text, name
        assert f"$ steelyard {name}" in text, f"{name} has no example"
    for status in (0, 1, 2, 3, 4, 5, 130):
        assert f"| {status} |" in text


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_the_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys, json\n"
        f"sys.argv = ['steelyard', *{arguments!r}]\n"
        "from steelyard.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(run.stdout.splitlines()[-1]))


def test_a_worker_starts_without_the_command_line() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['steelyard', 'worker']\n"
        "import steelyard.__main__\n"
        "print([name for name in ('click', 'steelyard.cli', 'httpx') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_bad_usage_is_2(steelyard: Steelyard) -> None:
    for arguments in (["taks"], ["tasks", "--nothing"], ["tasks", "--limit", "1001"], ["task"], ["run"]):
        ended = steelyard(*arguments)
        assert (ended.status, ended.out) == (2, ""), arguments
    assert "Did you mean" in steelyard("taks").err


def test_no_sidecar_is_3_and_says_how_to_start_one(steelyard: Steelyard, data_dir: Path) -> None:
    ended = steelyard("tasks")
    assert (ended.status, ended.out) == (3, "")
    assert f"no sidecar runs on {data_dir} [no_sidecar]" in ended.err
    assert "Start one with: steelyard serve\n" in ended.err
    other = data_dir / "an other"
    assert f"steelyard serve --data-dir '{other}'" in steelyard("tasks", "--data-dir", str(other)).err
    assert json.loads(steelyard("tasks", "--json").err)["error"]["code"] == "no_sidecar"


def test_ctrl_c_is_130(steelyard: Steelyard, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("steelyard.client.Client.find", interrupted)
    ended = steelyard("tasks")
    assert (ended.status, ended.err.strip()) == (130, "interrupted")


def test_a_reader_that_has_gone_is_no_traceback(data_dir: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "-m", "steelyard", "--help"], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert (run.returncode, run.stderr) == (1, "")
