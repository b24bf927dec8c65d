"""What nobody should type, and somebody will: long, hostile and wrong things, wherever pages show them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.panel import Panel
from tests.browser.test_looks import SIZES, violations
from tests.browser.test_tasks import go
from tests.browser.work import HOSTILE, ODD_FILES
from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar

STATIC = Path(__file__).resolve().parents[2] / "backend" / "steelyard" / "web" / "static"
LONG = HOSTILE + "W" * (10_000 - len(HOSTILE))
"""Without a space: nothing wraps by itself."""

ODD = f"""
[simulation]
name = "odd"
title = "{HOSTILE + "T" * 3_000}"
description = "{HOSTILE + "D" * 3_000}"
command = ["{{python}}", "odd.py", "{{text}}"]
[parameters.text]
type = "string"
title = "{HOSTILE + "P" * 3_000}"
description = "{HOSTILE + "d" * 3_000}"
unit = "{HOSTILE}"
"""
ODD_PROGRAM = """
import json, os, sys
text, folder = sys.argv[1], os.environ["STEELYARD_OUTPUT_DIR"]
json.dump({text: 1.5, "b": {text[:5000]: 1e300, "text": text}}, open(f"{folder}/result.json", "w"))
for name in ("x" * 200 + ".txt", "<img src=x onerror=alert(1)>.csv", "y" * 200 + "\\udcff.png"):
    open(f"{folder}/{name}", "w").write(f"{text},{text}\\n1,2\\n")
