"""What the pages look like, in light and dark and on a telephone, and whether everybody can use them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize

from steelyard.web.rendering import environment
from tests.browser import gallery
from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.panel import Panel
from tests.helpers.edge import Edge, running_edge

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES: dict[str, ViewportSize] = {
    "wide": {"width": 1280, "height": 900},
    "narrow": {"width": 390, "height": 844},
}

WATCH_SHIFTS = """
least => {
  window.shifts = [];
  const name = source => source.node?.outerHTML?.slice(0, 120) ?? String(source.node?.textContent);
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      if (entry.value > least) window.shifts.push([entry.value, entry.sources.map(name)]);
    }
  }).observe({type: "layout-shift"});
}
"""

NewContext = Callable[..., BrowserContext]


@pytest.fixture
def yard() -> Iterator[Edge]:
    """Every state and flag at once."""
    with running_edge() as edge:
        edge.supervisor.workers = {one["worker_id"]: one for one in gallery.workers()}
        edge.supervisor.submitted = {one["task_id"]: one for one in gallery.tasks()}
        edge.supervisor.samples = gallery.samples  # type: ignore[method-assign]
        yield edge


def signed_in(edge: Edge, new_context: NewContext, **options: Any) -> Panel:
    """The start page of that edge."""
    return Panel(new_context(**options)).open(edge.call(edge.access.new_link))


def violations(page: Page) -> list[str]:
    """What axe-core finds, in short."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci --ignore-scripts")
    page.add_script_tag(path=AXE)
    options = json.dumps({"runOnly": {"type": "tag", "values": LEVELS}})
    found = page.evaluate(f"axe.run(document, {options})")
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_every_state_and_flag(yard: Edge, new_context: NewContext, scheme: str, size: str) -> None:
    panel = signed_in(yard, new_context, viewport=SIZES[size], color_scheme=scheme, bypass_csp=True)
    assert panel.page.locator("html").get_attribute("data-bs-theme") == scheme
    assert panel.overflow() <= 0
    assert panel.cards().count() == len(gallery.workers())
    for state in ("RUNNING", "STARTING", "DRAINING", "FAILED", "DEAD"):
        assert panel.cards(state).first.locator(f".state-{state}").inner_text().startswith(state)
    for flag in ("dead process", "stalled", "quiet", "suspended", "forced"):
        assert panel.page.locator("article.worker .tag", has_text=flag).count() == 1
    assert panel.page.locator("main img, main b").count() == 0
    panel.eventually(lambda: panel.page.locator("polyline").first.get_attribute("points"))
    panel.shoot(f"states-{scheme}-{size}")
    assert violations(panel.page) == []
    assert panel.complaints == []


