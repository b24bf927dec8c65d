"""The documents are about this program: links lead somewhere, tables are whole, no command goes untried."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from steelyard.cli import app as cli
from steelyard.rules.states import Cause, TaskState, WorkerState
from steelyard.settings import environment
from steelyard.settings.simulations import Catalogue
from steelyard.settings.table import SETTINGS
from steelyard.web import app, openapi, push
from steelyard.web.errors import STATUS
from tests.helpers.documents import DOCUMENTS, ROOT, anchors, blocks, in_sentences, indented, links

DOCS = ROOT / "docs"
KINDS = {"sh", "bash", "toml", "python", "json", "text", "ini", "yaml"}


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f"{document.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{document.name} links to {link}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_says_what_it_is(document: Path) -> None:
    for block in blocks(document):
        assert block.kind in KINDS, f"{document.name}:{block.line}"
        if block.comment.startswith("not run"):
            assert len(block.excuse) > 10, f"{document.name}:{block.line}: not run, and no reason"


@pytest.mark.parametrize("name", ["http.md", "from-steel-iq.md", "troubleshooting.md", "faq.md", "states.md"])
def test_every_address_in_a_document_is_there(name: str) -> None:
    routes = app.all_routes(push.Hub(None))  # type: ignore[arg-type]
    known = {re.sub(r"{\w+}", "<>", path) for path, _, _ in openapi.operations(routes)} | {
        "/ws",
        "/sign-in/<>",
    }
    named = re.findall(
        r"(?<![\w<>.}\"])/(?:api|htmx|workers|healthz|metrics|openapi)[\w/<> .-]*", text_of(name)
    )
    for address in named:
        path = re.sub(r"<[^>]+>", "<>", address.split(" ")[0]).rstrip(".")
        assert path in known or path in ("/api/", "/htmx/"), f"{name}: {address}"


TYPED_BY = {
    "command-line.md": "test_docs_command_line",
    "bring-your-own-simulation.md": "test_docs_simulations",
}
"""Documents whose indented commands have a test of their own, with files and ids of its own."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_command_stands_where_no_test_types_it(document: Path) -> None:
    looks = re.compile(
        r"\$ |(env )?(\.venv/bin/|build/\S+/)?(steelyard|python3?|npm|sh|bash|curl|ssh|sudo|\./\S+) "
    )
    commands = [line for line in indented(document) if looks.match(line)]
    if document.name in TYPED_BY:
        assert commands and (ROOT / "tests" / "process" / f"{TYPED_BY[document.name]}.py").exists()
        assert all(line.startswith("$ ") for line in commands)
    else:
        assert commands == [], "put it into an ```sh block"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_a_sentence_is_one(document: Path) -> None:
    for text in in_sentences(document):
        if re.match(r"(\.venv/bin/)?steelyard [a-z]", text):
            assert unknown(text) == [], f"{document.name}: {text}"


def unknown(text: str) -> list[str]:
    """The words of a command line that are neither commands nor options of Steelyard."""
    words = shlex.split(text.partition(" -- ")[0])[1:]
    command: click.Command = cli.app
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        if found is None and hasattr(command, "left_out"):
            words = [command.left_out, *words]
        elif found is None:
            return [] if words[0] == "worker" else words[:1]
        else:
            command, words = found, words[1:]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    return [word for word in words if word.startswith("-") and word.partition("=")[0] not in options]


def test_what_is_no_command_is_seen() -> None:
    assert unknown("steelyard tasks --nothing") == ["--nothing"]
    assert unknown("steelyard workers fly") == ["fly"]
    assert unknown("steelyard edit <id> --memory 4GiB") == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_and_simulation_that_is_shown_can_be_read(document: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(document)):
        if block.kind == "ini" and "[Service]" not in block.text:
            stated = dict(line.split("=", 1) for line in block.text.splitlines())
            assert set(stated) == {
                name for name, value in stated.items() if environment.load({name: value}, {})
            }
        if block.kind == "toml" and "[simulation]" in block.text:
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "shown.toml").write_text(block.text, encoding="utf-8")
            catalogue = Catalogue([folder])
            catalogue.reload()
            assert catalogue.errors == [], f"{document.name}:{block.line}"


def test_every_address_for_programs_is_in_the_table() -> None:
    routes = app.all_routes(push.Hub(None))  # type: ignore[arg-type]
    known = {
        (method, re.sub(r"{\w+}", "<id>", path))
        for path, method, _ in openapi.operations(routes)
        if re.match(r"/(api/|workers/|healthz|metrics|openapi)", path)
    }
    told = set()
    for line in text_of("http.md").splitlines():
        for methods, path in re.findall(r"`((?:GET|POST|PATCH)(?:, (?:GET|POST|PATCH))*) (/[^`?]*)`", line):
            told |= {(method, re.sub(r"<[^>]+>", "<id>", path)) for method in methods.split(", ")}
    assert known - told == set()


def test_every_state_and_cause_is_explained() -> None:
    text = text_of("states.md")
    for word in [*WorkerState, *TaskState, *Cause]:
        assert f"| `{word}` |" in text


def test_every_code_is_in_the_table_with_its_status() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", text_of("http.md"), re.MULTILINE))
    assert rows == {kind.code: str(status) for kind, status in STATUS.items()} | {"internal_error": "500"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_variable_is_one_that_is_read(document: Path) -> None:
    variables = {one.variable for one in SETTINGS if one.variable}
    # What a task finds in its environment, the tests' own, and those of the predecessor that had their day.
    others = {
        "WORKER_",
        "STEELYARD_CI",
        "STEELYARD_DATA_DIR",
        "STEELYARD_COMPLETE",
        "STEELYARD_SIDECAR",
        "STEELYARD_DESKTOP_TIMINGS",
        "STEELYARD_ASKS_FOR_ENVIRONMENT",
        "ORPHAN_GRACE_MINUTES",
        "STEELYARD_",
    }
    tasks = {
        f"STEELYARD_{one}"
        for one in ("TASK_ID", "ATTEMPT", "PARAMETERS", "OUTPUT_DIR", "CHECKPOINT_DIR", "STOP_FILE", "CORES")
    }
    named = set(re.findall(r"\b(?:WORKER|STEELYARD)_[A-Z_]*", document.read_text(encoding="utf-8")))
    assert named - variables - others - tasks == set()
