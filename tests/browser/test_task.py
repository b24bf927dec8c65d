"""One task's page: its output as it comes, its files whatever they are, and what can be done with it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.conftest import OpenPanel, StartSidecar, Submit, until
from tests.browser.test_looks import SIZES, violations
from tests.browser.test_tasks import LONG, go
from tests.browser.work import HOSTILE, OUTPUT, YEARS, files
from tests.helpers import api
from tests.unit.machine.test_mark_lines import CASES

STATIC = Path(__file__).resolve().parents[2] / "backend" / "steelyard" / "web" / "static"
LINES = "for n in range(40_000): print(f'line {n:06} of a long output, to be read in windows')"
BARS = """
import os, time
def draw(title, done, total, end=""):
    share = f"{100 * done // total:3d}%|###       | {done}/{total}"
    print(f"\\r{title}: {share} [00:01<00:02, 1.00it/s]", end=end, flush=True)
draw("Load", 2, 8)
while not os.path.exists(GO):
    time.sleep(0.1)
draw("Load", 8, 8, end="\\n")
draw("Solve", 1, 10)
time.sleep(120)
"""
FOLLOWED = (
    "import time\nprint('begun', flush=True)\nfor n in range(400):\n    print(f'tick {n}', flush=True)\n"
)


def test_a_run_from_start_to_end(start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit) -> None:
    sidecar = start_sidecar("--workers", "1")
    first = submit(sidecar, YEARS, label="it runs")
    waits = submit(sidecar, label="it waits")
    panel = go(open_panel(sidecar), sidecar, f"tasks/{waits}/")
    assert "waits for a free worker" in panel.text(".task-why")
    panel.eventually(lambda: "has printed nothing yet" in panel.text("#log-range"))
    assert "It has not begun yet" in panel.text("#task-attempts")
    go(panel, sidecar, f"tasks/{first}/")
    panel.eventually(lambda: "year 2021" in panel.text("#log-text"))
    panel.eventually(
        lambda: "year 20" in panel.text(".task-message") and "in " in panel.text("[data-figure=eta]")
    )
    panel.click("Suspend")
    panel.page.locator(".task-now .flag-suspended").wait_for()
    panel.click("Resume")
    panel.page.locator(".task-now .flag-suspended").wait_for(state="detached")
    panel.click("Priority, label, tags")
    dialog = panel.dialog("Change this task")
    panel.expects("status of 400")
    dialog.get_by_label("Priority").fill("500")
    dialog.get_by_role("button", name="Save").click()
    dialog.locator(".field[data-field=priority] .form-error").wait_for()
    dialog.get_by_label("Priority").fill("−5")
    dialog.get_by_label("Label").fill("renamed")
    dialog.get_by_label("Tags").fill("paper, draft")
    dialog.get_by_role("button", name="Save").click()
    panel.eventually(lambda: panel.text("h1") == "renamed" and "paper, draft" in panel.text(".task-facts"))
    panel.click("Cancel")
    panel.dialog("Cancel this task?").get_by_role("button", name="Cancel the task").click()
    panel.page.locator(".task-now .task-CANCELLED").wait_for()
    assert "It was cancelled" in panel.text(".task-why")
    panel.eventually(lambda: "Evidence:" in panel.text("#attempt-1"))
    panel.click("Retry")
    panel.page.locator(".task-now .task-READY").wait_for()
    assert "It had 1 attempt already" in panel.text(".task-why")


def test_progress_that_is_not_known_any_more(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit, tmp_path: Path
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, f"GO = {str(tmp_path / 'go')!r}\n{BARS}")
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    panel.eventually(lambda: panel.text(".task-percent") == "25 %")
    assert panel.page.locator(".task-bar progress").get_attribute("value") == "0.25"
    (tmp_path / "go").touch()
    panel.eventually(lambda: panel.text(".task-percent") == "progress not known")
    assert panel.page.locator(".task-bar progress").get_attribute("value") is None
    assert panel.text(".task-message") == "Solve 10 %, bar 2"
    go(panel, sidecar, "")
    panel.eventually(lambda: "progress not known" in panel.text(".worker-task-figures"))


def test_the_lines_for_us_are_shown_when_they_are_asked_for(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    panel = go(open_panel(sidecar), sidecar, f"tasks/{submit(sidecar, YEARS)}/")
    panel.eventually(lambda: "year 2022" in panel.text("#log-text"))
    assert "::steelyard" not in panel.text("#log-text")
    panel.page.get_by_label("Progress lines").check()
    panel.eventually(lambda: "::steelyard progress" in panel.text("#log-text"))
    panel.page.get_by_label("Progress lines").uncheck()
    panel.eventually(lambda: "::steelyard" not in panel.text("#log-text"))
    assert "year 2022" in panel.text("#log-text")


def test_the_page_leaves_out_what_the_server_does(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    program = tmp_path / "marks.mjs"
    program.write_text(
        f"import {{ withoutMarks }} from {json.dumps((STATIC / 'terminal.js').as_uri())};\n"
        f"console.log(JSON.stringify({json.dumps([text for text, _ in CASES])}.map(withoutMarks)));\n"
    )
    done = subprocess.run(["node", program], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [shown for _, shown in CASES], done.stderr


def test_output_is_text_and_is_followed(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, OUTPUT + FOLLOWED + "    time.sleep(0.1)\n")
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    panel.eventually(lambda: "tick 15" in panel.text("#log-text"))
    text = panel.page.locator("#log-text").inner_text()
    assert HOSTILE in text and "red and plain" in text and "x" * 10_000 in text
    assert "100 % of the bar" in text and "50 %" not in text
    assert panel.page.locator("main img").count() == 0
    at_end = (
        "document.querySelector('#log-text').scrollTop + document.querySelector('#log-text').clientHeight"
    )
    panel.eventually(
        lambda: panel.page.evaluate(f"{at_end} >= document.querySelector('#log-text').scrollHeight - 30")
    )
    lines = panel.page.locator("#log-text").inner_text().split()
    ticks = [int(lines[n + 1]) for n, word in enumerate(lines) if word == "tick"]
    assert ticks == list(range(len(ticks))), "a line is missing or came twice"

    panel.page.get_by_label("Search in the output shown").fill("tick 1")
    panel.eventually(lambda: panel.text("#log-matches").startswith("1 of "))
    assert not panel.page.get_by_label("Follow").is_checked()
    panel.page.get_by_label("Search in the output shown").press("Enter")
    panel.eventually(lambda: panel.text("#log-matches").startswith("2 of "))
    panel.page.get_by_label("Search in the output shown").fill("nowhere")
    panel.eventually(lambda: panel.text("#log-matches") == "nothing found")
    with panel.page.expect_download() as download:
        panel.page.locator("#task-log").get_by_role("link", name="Download").click()
    saved = download.value.path().read_text()
    assert saved.startswith(HOSTILE) and "\x1b[31m" in saved


def test_a_long_output_is_shown_in_windows(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, LINES)
    with sidecar.client() as client:
        api.ends(client, task)
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    panel.eventually(lambda: "line 039999" in panel.text("#log-text"))
    assert len(panel.page.locator("#log-text").inner_text()) <= 300_000
    panel.click("Earlier")
    panel.page.get_by_role("button", name="Later", exact=True).wait_for()
    assert "line 039999" not in panel.text("#log-text")
    for _ in range(20):
        if not panel.page.get_by_role("button", name="Earlier", exact=True).is_visible():
            break
        before = panel.text("#log-range")
        panel.click("Earlier")
        panel.eventually(lambda before=before: panel.text("#log-range") != before)
    assert panel.text("#log-text").startswith("line 000000")
    panel.click("Latest")
    panel.eventually(lambda: "line 039999" in panel.text("#log-text"))


def test_files_are_shown_for_what_they_are(
    start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit
) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, files(rows=1_000_000))
    with sidecar.client() as client:
        assert api.ends(client, task)["state"] == "SUCCEEDED"
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    page = panel.page

    def file(name: str) -> str:
        row = page.locator(".file", has=page.locator(".file-name", has_text=name))
        return f"#{row.get_attribute('id')}"

    for name in ("map.png", "chart.svg"):
        image = page.locator(f"{file(name)} img")
        image.scroll_into_view_if_needed()
        panel.eventually(lambda image=image: image.evaluate("one => one.naturalWidth") == 240)
    broken = page.locator(f"{file('broken.png')} .file-trouble")
    broken.scroll_into_view_if_needed()
    panel.eventually(broken.is_visible)

    page.locator(f"{file('table.csv')} summary").click()
    page.locator(f"{file('table.csv')} table").wait_for()
    assert page.locator(f"{file('table.csv')} tbody tr").count() == 1000
    assert HOSTILE in panel.text(f"{file('table.csv')} tbody") and "Download the file" in panel.text(
        file("table.csv")
    )
    page.locator(f"{file('config.json')} summary").click()
    page.locator(f"{file('config.json')} .tree-branch").first.wait_for()
    assert HOSTILE in panel.text(file("config.json"))
    assert page.locator("#task-files img").count() == 3 and page.locator("#task-files b").count() == 0
    assert "cost: 123.4" in panel.text("#task-result")

    shutil.rmtree(sidecar.data_dir / "tasks" / task / "attempt-1" / "output")
    page.locator(f"{file('notes.txt')} summary").click()
    panel.eventually(lambda: "has gone meanwhile" in panel.text(file("notes.txt")))


GROWING = """
import os, sys, time
with open(os.path.join(os.environ["STEELYARD_OUTPUT_DIR"], "years.txt"), "w", buffering=1) as file:
    print("2025", file=file)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    print("2026", file=file)
    print("written", flush=True)
    time.sleep(600)
