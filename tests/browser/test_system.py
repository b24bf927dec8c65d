"""System: what is admitted and why, faults of simulations, and a diagnostics zip that holds no secret."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.test_looks import SIZES, violations
from tests.browser.test_tasks import go
from tests.browser.work import HOSTILE
from tests.helpers import api


def test_what_is_admitted_and_what_is_wrong(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar("--workers", "1", WORKER_MAX_COUNT="2")
    wrong = sidecar.data_dir / "simulations" / "wrong.toml"
    wrong.write_text(f'[simulation]\nname = "wrong"\ntitle = 7\nfoo = "{HOSTILE}"\n')
    panel = go(open_panel(sidecar), sidecar, "system/")
    assert "; the set maximum of 2 is what limits; 1 is there." in panel.text("#system-capacity")
    assert "WORKER_MAX_COUNT allows 2" in panel.text("#system-capacity")
    assert str(wrong) in panel.text(".faults") and "line 3" in panel.text(".faults")
    assert panel.page.locator("main img").count() == 0
    assert str(sidecar.data_dir) in panel.text("#system-paths")
    assert "starts as process" in panel.text("#system-log-text")
    with sidecar.client() as client:
        client.post("/api/workers/add/")
    panel.eventually(lambda: "2 are there" in panel.text("#system-capacity"))


def test_the_diagnostics_hold_no_secret(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    token = sidecar.record["token"]
    with sidecar.client() as client:
        api.ends(client, submit(sidecar, "print('private output')", label="named"))
        # As if a fault of ours had written it there.
        with (sidecar.data_dir / "logs" / "sidecar.log").open("a") as file:
            file.write(f"Authorization: Bearer {token}\n")
    panel = go(open_panel(sidecar), sidecar, "system/")
    with panel.page.expect_download() as download:
        panel.page.get_by_role("link", name="Download diagnostics").click()
    data = download.value.path().read_bytes()
    cookies = [cookie.get("value", "") for cookie in panel.page.context.cookies()]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"README.txt", "system.json", "preferences.json", "status.json", "events.json"} <= set(texts)
    whole = "".join(texts.values())
    assert token not in whole and not any(cookie in whole for cookie in cookies if cookie)
    assert "Bearer [token]" in texts["sidecar.log"]
    assert "private output" not in whole and "print(" not in whole
    assert json.loads(texts["preferences.json"])["sources"]["worker_cores"] == "environment"
    assert any(event["data"].get("state") == "SUCCEEDED" for event in json.loads(texts["events.json"]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_looks(start_sidecar: StartSidecar, open_panel: OpenPanel, scheme: str, size: str) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = open_panel(sidecar, color_scheme=scheme, viewport=SIZES[size], bypass_csp=True)
    go(panel, sidecar, "system/")
    assert panel.overflow() <= 0
    assert violations(panel.page) == []
    if size == "wide":
        panel.shoot(f"system-{scheme}")
