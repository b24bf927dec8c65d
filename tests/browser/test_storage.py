"""A database that takes no changes is told at the top of every page, by itself, and gone when it is over."""

from __future__ import annotations

import sqlite3

from tests.browser.conftest import OpenPanel, StartSidecar
from tests.browser.test_tasks import go
from tests.helpers import api

ALERT = "#storage .alert"


def test_why_nothing_is_recorded_stands_on_every_page(
    start_sidecar: StartSidecar, open_panel: OpenPanel
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar)
    assert panel.page.locator(ALERT).count() == 0
    foreign = sqlite3.connect(sidecar.data_dir / "steelyard.db", isolation_level=None)
    foreign.execute("BEGIN EXCLUSIVE")
    with sidecar.client() as client:
        refused = client.post("/api/tasks/", json={"simulation": "command", "parameters": {"argv": ["true"]}})
        assert api.code(refused) == (507, "storage_full")
    panel.eventually(lambda: panel.page.locator(ALERT).count() == 1)
    assert "Another program holds Steelyard's database." in panel.text(ALERT)
    assert "Running tasks go on" in panel.text(ALERT)
    assert panel.page.locator(ALERT).is_visible()
    go(panel, sidecar, "tasks/")
    assert panel.page.locator(ALERT).is_visible()
    foreign.execute("COMMIT")
    foreign.close()
    panel.eventually(lambda: panel.page.locator(ALERT).count() == 0)
    panel.eventually(lambda: "Another program held the database" in panel.text("#notices"))