DIALOGS = {
    "insufficient-memory": "/htmx/workers/insufficient-memory/?need=8589934592&headroom=3328599654",
    "no-cores": "/htmx/workers/no-cores/?cores=8",
    "abort": "/htmx/workers/3f9a1c20/abort/",
    "aborted": "/htmx/workers/3f9a1c20/aborted/?task=t0",
    "startup": "/htmx/startup/",
    "log": "/htmx/workers/0d4482be/log/",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_dialog(yard: Edge, new_context: NewContext, scheme: str) -> None:
    panel = signed_in(yard, new_context, color_scheme=scheme, bypass_csp=True)

    async def no_room() -> dict[str, Any]:
        return gallery.NO_ROOM

    yard.supervisor.startup = no_room  # type: ignore[method-assign]
    yard.supervisor.submitted["t7"] = gallery.task("t7", "READY", "net-zero, resumed", attempt=1)
    for name, path in DIALOGS.items():
        panel.page.evaluate("async path => (await import('/static/dialogs.js')).open(path)", path)
        dialog = panel.page.get_by_role("dialog")
        dialog.wait_for()
        assert panel.page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
        panel.page.set_viewport_size(SIZES["narrow"])
        box = dialog.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390, name
        assert violations(panel.page) == [], name
        if name in ("insufficient-memory", "abort"):
            panel.page.set_viewport_size({"width": 800, "height": 560})
            panel.shoot(f"dialog-{name}-{scheme}", whole=False)
        panel.page.set_viewport_size(SIZES["wide"])
        panel.page.keyboard.press("Escape")
    assert panel.complaints == []


def test_an_explanation_lies_inside_the_window(yard: Edge, new_context: NewContext) -> None:
    panel = signed_in(yard, new_context, viewport=SIZES["narrow"])
    for badge in panel.page.locator("article.worker .explain").all():
        badge.locator("summary").click()
        box = badge.locator(".explain-text").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert panel.overflow() <= 0


def test_an_empty_yard(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    panel = open_panel(sidecar, viewport=SIZES["narrow"])
    panel.shoot("empty-light-narrow")
    assert panel.overflow() <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_panel_at_work(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit, scheme: str
) -> None:
    sidecar = start_sidecar("--workers", "2", WORKER_MEMORY_GUARD="512MiB", WORKER_PEAK_MEMORY="256MiB")
    work = (
        "import time\nkept = []\nfor year in range(2020, 2051):\n    kept.append(bytearray(8_000_000))\n"
        "    print(f'::steelyard progress {(year - 2020) / 31} year {year} of 2050', flush=True)\n"
        "    time.sleep(0.5)\ntime.sleep(60)\n"
    )
    labels = [
        f"{pathway}, carbon price {price}" for pathway in ("reference", "net-zero") for price in (0, 200)
    ]
    submit(sidecar, "print('done')", label="calibration 2020")
    for label in labels:
        submit(sidecar, work, label=label)
    panel = open_panel(sidecar, color_scheme=scheme)
    panel.page.locator(".worker-task-figures", has_text="done in").first.wait_for()
    panel.page.evaluate(WATCH_SHIFTS, 0.005)
    seen: set[str] = set()
    panel.eventually(lambda: seen.add(panel.text(".worker-task-figures")) or len(seen) >= 6, within=60)
    # Before the picture: to take the whole page the window is made larger, which moves everything.
    assert panel.page.evaluate("window.shifts") == []
    panel.shoot(f"panel-{scheme}")
    assert panel.overflow() <= 0


@pytest.mark.parametrize("size", list(SIZES))
def test_nothing_moves_when_tasks_come_and_go(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit, size: str
) -> None:
    sidecar = start_sidecar("--workers", "2", WORKER_MAX_COUNT="2")
    panel = open_panel(sidecar, viewport=SIZES[size])
    panel.page.locator(".worker-idle").nth(1).wait_for()
    # While there is any task, there is room for the forecast. The list of tasks below grows with each one.
    submit(sidecar, queue="nobody")
    panel.page.locator("#forecast.forecast-some").wait_for()
    panel.page.locator("#latest-tasks-section > summary").click()
    panel.is_at_rest().page.evaluate(WATCH_SHIFTS, 0.001)
    panel.expects("status of 409")
    panel.click("Add Worker")
    panel.notice("2 is the most")
    for number in range(3):
        task = submit(sidecar, "import time; time.sleep(600)", label=f"task {number}")
        panel.page.locator(".worker-task", has_text=f"task {number}").wait_for()
        if number == 0:
            panel.click("Clean up")
            panel.notice("Ended workers taken off the list: 0.")
        with sidecar.client() as client:
            client.post(f"/api/tasks/{task}/cancel/")
        panel.page.locator(".worker-task").wait_for(state="detached")
    assert panel.page.evaluate("window.shifts") == []


def test_keyboard_alone(yard: Edge, new_context: NewContext) -> None:
    panel = signed_in(yard, new_context)
    panel.page.keyboard.press("Tab")
    skip = panel.page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("link => link === document.activeElement")
    assert (skip.bounding_box() or {"y": -1})["y"] >= 0
    panel.page.keyboard.press("Enter")
    panel.page.keyboard.press("Tab")
    assert panel.page.evaluate("document.activeElement.innerText.trim()") == "Worker Status"
    for button in ("pause-queue", "add-worker"):
        panel.page.keyboard.press("Tab")
        assert panel.page.evaluate("document.activeElement.id") == button


def test_without_the_vendored_assets(
    yard: Edge, new_context: NewContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(environment.globals, "assets_are_missing", lambda: True)
    panel = signed_in(yard, new_context, viewport=SIZES["narrow"])
    assert "Install Node.js 20 or later" in panel.text("main, .alert-warning")
    assert panel.overflow() <= 0
    assert panel.cards().count() == len(gallery.workers())
    panel.page.locator("[data-dialog*=log]").first.click()
    assert panel.dialog("Log of worker").is_visible()
    panel.shoot("without-assets", whole=False)
    assert panel.complaints == []
