"""The command line where it has no easy time: narrow terminals, streams that are closed or full, arguments
that are no text, locales without letters, and a Ctrl-C at a question. It never answers with a traceback.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.client import Client
from tests.helpers.sidecar import PATIENCE, RunningSidecar, environment
from tests.helpers.terminal import CTRL_C, STEELYARD, Terminal, lines
from tests.helpers.waiting import eventually

NARROW = 40
NO_TEXT = os.fsdecode(b"\xff")
"""An argument of a byte that is no UTF-8."""
NUMBERS = 'echo a; echo "{\\"price\\": 2.5, \\"rest\\": {\\"a\\": 1}}" > "$STEELYARD_OUTPUT_DIR/result.json"'


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    with RunningSidecar(tmp_path_factory.mktemp("hostile") / "data", "--workers", "2") as running:
        assert running.ready
        yield running


@pytest.fixture(scope="module")
def sweep(sidecar: RunningSidecar) -> tuple[str, list[str]]:
    """A sweep that has ended, and its tasks."""
    with Client.find(sidecar.data_dir) as client:
        made = client.sweep(
            "command",
            grid={"argv": [["sh", "-c", NUMBERS], ["sh", "-c", "exit 7"]]},
            label="Preise ≤ 5 €",
            attempts=1,
        )
        client.results(made, wait=True)
    return made["sweep_id"], made["task_ids"]


def run(sidecar: RunningSidecar, command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A shell's command, in which `steelyard` is ours."""
    return subprocess.run(
        ["sh", "-c", f'steelyard() {{ {" ".join(STEELYARD)} "$@"; }}\n{command}'],
        env=environment(STEELYARD_DATA_DIR=str(sidecar.data_dir), **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["tasks"], ["workers", "list"], ["preferences", "list"], ["simulations", "steel-pathway"],
        ["sweeps", "list"], ["doctor"], ["system"], ["task", "{task}"], ["results", "{sweep}"],
        ["files", "{task}"], ["events", "--kind", "worker"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_narrow_terminal_shows_whole_words(
    sidecar: RunningSidecar, sweep: tuple[str, list[str]], arguments: list[str]
) -> None:
    named = [one.format(task=sweep[1][0], sweep=sweep[0]) for one in arguments]
    with Terminal(sidecar.data_dir, *named, width=NARROW) as terminal:
        assert terminal.ended() == 0
    shown = "\n".join(lines(terminal.text))
    if arguments[0] != "events":
        # Events and notes are a line each, which the terminal itself wraps.
        table = [line for line in shown.split("\n") if not line.endswith(".")]
        assert max(len(line) for line in table) <= NARROW, shown
    if arguments[0] in ("tasks", "results"):
        assert all(task_id in shown for task_id in sweep[1])
        assert "SUCCEEDED" in shown and "FAILED" in shown
    if arguments[0] == "results":
        assert "price   2.5" in shown and "rest.a  1" in shown and "more number" not in shown
    if arguments[0] == "preferences":
        assert "Preference  worker_heartbeat_interval\nValue       30 s" in shown


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("steelyard tasks > /dev/full", "the output cannot be written: No space left on device"),
        ("steelyard tasks --json > /dev/full", "the output cannot be written"),
        ("steelyard --help > /dev/full", "the output cannot be written"),
        ("steelyard files {task} --to /dev/null", "/dev/null"),
        ("steelyard files {task} --to /proc/nothing", "/proc/nothing"),
        ("steelyard system --diagnostics /proc/nothing/a.zip", "/proc/nothing"),
    ],
)
def test_what_cannot_be_written_is_told(
    sidecar: RunningSidecar, sweep: tuple[str, list[str]], command: str, says: str
) -> None:
    with Client.find(sidecar.data_dir) as client:
        folder = sidecar.data_dir / "tasks" / sweep[1][0] / "attempt-1" / "output"
        (folder / "a.txt").write_text("a")
        assert client.files(sweep[1][0])
    done = run(sidecar, command.format(task=sweep[1][0]))
    assert done.returncode in (1, 2) and says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_streams_that_are_closed_are_no_error(sidecar: RunningSidecar, closed: str) -> None:
    for command in ("tasks", "workers list", "system --json"):
        done = run(sidecar, f"steelyard {command} {closed}")
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "command", ["tasks", "tasks --json", "events --since 0", "submit --help", "logs {task}"]
)
def test_a_reader_that_leaves_gets_no_traceback(
    sidecar: RunningSidecar, sweep: tuple[str, list[str]], command: str
) -> None:
    done = run(sidecar, f"steelyard {command.format(task=sweep[1][0])} | true")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["task", NO_TEXT], ["cancel", NO_TEXT], ["logs", "-f", NO_TEXT], ["files", NO_TEXT],
        ["results", NO_TEXT], ["simulations", NO_TEXT], ["workers", "log", NO_TEXT], ["tasks", "-q", NO_TEXT],
        ["submit", NO_TEXT, "-p", "a=1"], ["submit", "command", "--label", NO_TEXT],
        ["run", "--", "echo", NO_TEXT], ["run", "--directory", NO_TEXT, "--", "ls"],
        ["preferences", "set", f"python={NO_TEXT}"],
    ],
    ids=lambda arguments: ascii(" ".join(arguments)),
)  # fmt: skip
def test_bytes_that_are_no_text_are_refused_in_words(sidecar: RunningSidecar, arguments: list[str]) -> None:
    done = subprocess.run(
        [*STEELYARD, *arguments],
        env=environment(STEELYARD_DATA_DIR=str(sidecar.data_dir)),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "bytes that are no text in UTF-8 [invalid_request]" in done.stderr


def test_a_file_gets_the_very_bytes_that_a_program_printed(sidecar: RunningSidecar, tmp_path: Path) -> None:
    data = os.urandom(300_000) + "\nK\u00f6ln\r\n".encode("latin-1") + b"\0end"
    printed = tmp_path / "printed"
    printed.write_bytes(data)
    done = run(
        sidecar,
        f"cd {tmp_path} && steelyard run -- cat printed > run && id=$(steelyard run --detach -- cat printed)"
        " && steelyard logs -f $id > followed && steelyard logs $id > whole && echo $id",
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("run", "followed", "whole"):
        assert (tmp_path / name).read_bytes() == data, name
    with sidecar.client() as client:
        assert client.get(f"/tasks/{done.stdout.strip()}/output.log").content == data


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity"])
def test_a_number_that_is_none_is_refused(sidecar: RunningSidecar, value: str) -> None:
    done = run(sidecar, f"steelyard submit steel-pathway -p carbon_price_2050={value}")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("error: "), done.stderr


@pytest.mark.parametrize(
    "option", ["submit command --parameters", "sweep command --rows", "sweep command --base"]
)
def test_a_file_without_an_end_is_not_read_for_ever(sidecar: RunningSidecar, option: str) -> None:
    rows = "-p argv='[[\"true\"]]'" if "--base" in option else ""
    for file in ("/dev/zero", "- < /dev/zero"):
        done = run(sidecar, f"steelyard {option} {file} {rows}")
        assert done.returncode == 2 and "is larger than 64.0 MiB" in done.stderr, done.stderr


def test_a_sidecar_does_not_start_on_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    done = subprocess.run(
        [*STEELYARD, "serve", "--data-dir", str(tmp_path / NO_TEXT)],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE,
    )
    assert done.returncode == 2 and '"code":"data_dir_unwritable"' in done.stdout
    assert "is no text in UTF-8" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["C", "C without UTF-8", "ascii"],
)
def test_a_locale_without_letters_is_enough(
    sidecar: RunningSidecar, sweep: tuple[str, list[str]], locale: dict[str, str]
) -> None:
    for command in (
        "tasks",
        "task {task}",
        "results {sweep}",
        "simulations steel-pathway",
        "--help",
        "doctor",
    ):
        done = run(sidecar, f"steelyard {command.format(task=sweep[1][1], sweep=sweep[0])}", **locale)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        if command == "tasks":
            assert "Preise" in done.stdout


def test_a_question_is_answered_with_no_or_ctrl_c(sidecar: RunningSidecar) -> None:
    with Client.find(sidecar.data_dir) as client:
        worker_id = client.status()["workers"][0]["worker_id"]
        for key, status, says in (
            ("n\n", 1, f"{worker_id} goes on"),
            ("\n", 1, f"{worker_id} goes on"),
            (CTRL_C, 130, "\ninterrupted\n"),
        ):
            with Terminal(sidecar.data_dir, "workers", "abort", worker_id) as terminal:
                eventually(lambda shown=terminal: "[y/N]" in shown.text, within=PATIENCE)
                terminal.type(key)
                assert terminal.ended() == status
                assert says in terminal.text
        assert {one["worker_id"]: one["state"] for one in client.status()["workers"]}[worker_id] == "RUNNING"


@pytest.mark.parametrize(
    "arguments",
    [
        ["submit", "command", "-p", 'argv=["sleep", "600"]', "--wait"],
        ["run", "--", "sleep", "600"],
        ["sweep", "command", "-p", 'argv=[["sleep", "600"]]', "--wait"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_ctrl_c_leaves_the_task_and_says_how_to_end_it(sidecar: RunningSidecar, arguments: list[str]) -> None:
    with Client.find(sidecar.data_dir) as client:
        with Terminal(sidecar.data_dir, *arguments) as terminal:
            eventually(lambda: list(client.tasks(state="RUNNING")), within=PATIENCE)
            eventually(lambda: terminal.text, within=PATIENCE)
            terminal.type(CTRL_C)
            assert terminal.ended() == 130
        [task] = client.tasks(state="RUNNING")
        name = task["sweep_id"] or task["task_id"]
        assert f"{name} goes on. End it with: steelyard cancel" in terminal.text
        client.cancel(task["task_id"])
        client.wait(task["task_id"], timeout=PATIENCE)


def test_a_simulation_that_cannot_be_written_leaves_no_half_of_its_file(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *STEELYARD, "simulations", "new", "model", "--", "ls"],
        env=environment(STEELYARD_DATA_DIR=str(tmp_path / "data")),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    target = tmp_path / "data" / "simulations" / "model.toml"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {target}: File too large\n")
    assert target.parent.is_dir() and not target.exists()
