"""The Worker Status section, walked through as a person would."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.panel import Panel

REFUSED = "status of 409"
STEPS = """
import time
for step in range(1, 1000):
    print(f"::steelyard progress {step / 1000} step {step}", flush=True)
    time.sleep(0.1)
"""
SAVES = """
import time
import steelyard_task as task
while not (task.checkpoint_dir() / "go").exists():
    time.sleep(0.01)
task.checkpointed()
time.sleep(600)
"""
IMAGE = "<img src=x onerror=alert(1)>"


def test_the_section_under_its_old_labels(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    panel = open_panel(sidecar)
    for label in ("Active Workers", "Maximum Capacity", "Memory Usage", "Job Queue"):
        assert panel.page.get_by_role("heading", name=label).is_visible()
    for button in ("Add Worker", "Drain Worker", "Clean up", "Refresh"):
        assert panel.page.get_by_role("button", name=button, exact=True).is_enabled()
    assert "No worker is running" in panel.text("#no-workers")
    assert "steelyard run" in panel.text("#latest-tasks")
    panel.page.get_by_role("navigation").get_by_role("link", name="Worker Status").click()
    assert panel.page.url.endswith("/#worker-status")


def test_a_worker_is_added_drained_and_cleaned_up(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    panel = open_panel(sidecar)
    panel.click("Add Worker")
    panel.notice("is starting")
    panel.cards("RUNNING").wait_for()
    card = panel.text("article.worker")
    for word in ("PID", "Memory", "CPU", "Last heartbeat", "Tasks done", "Tasks failed", "RUNNING"):
        assert word in card
    panel.eventually(lambda: panel.text("#worker-overview").startswith("ACTIVE WORKERS 1 1 running"))
    panel.click("Drain Worker")
    panel.notice("is draining")
    panel.cards("DEAD").wait_for()
    assert "drained by the user" in panel.text("article.worker")
    panel.click("Clean up")
    panel.notice("taken off the list: 1")
    panel.page.locator("#no-workers").wait_for()
    panel.expects("status of 404")
    panel.click("Drain Worker")
    panel.notice("There is no worker to drain.")


def test_the_queue_is_paused_and_resumed(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    panel.cards("RUNNING").wait_for()
    panel.click("Pause queue")
    panel.notice("The queue is paused: what runs goes on")
    panel.page.get_by_role("button", name="Resume queue").wait_for()
    assert "Paused: nothing new starts." in panel.text("#worker-overview")
    submit(sidecar, STEPS)
    panel.eventually(lambda: panel.text("[data-figure='queue.pending']") == "1")
    panel.eventually(lambda: "The queue is paused" in panel.text("#forecast"))
    with sidecar.client() as client:  # from elsewhere: the page follows
        client.post("/api/queue/resume/")
    panel.page.get_by_role("button", name="Pause queue").wait_for()
    panel.eventually(lambda: panel.text("[data-figure='queue.running']") == "1")


def test_a_task_on_its_card(start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    submit(sidecar, STEPS, label=IMAGE)
    task = panel.page.locator(".worker-task")
    task.wait_for()
    assert task.locator(".worker-task-name").inner_text() == IMAGE
    bar = task.locator("progress")
    seen = panel.eventually(lambda: bar.evaluate("bar => bar.hasAttribute('value') && bar.value"))
    panel.eventually(lambda: bar.evaluate("bar => bar.value") > seen)
    panel.eventually(lambda: "in " in task.locator("[data-figure=eta]").inner_text())
    assert "step" in panel.eventually(lambda: panel.text("#latest-tasks .tasks-why"))
    memory = panel.page.locator("article.worker [data-figure=memory]").inner_text()
    assert memory.endswith(("MiB", "GiB"))
    panel.eventually(
        lambda: " " in (panel.page.locator(".trend polyline").get_attribute("points") or "").strip()
    )
    assert panel.page.locator("img").count() == 0


def test_a_label_of_ten_thousand_characters(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    submit(sidecar, label="x" * 10_000)
    panel = open_panel(sidecar, viewport={"width": 390, "height": 844})
    panel.page.locator(".worker-task").wait_for()
    assert panel.overflow() <= 0
    panel.page.locator("[data-dialog*=abort]").click()
    box = panel.dialog("Abort worker").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_an_abort_says_what_is_lost_and_offers_to_queue_it_again(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    task_id = submit(sidecar, STEPS, label="net-zero 2050")
    panel.page.locator(".worker-task", has_text="%").wait_for()
    panel.page.locator("[data-dialog*=abort]").click()
    dialog = panel.dialog("Abort worker")
    said = dialog.inner_text()
    assert "net-zero 2050" in said and "All of its work is lost" in said and "none" in said and "%" in said
    dialog.get_by_role("button", name="Keep it").click()
    assert panel.cards("RUNNING").count() == 1
    panel.page.locator("[data-dialog*=abort]").click()
    panel.dialog("Abort worker").get_by_role("button", name="Abort", exact=True).click()
    after = panel.dialog("was aborted")
    panel.cards("DEAD").wait_for()
    after.get_by_role("button", name="Queue it again").click()
    panel.notice("in the queue again")
    panel.page.locator("#latest-tasks .task-READY").wait_for()
    with sidecar.client() as client:
        assert client.get(f"/api/tasks/{task_id}/").json()["state"] == "READY"


def test_the_age_of_a_checkpoint_is_seen_and_what_an_abort_would_lose(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    task_id = submit(sidecar, SAVES)
    saved = panel.page.locator(".worker-task [data-figure=checkpoint]")
    saved.filter(has_text="none yet").wait_for()
    (sidecar.data_dir / "tasks" / task_id / "checkpoint" / "go").touch()
    # The card is told of it, and its age runs on.
    saved.filter(has_text=re.compile(r"\d s ago")).wait_for()
    panel.page.locator("[data-dialog*=abort]").click()
    said = panel.dialog("Abort worker").inner_text()
    assert re.search(r"It loses \d+(\.\d)? s of work, what it did since that checkpoint", said)
    panel.page.keyboard.press("Escape")
    panel.open(f"{sidecar.record['url']}tasks/{task_id}/")
    panel.page.locator("#task-now [data-figure=checkpoint]", has_text="ago").wait_for()
    panel.page.locator("#task-cancel").click()
    assert re.search(r"It loses \d+(\.\d)? s of work", panel.dialog("Cancel this task").inner_text())


def test_two_tabs_abort_the_same_worker(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    one = open_panel(sidecar)
    two = open_panel(sidecar, beside=one)
    for panel in (one, two):
        panel.page.locator("[data-dialog*=abort]").click()
        panel.dialog("Abort worker")
    one.page.get_by_role("dialog").get_by_role("button", name="Abort", exact=True).click()
    one.notice("was aborted")
    two.expects(REFUSED)
    two.page.get_by_role("dialog").get_by_role("button", name="Abort", exact=True).click()
    two.notice("it has ended already")
    assert two.page.get_by_role("dialog").count() == 0
    two.cards("DEAD").wait_for()


def test_no_memory_for_another_worker(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle(WORKER_MEMORY_GUARD="64TiB")
    panel = open_panel(sidecar)
    panel.expects(REFUSED)
    panel.click("Add Worker")
    dialog = panel.dialog("Insufficient Memory Warning")
    said = dialog.inner_text()
    for word in ("64.0 MiB", "0 B are free", "crash", "slow", "other programs", "work may be lost"):
        assert word in said
    dialog.get_by_role("button", name="Cancel").click()
    assert panel.cards().count() == 0
    assert panel.page.evaluate("document.activeElement.id") == "add-worker"
    panel.click("Add Worker")
    panel.dialog("Insufficient Memory Warning").get_by_role("button", name="Start Anyway").click()
    panel.cards("RUNNING").wait_for()
    assert "forced" in panel.text("article.worker")


def test_no_core_and_no_place_for_another_worker(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar("--workers", "1", WORKER_CORES="1", WORKER_MAX_COUNT="2")
    panel = open_panel(sidecar)
    panel.expects(REFUSED)
    panel.click("Add Worker")
    panel.dialog("All cores are taken").get_by_role("button", name="Start Anyway").click()
    panel.eventually(lambda: panel.cards("RUNNING").count() == 2)
    panel.click("Add Worker")
    panel.notice("2 is the most (WORKER_MAX_COUNT)")
    assert panel.cards().count() == 2


def test_a_worker_that_crashed(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    pid = int(panel.page.locator("article.worker dd").first.inner_text())
    os.kill(pid, signal.SIGKILL)
    failed = panel.cards("FAILED")
    failed.wait_for()
    assert "ended by signal 9" in failed.inner_text()
    panel.cards("RUNNING").wait_for()
    failed.get_by_role("button", name="Open log").click()
    log = panel.dialog("Log of worker").locator("pre")
    assert log.inner_text().strip()
    panel.page.keyboard.press("Escape")
    assert panel.page.get_by_role("dialog").count() == 0


def test_a_badge_explains_itself_by_keyboard_and_stays_open(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    badge = panel.page.locator("article.worker .explain summary").first
    badge.focus()
    panel.page.keyboard.press("Enter")
    text = panel.page.locator("article.worker .explain-text").first
    assert "What to do" in text.inner_text()
    submit(sidecar)
    panel.page.locator(".worker-task").wait_for()
    assert text.is_visible()
    assert badge.evaluate("badge => badge === document.activeElement")
    panel.page.keyboard.press("Escape")
    assert not text.is_visible()
    assert badge.evaluate("badge => badge === document.activeElement")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_folded_section_asks_nothing_and_stays_folded(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit, width: int
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar, viewport={"width": width, "height": 844})
    beside = open_panel(sidecar, beside=panel)
    section = panel.page.locator("#worker-status")
    section.locator("> summary").click()
    panel.page.locator("#latest-tasks-section > summary").click()
    before = len(panel.asked)
    submit(sidecar)
    # What an open section has asked for by then, a folded one would have asked for as well.
    beside.page.locator(".worker-task").wait_for()
    beside.page.locator("#latest-tasks .task-RUNNING").wait_for()
    panel.is_at_rest()
    assert panel.asked_since(before) == []
    panel.page.reload()
    panel.is_live()
    assert not section.evaluate("section => section.open")
    section.locator("> summary").click()
    panel.page.locator(".worker-task").wait_for()
    assert panel.page.locator("#latest-tasks-section").evaluate("section => section.open") is False


def test_what_was_missed_while_folded_is_made_up_for(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel: Panel = open_panel(sidecar)
    panel.page.locator("#worker-status > summary").click()
    submit(sidecar, label="meanwhile")
    panel.page.locator("#latest-tasks .task-RUNNING").wait_for()
    panel.page.locator("#worker-status > summary").click()
    panel.page.locator(".worker-task", has_text="meanwhile").wait_for()