"""


def test_a_file_is_read_each_time_it_is_opened(
    start_sidecar: StartSidecar, open_panel: OpenPanel, tmp_path: Path
) -> None:
    sidecar = start_sidecar("--workers", "1")
    with sidecar.client() as client:
        task = api.submit(client, ["python3", "-c", GROWING, str(tmp_path / "go")])
        until(client, f"/api/tasks/{task}/files/", lambda found: len(found["files"]) == 1)
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    panel.expects("ERR_FAILED")
    page = panel.page
    held = "#task-files .file-body"

    def toggle() -> None:
        page.locator("#task-files summary").click()

    page.route("**/htmx/tasks/*/files/*/", lambda route: route.abort())
    toggle()
    panel.eventually(lambda: "Steelyard does not answer" in panel.text(held))
    page.unroute_all()
    toggle()
    toggle()
    panel.eventually(lambda: panel.text(held) == "2025")
    (tmp_path / "go").touch()
    panel.eventually(lambda: panel.text("#log-text") == "written")
    toggle()
    toggle()
    panel.eventually(lambda: panel.text(held) == "2025 2026")


def test_run_again_with_changes(start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit) -> None:
    sidecar = start_sidecar("--workers", "1")
    task = submit(sidecar, "print('once')", label=LONG[:10_000], tags=["paper"], priority=10, timeout="90m")
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    panel.page.get_by_role("link", name="Run again with changes").click()
    page = panel.is_live().page
    assert page.get_by_label("Label").input_value() == LONG[:10_000]
    assert page.get_by_label("high", exact=True).is_checked()
    assert page.get_by_label("Time limit").input_value() == "5400s"
    argv = page.get_by_label("Program and arguments")
    assert argv.input_value().endswith("-u\n-c\nprint('once')")
    argv.fill(argv.input_value().replace("once", "twice"))
    page.get_by_label("Label").fill("changed")
    panel.click("Submit 1 task")
    page.wait_for_url(lambda url: "/tasks/" in url and task not in url)
    panel.eventually(lambda: "twice" in panel.text("#log-text"))
    assert panel.text("h1") == "changed" and panel.page.locator("main img").count() == 0


REDRAWN = """
import os, sys, time
folder = os.environ["STEELYARD_OUTPUT_DIR"]

