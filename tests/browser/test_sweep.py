"""The page of a sweep: its table fills as tasks end, sorts, and is saved; its pictures stand side by side."""

from __future__ import annotations

import csv
import io

import pytest

from tests.browser.conftest import OpenPanel, StartSidecar, until
from tests.browser.test_looks import SIZES, violations
from tests.browser.test_tasks import go
from tests.helpers.sidecar import RunningSidecar

GRID = {"pathway": ["reference", "high-circularity"], "carbon_price_2050": [0, 300]}


def sweep(sidecar: RunningSidecar, **grid: object) -> str:
    """Queue one of the bundled simulation, at its coarsest."""
    body = {"simulation": "steel-pathway", "base": {"resolution": 1}, "grid": grid or GRID}
    with sidecar.client() as client:
        answer = client.post("/api/sweeps/", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sweep_id"])


def test_a_sweep_fills_and_sorts(start_sidecar: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_sidecar("--workers", "2")
    sweep_id = sweep(sidecar)
    panel = go(open_panel(sidecar), sidecar, f"sweeps/{sweep_id}/")
    page = panel.page
    assert page.locator("#sweep-table tbody tr").count() == 4
    assert "hydrogen_price_2050 1.5" in panel.text(".sweep-same")
    panel.eventually(lambda: "4 succeeded" in panel.text(".sweep-counts"), within=90)
    panel.eventually(lambda: page.get_by_role("link", name="emissions_2050_mt").is_visible())
    page.get_by_role("link", name="carbon_price_2050", exact=True).click()
    page.wait_for_url("**/?sort=carbon_price_2050")
    prices = page.locator("#sweep-table tbody td:nth-child(4)")
    assert prices.all_inner_texts() == ["0", "0", "300", "300"]
    page.get_by_role("link", name="carbon_price_2050", exact=True).click()
    # Rows can be read before the page has its styles, and a heading then reads in capitals.
    page.wait_for_url("**/?sort=-carbon_price_2050")
    assert prices.all_inner_texts() == ["300", "300", "0", "0"]
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("carbon_price_2050")

    panel.eventually(lambda: page.locator(".gallery img").count() == 4, within=30)
    page.get_by_label("Picture").select_option("emissions.png")
    panel.eventually(lambda: page.locator('.gallery img[alt^="emissions.png of"]').count() == 4)
    first = page.locator(".gallery img").first
    first.scroll_into_view_if_needed()
    panel.eventually(lambda: first.evaluate("one => one.naturalWidth") > 100)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["carbon_price_2050"] for row in rows] == ["0", "300", "0", "300"]
    assert all(float(row["emissions_2050_mt"]) > 0 for row in rows)


def test_a_large_sweep_is_cut_and_its_csv_is_not(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    sweep_id = sweep(sidecar, carbon_price_2050=[n / 10 for n in range(1500)])
    with sidecar.client() as client:
        assert len(client.get(f"/sweeps/{sweep_id}/table.csv").text.splitlines()) == 1501
        assert client.get("/sweeps/none/").status_code == 404
    panel = go(open_panel(sidecar), sidecar, f"sweeps/{sweep_id}/")
    assert panel.page.locator("#sweep-table tbody tr").count() == 1000
    assert "the CSV file has all" in panel.text(".sweep-counts") and "No numbers yet" in panel.text(
        "#sweep-table"
    )
    assert "No picture yet" in panel.text("#sweep-pictures")


def test_a_sweep_has_its_name_and_is_cancelled_and_retried_as_a_whole(
    start_sidecar: StartSidecar, open_panel: OpenPanel
) -> None:
    sidecar = start_sidecar("--workers", "1")
    body = {
        "simulation": "command",
        "name": "Who sleeps longest",
        "key": "sleepers",
        "grid": {"argv": [["false"], ["sleep", "600"], ["sleep", "601"]]},
        "attempts": 1,
        "memory": "16MiB",
    }
    with sidecar.client() as client:
        sweep_id = client.post("/api/sweeps/", json=body).json()["sweep_id"]

        def stands(**counts: int) -> None:
            until(
                client,
                f"/api/sweeps/{sweep_id}/",
                lambda found: all(found["counts"][state] == count for state, count in counts.items()),
                within=60,
            )

        stands(FAILED=1, RUNNING=1, READY=1)
        panel = go(open_panel(sidecar), sidecar, f"sweeps/{sweep_id}/")
        page = panel.page
        assert panel.text("h1") == "Who sleeps longest" and "Who sleeps longest" in page.title()
        assert panel.text("#sweep-key") == "key sleepers"

        page.locator("#sweep-cancel").click()
        facts = page.locator("#dialog .facts dd")
        panel.eventually(lambda: facts.all_inner_texts() == ["Who sleeps longest", "1", "1", "1"])
        assert "of work is lost" in panel.text("#dialog")
        page.get_by_role("button", name="Let it run").click()
        stands(FAILED=1, RUNNING=1, READY=1)
        page.locator("#sweep-cancel").click()
        page.get_by_role("button", name="Cancel the sweep").click()
        stands(FAILED=1, CANCELLED=2)
        panel.eventually(lambda: not page.locator("#sweep-cancel").is_visible())

        page.locator("#sweep-retry").click()
        panel.eventually(lambda: facts.all_inner_texts() == ["Who sleeps longest", "1", "2"])
        page.get_by_role("button", name="Retry the failed").click()
        until(client, f"/api/sweeps/{sweep_id}/", lambda found: found["counts"]["FAILED"] == 1)
        page.locator("#sweep-retry").click()
        page.get_by_role("button", name="Retry all").click()
        stands(FAILED=1, RUNNING=1, READY=1)
        panel.eventually(lambda: page.locator("#sweep-cancel").is_visible())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_looks(start_sidecar: StartSidecar, open_panel: OpenPanel, scheme: str, size: str) -> None:
    sidecar = start_sidecar("--workers", "2")
    sweep_id = sweep(sidecar)
    with sidecar.client() as client:
        until(client, "/api/tasks/?state=SUCCEEDED", lambda found: found["total"] == 4, within=90)
    panel = open_panel(sidecar, color_scheme=scheme, viewport=SIZES[size], bypass_csp=True)
    go(panel, sidecar, f"sweeps/{sweep_id}/?sort=carbon_price_2050")
    panel.see_pictures(panel.page.locator(".gallery img"))
    assert panel.overflow() <= 0
    assert violations(panel.page) == []
    if size == "wide":
        panel.shoot(f"sweep-{scheme}")
