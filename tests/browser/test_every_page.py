"""Every page there is: one that is added is looked at as well, without being named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from steelyard.web.app import all_routes
from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.test_looks import SIZES, violations
from tests.browser.test_tasks import go

NO_PAGES = ("/api/", "/htmx/", "/static/", "/sign-in/", "/workers/tick/")
OTHER_NAMES = {"/admin/"}
"""Sends the reader on to another page."""


def pages() -> list[str]:
    """The paths of all pages, as the routes have them."""
    hub = SimpleNamespace(serve=lambda socket: None)
    paths = [getattr(route, "path", "") for route in all_routes(cast(Any, hub))]
    return [path for path in paths if path.endswith("/") and not path.startswith(NO_PAGES)]


def test_the_list_is_not_empty() -> None:
    assert {"/", "/tasks/", "/tasks/{task_id}/", "/sweeps/{sweep_id}/", "/system/"} <= set(pages())


@pytest.mark.parametrize(("size", "scheme"), [("wide", "dark"), ("narrow", "light")])
def test_everybody_can_use_it(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit, scheme: str, size: str
) -> None:
    sidecar = start_sidecar("--workers", "1")
    with sidecar.client() as client:
        body = {"simulation": "command", "grid": {"argv": [["true"], ["false"]]}}
        answer = client.post("/api/sweeps/", json=body)
        assert answer.status_code == 201, answer.text
        sweep_id = answer.json()["sweep_id"]
    ids = {
        "task_id": submit(sidecar, label="<img src=x onerror=alert(1)>" + 1_900 * "wide "),
        "sweep_id": sweep_id,
    }
    panel = open_panel(sidecar, color_scheme=scheme, viewport=SIZES[size], bypass_csp=True)
    for path in sorted(set(pages()) - OTHER_NAMES):
        go(panel, sidecar, path.lstrip("/").format(**ids))
        assert panel.page.locator("h1, h2").count() > 0, path
        assert panel.overflow() <= 0, path
        assert violations(panel.page) == [], path
