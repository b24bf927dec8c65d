"""The documents are about this program: links lead somewhere, tables are whole, no command goes untried."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steelyard.rules.states import Cause, TaskState, WorkerState
from steelyard.settings.table import SETTINGS
from steelyard.web import app, openapi, push
from steelyard.web.errors import STATUS
from tests.helpers.documents import DOCUMENTS, ROOT, anchors, blocks, links

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
        "ORPHAN_GRACE_MINUTES",
        "STEELYARD_",
    }
    tasks = {
        f"STEELYARD_{one}" for one in ("TASK_ID", "ATTEMPT", "PARAMETERS", "OUTPUT_DIR", "CHECKPOINT_DIR")
    }
    named = set(re.findall(r"\b(?:WORKER|STEELYARD)_[A-Z_]*", document.read_text(encoding="utf-8")))
    assert named - variables - others - tasks - {"STEELYARD_STOP_FILE"} == set()
