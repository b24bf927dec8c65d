"""Preferences: change one, take it back, be refused, and find what the environment locks."""

from __future__ import annotations

import json

import pytest

from steelyard.settings.table import SETTINGS
from tests.browser.conftest import OpenPanel, StartSidecar
from tests.browser.test_looks import SIZES, violations
from tests.browser.test_tasks import go
from tests.browser.work import HOSTILE


def test_change_take_back_refuse_lock(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = go(open_panel(sidecar), sidecar, "preferences/")
    page = panel.page
    assert page.locator(".setting").count() == sum(not one.desktop for one in SETTINGS)
    cores = page.get_by_label("Cores", exact=True)
    assert cores.get_attribute("readonly") is not None and cores.input_value() == "8"
    assert "Locked: the environment says WORKER_CORES" in panel.text("#preference-worker_cores-source")
    page.get_by_label("Most workers").fill("2")
    page.get_by_label("Time limit of a task").fill("12h")
    page.get_by_label("Replace crashed workers").select_option("no")
    assert panel.text("#preferences-changed") == "3 changes not saved yet"
    panel.click("Save")
    panel.notice("Saved. It holds for workers that are started from now on.")
    stored = json.loads((sidecar.data_dir / "preferences.json").read_text())
    assert (stored["worker_max_count"], stored["replace_crashed_workers"]) == (2, False)
    assert page.get_by_label("Time limit of a task").input_value() == "12h"
    assert "Set here: 12 h" in panel.text("#preference-worker_task_timeout-source")

    panel.expects("status of 400")
    page.get_by_label("Most workers").fill("300")
    page.get_by_label("Queue", exact=True).fill("No Such Queue")
    panel.click("Save")
    message = page.locator("[data-field=worker_max_count] .form-error")
    message.wait_for()
    assert "0 to 256" in message.inner_text()
    assert page.locator("[data-field=worker_queue_name] .form-error").is_visible()
    page.get_by_label("Most workers").fill("")
    page.get_by_label("Queue", exact=True).fill("")
    panel.click("Save")
    panel.eventually(lambda: "Default" in panel.text("#preference-worker_max_count-source"))
    assert "worker_max_count" not in json.loads((sidecar.data_dir / "preferences.json").read_text())


def test_what_the_environment_fixes_is_refused_at_its_field(
    start_sidecar: StartSidecar, open_panel: OpenPanel
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = go(open_panel(sidecar), sidecar, "preferences/")
    panel.expects("status of 409")
    # As if the page were older than the environment.
    panel.page.evaluate("document.getElementById('preference-worker_cores').readOnly = false")
    panel.page.get_by_label("Cores", exact=True).fill("3")
    panel.click("Save")
    panel.page.locator("[data-field=worker_cores] .form-error").wait_for()


WRONG = ("-1", "1E999", "NaN", HOSTILE, "9" * 10_000, "\u0661\u0662", "{}")
"""What no setting that is typed in may be."""


def test_every_field_wrong(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = go(open_panel(sidecar), sidecar, "preferences/")
    panel.expects("status of 400")
    fields = panel.page.locator("#preferences input:not([readonly])")
    # Whatever a program is called may be on the PATH; that it is not shows when it is needed.
    typed = [one for one in fields.all() if one.get_attribute("name") != "python"]
    assert len(typed) > 10
    for text in WRONG:
        for one in typed:
            # The name of a queue may be of digits.
            fits = one.get_attribute("name") == "worker_queue_name" and text == "-1"
            one.fill("Not a queue" if fits else text)
        with panel.page.expect_response("**/api/preferences/"):
            panel.click("Save")
        panel.eventually(lambda: panel.page.locator(".form-error:visible").count() == len(typed))
        # What is found is told in short, whatever its length.
        assert max(len(one) for one in panel.page.locator(".form-error").all_inner_texts()) < 300
        assert panel.page.locator("main img").count() == 0 and panel.overflow() <= 0
    assert not (sidecar.data_dir / "preferences.json").exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_looks(start_sidecar: StartSidecar, open_panel: OpenPanel, scheme: str, size: str) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar, color_scheme=scheme, viewport=SIZES[size], bypass_csp=True)
    go(panel, sidecar, "preferences/")
    assert panel.overflow() <= 0
    assert violations(panel.page) == []
    if size == "wide":
        panel.shoot(f"preferences-{scheme}")
