"""What nobody should type, and somebody will: long, hostile and wrong things, wherever pages show them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.panel import Panel
from tests.browser.test_looks import SIZES
from tests.browser.test_tasks import go
from tests.browser.work import HOSTILE
from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar

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
for name in ("x" * 200 + ".txt", "<img src=x onerror=alert(1)>.csv", "y" * 200 + ".png"):
    open(f"{folder}/{name}", "w").write(f"{text},{text}\\n1,2\\n")
print(text)
"""
SPEAKS = f"import time\nprint('::steelyard progress 0.3 ' + {LONG!r})\nprint({LONG!r})\ntime.sleep(600)"
FAILS = f"import sys\nprint({LONG!r})\nsys.exit({LONG!r})"

OPEN_ALL = "for (const one of document.querySelectorAll('main details')) one.open = true"
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
        panel.page.wait_for_load_state("networkidle")
        is_harmless(panel, path)
        assert len(panel.page.title()) <= 120, path
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
