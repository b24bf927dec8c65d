"""The list of tasks: a person filters, searches, turns pages, cancels, and watches rows change."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Route

from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.panel import Panel
from tests.browser.test_looks import SIZES, violations
from tests.browser.work import HOSTILE, YEARS
from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar

LONG = HOSTILE + " a label of ten thousand characters" * 285


def go(panel: Panel, sidecar: RunningSidecar, path: str) -> Panel:
    """Another page of the same sidecar."""
    return panel.open(f"{sidecar.record['url']}{path}")


def names(panel: Panel) -> list[str]:
    """What the rows are called, from the top."""
    return [name.strip() for name in panel.page.locator("#tasks-list .task-name").all_inner_texts()]


def batch(sidecar: RunningSidecar, tasks: list[dict[str, Any]]) -> None:
    with sidecar.client() as client:
        assert client.post("/api/tasks/batch/", json={"tasks": tasks}).status_code == 201


def waiting(label: str, **more: Any) -> dict[str, Any]:
    return {"simulation": "command", "parameters": {"argv": ["true"]}, "label": label, **more}


def test_an_empty_list_says_what_to_do(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = go(open_panel(sidecar), sidecar, "tasks/")
    assert "No task yet" in panel.text("#tasks-list")
    panel.page.locator("#tasks-list").get_by_role("link", name="Submit one").click()
    panel.page.get_by_role("heading", name="Submit", exact=True).wait_for()


def test_filters_search_and_pages(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    batch(sidecar, [waiting(f"run {n}", tags=["odd"] if n % 2 else []) for n in range(60)])
    with sidecar.client() as client:
        task_id = client.get("/api/tasks/?q=run 7").json()["tasks"][0]["task_id"]
        client.post(f"/api/tasks/{task_id}/cancel/")
    panel = go(open_panel(sidecar), sidecar, "tasks/")
    assert names(panel)[:2] == ["run 59", "run 58"] and len(names(panel)) == 50
    assert "waits for a worker: none serves the queue" in panel.text("#tasks-list tbody tr")
    panel.page.get_by_role("link", name="Older tasks").click()
    panel.eventually(lambda: names(panel)[-1:] == ["run 0"])
    panel.page.get_by_role("link", name="Newest tasks").click()
    panel.eventually(lambda: names(panel)[0:1] == ["run 59"])

    panel.page.get_by_label("Search").fill("run 7")
    panel.eventually(lambda: names(panel) == ["run 7"])
    assert panel.page.url.endswith("/tasks/?q=run+7")
    assert panel.page.get_by_label("Search").evaluate("field => field === document.activeElement")
    panel.page.get_by_label("Search").fill("")
    panel.page.get_by_label("State").select_option("CANCELLED")
    panel.eventually(lambda: names(panel) == ["run 7"])
    panel.page.get_by_label("State").select_option("")
    panel.page.get_by_label("Tag").fill("odd")
    panel.eventually(lambda: "30 tasks found" in panel.text(".list-count"))
    panel.page.reload()
    assert panel.page.get_by_label("Tag").input_value() == "odd"
    panel.page.get_by_label("Tag").fill("nobody has this")
    panel.eventually(lambda: "No task fits these filters" in panel.text("#tasks-list"))
    panel.page.locator(".list-head").get_by_role("link", name="Show all tasks").click()
    panel.eventually(lambda: len(names(panel)) == 50)


def test_a_filter_is_not_undone_by_what_was_asked_before_it(
    start_idle: StartSidecar, open_panel: OpenPanel
) -> None:
    sidecar = start_idle()
    batch(sidecar, [waiting(f"run {n}") for n in range(5)])
    panel = go(open_panel(sidecar), sidecar, "tasks/")
    late: list[Route] = []
    panel.page.route(re.compile(r"/htmx/tasks/list/$"), lambda route: late.append(route))
    batch(sidecar, [waiting("run 5")])
    panel.eventually(lambda: late)
    panel.page.get_by_label("Search").fill("run 3")
    panel.eventually(lambda: names(panel) == ["run 3"])
    late[0].continue_()
    panel.is_at_rest()
    assert names(panel) == ["run 3"]


def test_a_filter_that_is_typed_before_the_scripts_are_there_counts(
    start_idle: StartSidecar, open_panel: OpenPanel
) -> None:
    sidecar = start_idle()
    batch(sidecar, [waiting(f"run {n}") for n in range(5)])
    panel = go(open_panel(sidecar), sidecar, "tasks/")
    held: list[Route] = []
    panel.page.route(re.compile(r"/static/tasks\.js"), lambda route: held.append(route))
    panel.page.goto(f"{sidecar.record['url']}tasks/", wait_until="commit")
    panel.page.get_by_label("Search").fill("run 3")
    panel.eventually(lambda: held)
    assert len(names(panel)) == 5
    held[0].continue_()
    panel.eventually(lambda: names(panel) == ["run 3"])


def test_only_rows_that_change_are_fetched(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    running = submit(sidecar, YEARS, label="it runs")
    later = submit(sidecar, label="it waits", priority=-5)
    panel = go(open_panel(sidecar), sidecar, "tasks/")
    row = panel.page.locator(f"#task-{running}")
    row.locator(".task-RUNNING").wait_for()
    panel.eventually(
        lambda: "year 20" in row.inner_text() and "%" in row.locator(".tasks-progress").inner_text()
    )
    panel.is_at_rest()
    asked = len(panel.asked)
    panel.page.locator(f"#task-{later}").get_by_role("button", name="Cancel it waits").click()
    panel.page.locator(f"#task-{later} .task-CANCELLED").wait_for()
    own = [one for one in panel.asked_since(asked) if one.startswith("GET /htmx/tasks/")]
    # The event fetches this row; the button, as every button does, asks once for what no event tells.
    assert f"GET /htmx/tasks/{later}/row/" in own and len(own) <= 3
    new = submit(sidecar, label="a new one")
    panel.page.locator(f"#task-{new}").wait_for()

    row.get_by_role("button", name="Cancel it runs").click()
    dialog = panel.dialog("Cancel this task?")
    assert "All of its work is lost" in dialog.inner_text()
    dialog.get_by_role("button", name="Cancel the task").click()
    row.locator(".task-CANCELLED").wait_for()
    assert "it was cancelled" in row.inner_text()
    row.get_by_role("button", name="Retry it runs").click()
    panel.notice("in the queue again")


def test_a_hundred_thousand_tasks(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    panel = go(open_panel(sidecar), sidecar, "tasks/")
    for first in range(0, 100_000, 10_000):
        batch(sidecar, [waiting(f"scenario {n}") for n in range(first, first + 10_000)])
    panel.eventually(lambda: "100 000" in panel.text(".list-count"), within=60)
    panel.page.get_by_label("Search").fill("scenario 99999")
    panel.eventually(lambda: names(panel) == ["scenario 99999"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_looks(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit, scheme: str, size: str
) -> None:
    sidecar = start_sidecar("--workers", "2")
    with sidecar.client() as client:
        api.ends(client, submit(sidecar, "print('done')", label="calibration 2020"))
        api.ends(client, submit(sidecar, "raise SystemExit(7)", label="net-zero, no scrap", attempts=1))
        first = submit(sidecar, YEARS, label="reference, carbon price 0")
        submit(sidecar, YEARS, label="reference, carbon price 200")
        submit(sidecar, label=LONG[:10_000], memory="60GiB", force=True)
        submit(sidecar, label="when the others are done", after=[first])
        api.reaches(client, first, "RUNNING")
    panel = open_panel(sidecar, color_scheme=scheme, viewport=SIZES[size], bypass_csp=True)
    go(panel, sidecar, "tasks/")
    panel.eventually(lambda: "in " in panel.text(f"#task-{first} .tasks-done"))
    assert panel.page.locator("main img").count() == 0 and panel.overflow() <= 0
    assert violations(panel.page) == []
    panel.shoot(f"tasks-{scheme}-{size}")
