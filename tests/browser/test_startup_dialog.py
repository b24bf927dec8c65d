"""The first page of a launch, with no worker there."""

from __future__ import annotations

from tests.browser.conftest import OpenPanel, StartSidecar, Submit, until

NO_ROOM = {"WORKER_MEMORY_GUARD": "64TiB"}
TITLE = "Insufficient Memory Warning"


def test_with_room_one_worker_is_started(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar()
    panel = open_panel(sidecar)
    panel.notice("there is room for one")
    panel.cards("RUNNING").wait_for()
    second = open_panel(sidecar, beside=panel)
    second.is_at_rest()
    assert second.cards().count() == 1


def test_without_room_a_person_is_asked_once(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar(**NO_ROOM)
    panel = open_panel(sidecar)
    dialog = panel.dialog(TITLE)
    said = dialog.inner_text()
    assert "64.0 MiB" in said and "0 B are free" in said and "crash" in said
    second = open_panel(sidecar, beside=panel)
    second.is_at_rest()
    assert second.page.get_by_role("dialog").count() == 0
    dialog.get_by_role("button", name="Run without workers").click()
    panel.notice("No worker was started")
    for tab in (panel, second):
        tab.page.reload()
        tab.is_live().is_at_rest()
        assert tab.page.get_by_role("dialog").count() == 0
        assert tab.cards().count() == 0


def test_a_worker_may_be_started_anyway(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar(**NO_ROOM)
    panel = open_panel(sidecar)
    panel.dialog(TITLE).get_by_role("button", name="Start anyway").click()
    panel.cards("RUNNING").wait_for()
    assert "forced" in panel.text("article.worker")


def test_the_dialog_names_the_runs_that_wait_to_be_resumed(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    first = start_sidecar("--workers", "1")
    task_id = submit(first, label="net-zero 2050")
    with first.client() as client:
        until(client, f"/api/tasks/{task_id}/", lambda task: task["state"] == "RUNNING")
    first.terminate()
    panel = open_panel(start_sidecar(**NO_ROOM))
    assert "net-zero 2050" in panel.dialog(TITLE).inner_text()
    panel.dialog(TITLE).get_by_role("button", name="Run without workers").click()
    panel.notice("No worker was started")
