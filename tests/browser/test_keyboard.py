"""Everything by keyboard alone: each page is walked with Tab, and says at every step where one stands."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.panel import Panel
from tests.browser.test_looks import SIZES
from tests.browser.test_tasks import go
from tests.browser.work import YEARS, files

REACHABLE = """
() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  const seen = [...all].filter(one => one.checkVisibility() && !one.disabled && one.tabIndex >= 0);
  // Of radio buttons that belong together Tab reaches one, and the arrows the others.
  window.left = new Set(seen.filter(one => one.type !== "radio" || one.checked));
  document.activeElement.blur();
}
"""
STEP = """
async () => {
  const one = document.activeElement;
  if (one === null || one === document.body) return null;
  window.left.delete(one);
  const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(one);
  const isMarked = (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none";
  const isIn = box => box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  // What moves the page's content at this moment is made up for in the next frame.
  let frames = 0;
  while (!isIn(one.getBoundingClientRect()) && frames++ < 300) await new Promise(requestAnimationFrame);
  const isInSight = isIn(one.getBoundingClientRect());
  return {name: one.outerHTML.slice(0, 120), isMarked, isInSight};
}
"""
GROWS_ABOVE = """
async () => {
  const frames = async count => { while (count--) await new Promise(requestAnimationFrame) };
  await frames(5);
  const more = document.createElement("div");
  more.style.height = "3000px";
  document.querySelector("main").prepend(more);
  let last;
  do {
    last = scrollY;
    await frames(20);
  } while (scrollY !== last);
}
"""
IN_SIGHT = """
() => {
  const {top, bottom} = document.activeElement.getBoundingClientRect();
  return document.activeElement.matches(".file-get, summary") && bottom > 0 && top < innerHeight;
}
"""
INSIDE = "one => document.activeElement === document.body || one.contains(document.activeElement)"
LEFT = "() => [...window.left].map(one => one.outerHTML.slice(0, 120))"


def walk(panel: Panel) -> list[str]:
    """What Tab does not reach, or what does not show that it is focused."""
    panel.page.evaluate(REACHABLE)
    wrong: list[str] = []
    for _ in range(200):
        panel.page.keyboard.press("Tab")
        step: dict[str, Any] | None = panel.page.evaluate(STEP)
        if step is None:
            break
        wrong += [] if step["isMarked"] else [f"unmarked: {step['name']}"]
        wrong += [] if step["isInSight"] else [f"out of sight: {step['name']}"]
    return wrong + [f"not reached: {name}" for name in panel.page.evaluate(LEFT)]


@pytest.mark.parametrize("size", list(SIZES))
def test_every_control_of_every_page(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit, size: str
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, files() + YEARS, label="it runs")
    submit(sidecar, label="it waits")
    body = {"simulation": "command", "grid": {"argv": [["true"], ["false"]]}}
    with sidecar.client() as client:
        sweep = client.post("/api/sweeps/", json=body).json()["sweep_id"]
    panel = open_panel(sidecar, viewport=SIZES[size])
    for path in (
        "",
        "tasks/",
        f"tasks/{task}/",
        f"sweeps/{sweep}/",
        "submit/",
        "submit/?simulation=steel-pathway",
        "preferences/",
        "system/",
    ):
        go(panel, sidecar, path).is_at_rest()
        assert walk(panel) == [], path


def test_what_grows_above_does_not_push_the_focus_out_of_sight(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, files() + YEARS, label="it runs")
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/").is_at_rest()
    panel.page.locator(".file-get").last.focus()
    panel.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    panel.page.keyboard.press("Shift+Tab")
    panel.page.evaluate(GROWS_ABOVE)
    assert panel.page.evaluate(IN_SIGHT)


def test_a_dialog_keeps_the_focus_and_gives_it_back(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, YEARS, label="it runs")
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    panel.page.locator(".task-now .task-RUNNING").wait_for()
    for opener, title in (("task-cancel", "Cancel this task?"), ("task-edit", "Change this task")):
        panel.page.locator(f"#{opener}").focus()
        panel.page.keyboard.press("Enter")
        dialog = panel.dialog(title)
        for _ in range(12):
            panel.page.keyboard.press("Tab")
            # The browser's own bar comes between the last and the first.
            assert dialog.evaluate(INSIDE)
        panel.page.keyboard.press("Escape")
        panel.eventually(lambda opener=opener: panel.page.evaluate("document.activeElement.id") == opener)


def test_a_refresh_leaves_the_focus_where_it_is(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, YEARS, label="it runs")
    panel = open_panel(sidecar)

    def keeps(path: str, focused: str, fetched: str) -> None:
        """Whether that element has the focus still, the same and not a copy, when its place was fetched."""
        go(panel, sidecar, path).is_at_rest()
        element = panel.page.locator(focused).first
        element.focus()
        element.evaluate("one => { window.focused = one }")
        label = f"renamed on {path} with {focused}"
        with panel.page.expect_response(lambda answer: fetched in answer.url), sidecar.client() as client:
            assert client.patch(f"/api/tasks/{task}/", json={"label": label}).status_code == 200
        panel.page.get_by_text(label).first.wait_for()
        assert panel.page.evaluate("window.focused === document.activeElement && window.focused.isConnected")

    keeps("", "#latest-tasks a", "/htmx/tasks/latest/")
    keeps("", "article.worker [data-dialog*=abort]", "/card/")
    keeps("tasks/", f"#task-{task} button", f"/htmx/tasks/{task}/row/")
    keeps(f"tasks/{task}/", "#task-suspend", f"/htmx/tasks/{task}/now/")
    keeps(f"tasks/{task}/", "#log-search", f"/htmx/tasks/{task}/now/")