def draw(width):
    with open(os.path.join(folder, "plot.svg"), "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="40"/>')

draw(100)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
draw(300)
"""


def test_a_picture_that_is_drawn_anew_is_shown_anew(
    start_sidecar: StartSidecar, open_panel: OpenPanel, tmp_path: Path
) -> None:
    sidecar = start_sidecar("--workers", "1")
    with sidecar.client() as client:
        task = api.submit(client, ["python3", "-c", REDRAWN, str(tmp_path / "go")])
        until(client, f"/api/tasks/{task}/files/", lambda found: len(found["files"]) == 1)
    panel = go(open_panel(sidecar), sidecar, f"tasks/{task}/")
    picture = panel.page.locator(".file-picture img")
    panel.eventually(lambda: picture.evaluate("image => image.naturalWidth") == 100)
    (tmp_path / "go").touch()
    panel.page.locator(".task-now .task-SUCCEEDED").wait_for()
    panel.eventually(lambda: picture.evaluate("image => image.naturalWidth") == 300)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_looks(
    start_sidecar: StartSidecar, open_panel: OpenPanel, tmp_path: Path, scheme: str, size: str
) -> None:
    sidecar = start_sidecar("--workers", "1")
    model = tmp_path / "model.py"
    model.write_text(files() + YEARS)
    argv = ["python3", "-u", str(model), "--pathway", "reference", "--carbon-price", "200"]
    with sidecar.client() as client:
        task = api.submit(client, argv, label="reference, carbon price 200", tags=["paper"])
        until(client, f"/api/tasks/{task}/samples/", lambda found: len(found["samples"]) > 4)
        until(client, f"/api/tasks/{task}/files/", lambda found: len(found["files"]) == 7)
    panel = open_panel(sidecar, color_scheme=scheme, viewport=SIZES[size], bypass_csp=True)
    go(panel, sidecar, f"tasks/{task}/")
    panel.eventually(lambda: "in " in panel.text("[data-figure=eta]"))
    panel.page.locator(".u-over").wait_for()
    panel.see_pictures(panel.page.locator(".file-picture img"))
    assert panel.overflow() <= 0
    assert violations(panel.page) == []
    panel.shoot(f"task-{scheme}-{size}")
