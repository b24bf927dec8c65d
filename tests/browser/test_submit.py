"""Submit: one task, a grid, a list; every field wrong; and the form of a simulation with odd parameters."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import OpenPanel, StartSidecar
from tests.browser.panel import Panel
from tests.browser.test_looks import SIZES, violations
from tests.browser.test_tasks import go
from tests.browser.work import HOSTILE

FORM = "submit/?simulation=steel-pathway"
STATIC = Path(__file__).resolve().parents[2] / "backend" / "steelyard" / "web" / "static"

ODD = """
[simulation]
name = "odd"
title = "<img src=x onerror=alert(1)>"
command = ["{python}", "-c", "print(1)"]
[parameters.rows]
type = "array"
items = {type = "number"}
default = [1, 2]
[parameters.fast]
title = "Fast"
type = "boolean"
default = false
[parameters.name]
type = "string"
description = "<b>Whatever</b> it is called."
maxLength = 5
"""


def field(panel: Panel, name: str) -> Locator:
    """A parameter's or an option's whole field."""
    return panel.page.locator(f"[data-field={name}]")


def vary(panel: Panel, name: str, values: str) -> None:
    """Several values of a parameter."""
    field(panel, name).locator("[data-vary]").check()
    field(panel, name).locator("[data-many]").fill(values)


def test_one_task(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    panel = go(open_panel(sidecar), sidecar, "submit/")
    panel.page.get_by_role("link", name="Steel pathway").click()
    page = panel.is_live().page
    price = field(panel, "carbon_price_2050")
    assert "in USD/t CO2" in price.inner_text() and "0 to 500 USD/t CO2" in price.inner_text()
    assert "Default: 150" in price.inner_text()
    assert "192 MiB, as the simulation declares" in field(panel, "memory").inner_text()
    assert "It usually takes" not in panel.text("form")
    price.get_by_role("textbox").first.fill("200")
    page.get_by_label("Label").fill(HOSTILE)
    page.get_by_label("low", exact=True).check()
    page.get_by_label("Memory of one task").fill("1.5 GiB")
    page.get_by_label("Time limit").fill("90m")
    page.get_by_label("Attempts").fill("2")
    page.get_by_text("Tags, queue, start").click()
    page.get_by_label("Tags").fill("paper, draft")
    panel.click("Submit 1 task")
    page.wait_for_url(re.compile(r"/tasks/\w+/"))
    with sidecar.client() as client:
        task = client.get("/api/tasks/").json()["tasks"][0]
    assert task["parameters"]["carbon_price_2050"] == 200 and task["label"] == HOSTILE
    assert (task["priority"], task["max_attempts"], task["timeout"]) == (-10, 2, 5400)
    assert task["memory"]["claim"] == 3 * 2**29 and task["tags"] == ["paper", "draft"]


def test_a_grid_and_a_list(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    panel = go(open_panel(sidecar), sidecar, FORM)
    page = panel.page
    field(panel, "pathway").locator("[data-vary]").check()
    assert panel.text("#submit-count") == "1 task: 1 of pathway"
    field(panel, "pathway").get_by_label("high-circularity").check()
    vary(panel, "carbon_price_2050", "0:300:150")
    assert panel.text("#submit-count") == "6 tasks: 2 of pathway, 3 of carbon_price_2050"
    page.get_by_label("Line by line").check()
    assert "each needs as many values" in panel.text("#submit-count")
    panel.click("Submit")
    assert "pathway has 2, carbon_price_2050 has 3" in panel.text(".form-trouble")
    page.get_by_label("Every combination").check()
    panel.click("Submit 6 tasks")
    page.wait_for_url(re.compile(r"/sweeps/\w+/"))
    assert page.locator("#sweep-table tbody tr").count() == 6

    go(panel, sidecar, FORM)
    vary(panel, "carbon_price_2050", "50, 100")
    vary(panel, "discount_rate", "0.03\n0.08")
    page.get_by_label("Line by line").check()
    panel.click("Submit 2 tasks")
    page.wait_for_url(re.compile(r"/sweeps/\w+/"))
    with sidecar.client() as client:
        rows = [task["parameters"] for task in client.get("/api/tasks/?limit=2").json()["tasks"]]
    assert sorted((row["carbon_price_2050"], row["discount_rate"]) for row in rows) == [
        (50, 0.03),
        (100, 0.08),
    ]


def test_every_field_wrong(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    panel = go(open_panel(sidecar), sidecar, FORM)
    panel.expects("status of 422", "status of 400", "status of 409")
    page = panel.page

    def submit_and_see(name: str, words: str) -> None:
        panel.click("Submit 1 task")
        message = field(panel, name).locator(".form-error")
        message.wait_for()
        assert words in message.inner_text(), message.inner_text()
        assert name not in message.inner_text(), "it stands at its field already"

    for name, text in (("carbon_price_2050", "600"), ("discount_rate", HOSTILE), ("resolution", "2.5")):
        field(panel, name).locator("[data-one]").fill(text)
    submit_and_see("carbon_price_2050", "at most 500")
    assert page.locator(".form-error").count() == 3 and page.locator("main img").count() == 0
    assert "expected integer" in field(panel, "resolution").locator(".form-error").inner_text()
    focused = "document.activeElement.closest('[data-field]').dataset.field"
    assert page.evaluate(focused) == "carbon_price_2050"
    for name, text in (("carbon_price_2050", "100"), ("discount_rate", ""), ("resolution", "1")):
        field(panel, name).locator("[data-one]").fill(text)
    for label, name, wrong, words in (
        ("Memory of one task", "memory", "much", "a number with a unit"),
        ("Time limit", "timeout", "-5", "not negative"),
        ("Attempts", "attempts", "1000", "100"),
        ("Priority as a number", "priority", "101", "100"),
    ):
        box = page.get_by_label(label)
        box.fill(wrong)
        submit_and_see(name, words)
        box.fill("")
    page.get_by_label("Memory of one task").fill("50 TiB")
    submit_and_see("memory", "will never fit")
    panel.click("Submit all the same")
    page.wait_for_url(re.compile(r"/tasks/\w+/"))
    with sidecar.client() as client:
        assert client.get("/api/tasks/").json()["total"] == 1


def test_every_value_of_a_sweep_wrong(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    panel = go(open_panel(sidecar), sidecar, FORM)
    panel.expects("status of 422", "status of 409")
    price = field(panel, "carbon_price_2050")
    for text, words in (
        ("", "has none yet"),
        (" ,; ", "has none yet"),
        ("1:1e9:1", "At most 10000 tasks"),
        ("0:500:1e-9", "At most 10000 tasks"),
    ):
        vary(panel, "carbon_price_2050", text)
        assert words in panel.text("#submit-count") and panel.text("#submit-button") == "Submit"
        panel.click("Submit")
        assert words in panel.text(".form-trouble")
    for text, words in (
        ("100, 501", "at most 500, found 501"),
        ("100, -1", "at least 0, found -1"),
        ("1:2", 'expected number, found "1:2"'),
        ("0:500:0", 'expected number, found "0:500:0"'),
        ("x" * 10_000, 'expected number, found "xxx'),
        (HOSTILE, 'expected number, found "<img"'),
    ):
        vary(panel, "carbon_price_2050", text)
        panel.page.locator("#submit-button").click()
        price.locator(".form-error", has_text=words).wait_for()
        assert panel.page.locator("main img").count() == 0 and panel.overflow() <= 0
    vary(panel, "carbon_price_2050", "100, 200")
    panel.page.get_by_label("Memory of one task").fill("50 TiB")
    panel.click("Submit 2 tasks")
    message = field(panel, "memory").locator(".form-error", has_text="will never fit")
    message.wait_for()
    assert (
        message.inner_text().startswith("50.0 TiB") and not panel.page.locator(".form-trouble").is_visible()
    )
    with sidecar.client() as client:
        assert client.get("/api/tasks/").json()["total"] == 0


def test_odd_parameters_and_hostile_words(start_idle: StartSidecar, open_panel: OpenPanel) -> None:
    sidecar = start_idle()
    (sidecar.data_dir / "simulations" / "odd.toml").write_text(ODD)
    (sidecar.data_dir / "simulations" / "wrong.toml").write_text("[simulation]\nname = 7\n")
    panel = go(open_panel(sidecar), sidecar, "submit/")
    panel.expects("status of 422")
    assert "faults in simulation files" in panel.text("main")
    panel.page.get_by_role("link", name=HOSTILE).click()
    panel.is_live()
    assert panel.text("h1") == HOSTILE and panel.page.locator("main img, form b").count() == 0
    panel.page.get_by_label("rows").fill('[1, "two"]')
    panel.page.get_by_label("name required").fill("ok")
    panel.click("Submit 1 task")
    field(panel, "rows").get_by_text('rows.1: expected number, found "two"').wait_for()
    panel.page.get_by_label("rows").fill("[1, 2")
    panel.page.get_by_label("name required").fill("too long")
    panel.click("Submit 1 task")
    field(panel, "rows").locator(".form-error").wait_for()
    assert field(panel, "name").locator(".form-error").is_visible()
    panel.page.get_by_label("rows").fill("[3]")
    panel.page.get_by_label("name required").fill("ok")
    field(panel, "fast").locator("[data-vary]").check()
    field(panel, "fast").get_by_label("yes").check()
    panel.click("Submit 2 tasks")
    panel.page.wait_for_url(re.compile(r"/sweeps/\w+/"))
    with sidecar.client() as client:
        found = [task["parameters"] for task in client.get("/api/tasks/").json()["tasks"]]
    assert sorted(one["fast"] for one in found) == [False, True] and found[0]["rows"] == [3]


def test_values_from_text(tmp_path: Path) -> None:
    program = tmp_path / "values.mjs"
    program.write_text(
        f"import {{ oneOf, valuesOf, plan }} from {json.dumps((STATIC / 'submit_values.js').as_uri())};\n"
        "globalThis.document = { addEventListener() {} };\n"
        "console.log(JSON.stringify([valuesOf('number', '0:0.5:0.1'), valuesOf('number', '1, 2;3 x'),"
        " valuesOf('number', '5:1:1').length, valuesOf('text', 'a, b\\nc\\n'),"
        " oneOf('variables', 'A=1=2\\nB'),"
        " oneOf('lines', 'a b\\n\\nc\\n'), oneOf('integer', '−3'),"
        " oneOf('integer', '9007199254740993'), oneOf('json', '1e999'), oneOf('json', '{\"a\":1}') ,"
        " plan({}, new Map([['a', Array(200).fill(1)], ['b', Array(200).fill(1)]]), 'grid').trouble]));\n"
    )
    (tmp_path / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(["node", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        [0, 0.1, 0.2, 0.3, 0.4, 0.5], [1, 2, 3, "x"], 1, ["a, b", "c"], {"A": "1=2", "B": None},
        ["a b", "", "c"], -3, "9007199254740993", "1e999", {"a": 1},
        "At most 10000 tasks can be submitted at once.",
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_looks(start_idle: StartSidecar, open_panel: OpenPanel, scheme: str, size: str) -> None:
    sidecar = start_idle()
    panel = open_panel(sidecar, color_scheme=scheme, viewport=SIZES[size], bypass_csp=True)
    go(panel, sidecar, "submit/")
    assert panel.overflow() <= 0 and violations(panel.page) == []
    go(panel, sidecar, "submit/?simulation=command")
    assert panel.overflow() <= 0 and violations(panel.page) == []
    go(panel, sidecar, FORM)
    field(panel, "pathway").locator("[data-vary]").check()
    field(panel, "pathway").get_by_label("high-circularity").check()
    vary(panel, "carbon_price_2050", "0, 150, 300")
    field(panel, "discount_rate").locator("[data-one]").fill("0.5")
    panel.expects("status of 422")
    panel.click("Submit 6 tasks")
    field(panel, "discount_rate").locator(".form-error").wait_for()
    assert panel.overflow() <= 0 and violations(panel.page) == []
    if size == "wide":
        panel.shoot(f"submit-{scheme}")