print(text)
"""
SPEAKS = f"import time\nprint('::steelyard progress 0.3 ' + {LONG!r})\nprint({LONG!r})\ntime.sleep(600)"
FAILS = f"import sys\nprint({LONG!r})\nsys.exit({LONG!r})"

OPEN_ALL = "for (const one of document.querySelectorAll('main details')) one.open = true"
SHOWS_END = """
tail => {
  const text = document.createRange();
  text.selectNodeContents(tail);
  return [...text.getClientRects()].at(-1).bottom <= tail.getBoundingClientRect().bottom;
}
"""
SAY = "async ([text, kind]) => (await import('/static/notices.js')).say(text, kind)"
OPEN = "async path => (await import('/static/dialogs.js')).open(path)"


def is_harmless(panel: Panel, where: str) -> None:
    """What stands there is text, and no wider than the window."""
    assert panel.page.locator("img[src=x], main b").count() == 0, where
    assert panel.overflow() <= 0, where


def is_inside(panel: Panel, box: Any, where: str) -> None:
    """A dialog or a button lies within the window."""
    window = panel.page.viewport_size
    assert box is not None and window is not None
    assert box["x"] >= 0 and box["x"] + box["width"] <= window["width"], where
    assert box["y"] >= 0 and box["y"] + box["height"] <= window["height"], where


@pytest.fixture
def hostile(start_sidecar: StartSidecar, submit: Submit) -> tuple[RunningSidecar, dict[str, str]]:
    """A sidecar where everything that a person or a program can name is named so; ids by what they are of."""
    sidecar = start_sidecar("--workers", "2")
    simulations = sidecar.data_dir / "simulations"
    (simulations / "odd.toml").write_text(ODD)
    (simulations / "odd.py").write_text(ODD_PROGRAM)
    (simulations / "wrong.toml").write_text(f'[simulation]\nname = "wrong"\n"{HOSTILE}" = "{"w" * 3_000}"\n')
    words = {"label": LONG, "tags": [HOSTILE, "t" * 100]}
    with sidecar.client() as client:
        body = {"simulation": "odd", "grid": {"text": [LONG[:5_000], HOSTILE]}, **words}
        answer = client.post("/api/sweeps/", json=body)
        assert answer.status_code == 201, answer.text
        for task in answer.json()["task_ids"]:
            assert api.ends(client, task)["state"] == "SUCCEEDED"
        failed = submit(sidecar, FAILS, attempts=1, **words)
        assert api.ends(client, failed)["state"] == "FAILED"
        running = submit(sidecar, SPEAKS, **words)
        submit(sidecar, queue="q" * 64, **words)
        api.reaches(client, running, "RUNNING")
        status = client.get("/api/workers/status/").json()
    worker = next(one["worker_id"] for one in status["workers"] if one["task"])
    ids = {"sweep": answer.json()["sweep_id"], "done": answer.json()["task_ids"][0]}
    return sidecar, {**ids, "failed": failed, "running": running, "worker": worker}


@pytest.mark.parametrize("size", list(SIZES))
def test_long_and_hostile_words(
    hostile: tuple[RunningSidecar, dict[str, str]], open_panel: OpenPanel, size: str
) -> None:
    sidecar, ids = hostile
    panel = open_panel(sidecar, viewport=SIZES[size])
    asked: list[str] = []
    panel.page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    for path in (
        "",
        "tasks/",
        f"tasks/?q={HOSTILE}",
        f"tasks/{ids['running']}/",
        f"tasks/{ids['failed']}/",
        f"tasks/{ids['done']}/",
        f"sweeps/{ids['sweep']}/",
        "submit/",
        "submit/?simulation=odd",
        f"submit/?from={ids['done']}",
        "system/",
    ):
        go(panel, sidecar, path)
        panel.page.evaluate(OPEN_ALL)
        panel.is_at_rest()
        is_harmless(panel, path)
        assert len(panel.page.title()) <= 120, path
        for tail in panel.page.locator(".tail:not(.log)").all():
            assert tail.evaluate(SHOWS_END), path
        # What is shown is cut: the page stays one that can be scrolled through.
        assert panel.page.evaluate("document.body.scrollHeight") < 10_000, path
    for path in (
        f"tasks/{ids['running']}/cancel/",
        f"tasks/{ids['running']}/edit/",
        f"workers/{ids['worker']}/abort/",
        f"workers/{ids['worker']}/log/",
    ):
        panel.page.evaluate(OPEN, f"/htmx/{path}")
        dialog = panel.page.get_by_role("dialog")
        is_inside(panel, dialog.bounding_box(), path)
        assert dialog.locator("img, b").count() == 0
        panel.page.keyboard.press("Escape")
    assert asked == []


@pytest.mark.parametrize("size", list(SIZES))
def test_a_notice_however_long_can_be_dismissed(
    start_sidecar: StartSidecar, open_panel: OpenPanel, size: str
) -> None:
    panel = open_panel(start_sidecar("--workers", "1"), viewport=SIZES[size])
    for kind in ("refused", "prompt", "refused", "prompt"):
        panel.page.evaluate(SAY, [LONG, kind])
    is_harmless(panel, "notices")
    is_inside(panel, panel.page.locator("#notices").bounding_box(), "notices")
    dismiss = panel.page.get_by_role("button", name="Dismiss this notice")
    for left in (3, 2, 1, 0):
        dismiss.first.click()
        assert dismiss.count() == left


def test_files_that_are_not_what_they_are_called(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, ODD_FILES)
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    page = panel.page
    panel.eventually(lambda: panel.text("#log-text").endswith("written"))

    def file(name: str) -> Any:
        return page.locator("li.file", has=page.locator(".file-name", has_text=name))

    panel.eventually(lambda: file("million.csv").count() == 1, within=60)
    before = psutil.Process(sidecar.process.pid).memory_info().rss
    for name in page.locator("li.file .file-name").all_inner_texts():
        shown = file(name).locator("details")
        if shown.get_attribute("open") is None:
            # Not with the mouse: what the others hold comes meanwhile, and pushes this one from under it.
            shown.locator("summary").press("Enter")
    # A picture is fetched when it comes into sight.
    for name in ("broken.png", "half.png", "picture-"):
        file(name).scroll_into_view_if_needed()
        file(name).get_by_text("This is no picture").wait_for()
    for name, words in (
        ("deep.json", "cannot be read as JSON"),
        ("digits.json", "cannot be read as JSON"),
        ("huge.json", "too large for a tree"),
        ("wide.json", "48000 more"),
        ("quote.csv", "its beginning"),
        ("wide.csv", "the first 50 of 5000 columns"),
        ("line.txt", "its beginning"),
        ("bytes.txt", "It is no text"),
        ("empty.json", "The file is empty"),
        ("million.csv", "the first 1000 rows"),
    ):
        file(name).get_by_text(words).first.wait_for()
    assert file("half-a-pair.json").locator(".tree-name").count() == 3
    assert panel.overflow() <= 0
    with page.expect_download() as download:
        file("million.csv").get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes().count(b"\n") == 1_000_001
    # Of every file a beginning, and of a download a piece at a time: all of them are 40 MB.
    assert psutil.Process(sidecar.process.pid).memory_info().rss - before < 40 * 2**20

    # What is no picture stays so when the list is fetched again, and again.
    for label in ("once", "twice"):
        fetched = page.expect_response(lambda answer: answer.url.endswith(f"/htmx/tasks/{task}/files/"))
        with fetched, sidecar.client() as client:
            assert client.patch(f"/api/tasks/{task}/", json={"label": label}).status_code == 200
        panel.is_at_rest()
        assert file("broken.png").locator("img").is_hidden()
        assert file("broken.png").get_by_text("This is no picture").is_visible()


def test_a_line_that_never_ends_does_not_hold_up_the_page(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    program = tmp_path / "line.mjs"
    program.write_text(
        f"import {{ plain }} from {json.dumps((STATIC / 'terminal.js').as_uri())};\n"
        "console.log(JSON.stringify([plain('x'.repeat(2e6)).length, plain('a\\rb\\rc\\n\\rd\\r\\r\\n')]));\n"
    )
    # What takes hours is a failure here, and not a wait.
    done = subprocess.run(["node", program], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [2_000_000, "c\nd\n"], done.stderr


@pytest.mark.parametrize("size", list(SIZES))
def test_addresses_that_lead_nowhere(start_sidecar: StartSidecar, open_panel: OpenPanel, size: str) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar, viewport=SIZES[size], bypass_csp=True)
    panel.expects("status of 404", "status of 400")
    for path, words in (
        ("tasks/none/", "There is no task none."),
        (f"tasks/{HOSTILE}/", HOSTILE),
        (f"submit/?from={HOSTILE}", f"There is no task {HOSTILE}."),
        ("submit/?simulation=none", "There is no simulation 'none'."),
        ("sweeps/none/", "There is no sweep none."),
        ("nowhere/", "There is nothing at this address."),
        ("tasks/?state=ALIVE", "found 'ALIVE'"),
        ("tasks/?cursor=1", "cursor: use the `next` of a page"),
        (f"tasks/?q={'x' * 5_000}", "q holds a NUL or is too long."),
    ):
        panel.page.goto(f"{sidecar.record['url']}{path}")
        assert words in panel.text("main") or path.startswith("tasks/<"), path
        is_harmless(panel, path)
        # It looks like the rest, and leads back to it.
        assert "sans" in panel.page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily"), (
            path
        )
        assert panel.page.locator("a[href='/']").first.is_visible()
        assert violations(panel.page) == [], path


def test_filters_wrong(start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit) -> None:
    sidecar = start_sidecar("--workers", "1")
    submit(sidecar, label="100 %_\\")
    panel = go(open_panel(sidecar), sidecar, "tasks/")
    row = panel.page.locator("#tasks-list tbody tr")
    for text in (HOSTILE, "x" * 200, "'; DROP TABLE task; --", "*"):
        panel.page.get_by_label("Search").fill(text)
        panel.page.get_by_text("No task fits these filters.").wait_for()
        is_harmless(panel, text)
        # Signs that mean something to SQL mean themselves here.
        panel.page.get_by_label("Search").fill("%_\\")
        row.wait_for()
    panel.expects("status of 400", "Response Status Error Code 400")
    panel.page.get_by_label("Search").fill("\0")
    panel.notice("q holds a NUL or is too long.")
    panel.page.get_by_label("Search").fill("")
    for label in ("Tag", "Sweep"):
        panel.page.get_by_label(label).fill(HOSTILE)
        panel.page.get_by_text("No task fits these filters.").wait_for()
        is_harmless(panel, label)
        panel.page.get_by_label(label).fill("")
        row.wait_for()


def test_a_change_wrong_in_every_field(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, label="as it was", queue="nobody")
    panel = go(open_panel(sidecar, viewport=SIZES["narrow"]), sidecar, f"tasks/{task}/")
    panel.expects("status of 400", "status of 409")
    for label, name, text, words in (
        ("Priority", "priority", "high", "expected a whole number"),
        ("Priority", "priority", "101", "at most 100"),
        ("Tags", "tags", "t" * 101, "at most 100 characters"),
        ("Tags", "tags", ",".join(f"t{n}" for n in range(101)), "at most 100 entries"),
        ("Memory", "memory", HOSTILE, "a number with a unit"),
        ("Memory", "memory", "90 TiB", "will never fit"),
    ):
        panel.click("Priority, label, tags")
        dialog = panel.dialog("Change this task")
        dialog.get_by_label("Label").fill("changed")
        dialog.get_by_label(label).fill(text)
        dialog.get_by_role("button", name="Save").click()
        refused = dialog.locator(f"[data-field={name}] .form-error", has_text=words)
        refused.wait_for()
        assert panel.page.evaluate("document.activeElement.name") == name
        is_inside(panel, dialog.bounding_box(), name)
        dialog.get_by_role("button", name="Cancel").click()
    with sidecar.client() as client:
        assert client.get(f"/api/tasks/{task}/").json()["label"] == "as it was"
