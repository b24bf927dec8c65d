"""A page follows by itself: within a tenth of a second, through outages, and only while somebody looks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import WebSocketRoute

from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.panel import Panel, sign_in_link
from tests.helpers.sidecar import RunningSidecar

NOBODY_THERE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "WebSocket connection to",
    "status of 401",
    "status of 503",
    "htmx:",
)
HIDE = """
hidden => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event("visibilitychange"));
}
"""
WATCH = """
() => {
  window.heard = [];
  window.changed = [];
  document.addEventListener("steelyard:task", () => window.heard.push(performance.now()));
  new MutationObserver(() => window.changed.push(performance.now()))
    .observe(document.getElementById("latest-tasks").parentElement,
             {childList: true, characterData: true, subtree: true});
}
"""
"""The observer's callback runs in the same task as the swap: before the next paint."""

POLLS = """
() => performance.getEntriesByType("resource")
  .filter(one => one.name.includes("latest")).map(one => one.startTime)
"""


def edit(sidecar: RunningSidecar, task_id: str, label: str) -> None:
    """A change that every page hears of."""
    with sidecar.client() as client:
        assert client.patch(f"/api/tasks/{task_id}/", json={"label": label}).status_code == 200


def test_an_event_reaches_the_screen(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    task_id = submit(sidecar)
    panel.page.locator("#latest-tasks .task-RUNNING").wait_for()
    panel.page.evaluate(WATCH)
    for number in range(9):
        before = panel.page.evaluate("[window.heard.length, window.changed.length]")
        edit(sidecar, task_id, f"named {number}")
        panel.page.locator("#latest-tasks .task-name", has_text=f"named {number}").wait_for()
        after = panel.page.evaluate("[window.heard.length, window.changed.length]")
        # It was heard, not found by polling. How fast: scripts/bench/pages.py.
        assert after[0] > before[0] and after[1] > before[1]


def test_a_storm_of_events_is_not_a_storm_of_requests(
    start_idle: StartSidecar, open_panel: OpenPanel
) -> None:
    sidecar = start_idle()
    panel = open_panel(sidecar)
    before = len(panel.asked)
    with sidecar.client() as client:
        for number in range(200):
            task = {"simulation": "command", "parameters": {"argv": ["true"]}, "label": f"task {number}"}
            assert client.post("/api/tasks/", json=task).status_code == 201
    panel.page.locator("#latest-tasks .task-name", has_text="task 199").wait_for()
    panel.eventually(lambda: panel.text("[data-figure='queue.pending']") == "200")
    assert len(panel.asked_since(before)) < 50


def test_a_hidden_page_asks_nothing_and_makes_up_for_it(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    beside = open_panel(sidecar, beside=panel)
    panel.page.evaluate(HIDE, True)
    panel.is_at_rest()
    before = len(panel.asked)
    submit(sidecar, label="while hidden")
    # What a page in sight has asked for by then, this one would have asked for as well.
    beside.page.locator(".worker-task", has_text="while hidden").wait_for()
    beside.page.locator("#latest-tasks .task-name", has_text="while hidden").wait_for()
    panel.is_at_rest()
    assert panel.asked_since(before) == []
    panel.page.evaluate(HIDE, False)
    panel.page.locator(".worker-task", has_text="while hidden").wait_for()
    panel.page.locator("#latest-tasks .task-name", has_text="while hidden").wait_for()


def test_topics_are_subscribed_while_somebody_sees_them(
    start_sidecar: StartSidecar, new_context: Callable[..., Any]
) -> None:
    sidecar = start_sidecar("--workers", "1")
    sent: list[str] = []
    panel = Panel(new_context())
    panel.page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(str(data))))
    panel.open(sign_in_link(sidecar))
    panel.eventually(lambda: any('"memory"' in one for one in sent))
    panel.page.locator("#worker-status > summary").click()
    panel.eventually(lambda: '"unsubscribe"' in sent[-1] and '"memory"' in sent[-1])
    panel.page.locator("#worker-status > summary").click()
    panel.eventually(lambda: sent[-1].startswith('{"subscribe":["memory","queue"]'))
    panel.page.evaluate(HIDE, True)
    panel.eventually(lambda: sent[-1].startswith('{"subscribe":[]'))
    assert panel.complaints == []


def test_without_the_websocket_it_polls(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    panel.expects("WebSocket connection to")
    open_ones: list[WebSocketRoute] = []

    def cut(socket: WebSocketRoute) -> None:
        open_ones.append(socket)
        socket.close(code=1011)

    panel.page.route_web_socket(lambda url: "/ws" in url, cut)
    panel.page.reload()
    panel.connection("reconnecting").wait_for()
    submit(sidecar, label="by polling")
    panel.page.locator("#latest-tasks .task-name", has_text="by polling").wait_for(timeout=15_000)
    panel.page.evaluate("performance.clearResourceTimings()")
    panel.eventually(lambda: len(panel.page.evaluate(POLLS)) >= 3, within=60)
    times = panel.page.evaluate(POLLS)
    # A busy machine makes a timer late, never early: 5 s apart by the page's own clock, less its rounding.
    assert all(later - earlier > 4_000 for earlier, later in itertools.pairwise(times))
    assert len(open_ones) >= 2


def test_a_sidecar_that_stops_and_comes_back(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    first = start_sidecar("--workers", "1")
    port = first.ready["port"]
    panel = open_panel(first)
    panel.expects(*NOBODY_THERE)
    first.terminate()
    panel.connection("stopped").wait_for()
    assert "Steelyard has stopped. Start it again" in panel.text("#outage")
    panel.click("Add Worker")
    panel.notice("does not answer")
    # On the same port the page is in the same place, but its session is none of the new sidecar's.
    second = start_sidecar("--workers", "1", "--port", str(port))
    panel.connection("foreign").wait_for()
    assert "Open the new sign-in link" in panel.text("#outage")
    beside = panel.page.context.new_page()
    beside.goto(sign_in_link(second))
    beside.close()
    panel.is_live()
    assert not panel.page.locator("#outage").is_visible()
    submit(second, label="after the restart")
    panel.page.locator(".worker-task", has_text="after the restart").wait_for()
    assert panel.cards("RUNNING").count() == 1


def test_a_notice_for_a_person(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    panel.page.evaluate(
        """text => document.dispatchEvent(new CustomEvent("steelyard:prompt", {detail: {prompt: {text}}}))""",
        "The computer slept 6 h 12 min <b>",
    )
    notice = panel.notice("The computer slept 6 h 12 min <b>")
    notice.get_by_role("button", name="Dismiss this notice").click()
    assert panel.page.locator(".notice").count() == 0


def test_a_notice_that_was_given_while_no_page_was_open(
    start_sidecar: StartSidecar, open_panel: OpenPanel, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "preferences.json").write_text("{ broken")
    panel = open_panel(start_sidecar("--workers", "1"))
    notice = panel.notice("preferences")
    panel.page.reload()
    notice.wait_for()
    notice.get_by_role("button", name="Dismiss this notice").click()
    panel.page.reload()
    panel.is_live()
    panel.is_at_rest()
    assert panel.page.locator(".notice").count() == 0
