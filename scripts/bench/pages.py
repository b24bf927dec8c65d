"""The pages' speed and cost in headless Chromium, as a table: `.venv/bin/python scripts/bench/pages.py`.

Starts a real sidecar in a temporary data directory, with 4 workers whose tasks report progress twice a
second, and opens its start page as a person would. Medians of one run. Nothing is asserted: the machine
decides the absolute figures, and others at work on it spoil them; its load is printed above the table.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import ARGUMENTS, NAMES  # noqa: E402
from tests.browser.panel import Panel  # noqa: E402
from tests.helpers.sidecar import RunningSidecar  # noqa: E402
from tests.helpers.waiting import eventually  # noqa: E402

Row = tuple[str, str, str]

WORKERS = 4
SETTLE = 3000
"""Milliseconds in which a page that was just opened comes to rest."""
PAUSE = 400
"""Milliseconds between two events: static/live.js puts off a refetch that follows another within 150 ms."""

STEPS = """
import time
for step in range(1200):
    print(f"::steelyard progress {step / 1200} step {step} of 1200", flush=True)
    time.sleep(0.5)
"""
PAINT = """
() => new Promise(resolve => new PerformanceObserver(list => {
  for (const entry of list.getEntriesByName("first-contentful-paint")) resolve(entry.startTime);
}).observe({type: "paint", buffered: true}))
"""
WATCH = """
() => {
  window.shown = {};
  new MutationObserver(() => {
    const at = Date.now();
    for (const row of document.querySelectorAll("#latest-tasks [data-task]")) {
      if (row.querySelector(".task-CANCELLED")) window.shown[row.dataset.task] ??= at;
    }
  }).observe(document.getElementById("latest-tasks").parentElement,
             {attributes: true, characterData: true, childList: true, subtree: true});
}
"""
"""The observer's callback runs in the same task as the swap: before the next paint."""


SHIFTS = """
window.shift = {worst: 0, sum: 0, began: 0, last: 0, moved: []};
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const at = entry.startTime, seen = window.shift;
    if (at - seen.last > 1000 || at - seen.began > 5000) { seen.sum = 0; seen.began = at; }
    seen.sum += entry.value;
    seen.last = at;
    seen.worst = Math.max(seen.worst, seen.sum);
    seen.moved.push(...entry.sources.map(source => source.node?.id || source.node?.className || "?"));
  }
}).observe({type: "layout-shift", buffered: true});
"""
"""Cumulative layout shift as web.dev/articles/cls has it: the worst window of 5 s, ended by 1 s of quiet."""


class Tabs:
    """Signed-in tabs, each in a browser profile of its own, and what their consoles said."""

    def __init__(self, browser: Browser, client: httpx.Client) -> None:
        self._browser = browser
        self._client = client
        self._panels: list[Panel] = []

    def open(self, width: int = 1280) -> Page:
        """The start page, live, with nothing in the browser's cache before."""
        context = self._browser.new_context(viewport={"width": width, "height": 900})
        context.add_init_script(SHIFTS)
        link = self._client.post("/api/sign-in-links/", json={}).raise_for_status().json()["url"]
        # The session's cookie without a page: the redirect is no part of what is measured.
        context.request.get(link, max_redirects=0)
        panel = Panel(context)
        self._panels.append(panel)
        return panel.open(str(self._client.base_url)).page

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of all consoles, and uncaught exceptions."""
        return [complaint for panel in self._panels for complaint in panel.complaints]


def first_paint(tabs: Tabs) -> float:
    """Milliseconds from the navigation to the first contentful paint, by the browser's own account."""
    page = tabs.open()
    painted = float(page.evaluate(PAINT))
    page.context.close()
    return painted


def request_to_screen(page: Page, client: httpx.Client) -> float:
    """Milliseconds from the request that cancels a task to the row that says so, by the machine's clock."""
    body = {"simulation": "command", "queue": "nobody", "parameters": {"argv": ["true"]}}
    task_id = client.post("/api/tasks/", json=body).raise_for_status().json()["task_id"]
    page.locator(f"#latest-{task_id} .task-READY").wait_for()
    page.wait_for_timeout(PAUSE)
    began = 1000 * time.time()
    client.post(f"/api/tasks/{task_id}/cancel/").raise_for_status()
    page.locator(f"#latest-{task_id} .task-CANCELLED").wait_for()
    return float(page.evaluate("task_id => window.shown[task_id]", task_id)) - began


def layout_shift(tabs: Tabs, client: httpx.Client, width: int, rounds: int) -> tuple[float, set[str]]:
    """Cumulative layout shift over load and live refreshes, and what moved: all that comes is progress,
    and tasks that are submitted and end.
    """
    page = tabs.open(width)
    page.wait_for_timeout(SETTLE)
    for _ in range(rounds):
        body = {"simulation": "command", "queue": "nobody", "parameters": {"argv": ["true"]}}
        task_id = client.post("/api/tasks/", json=body).raise_for_status().json()["task_id"]
        page.locator(f"#latest-{task_id} .task-READY").wait_for()
        client.post(f"/api/tasks/{task_id}/cancel/").raise_for_status()
        page.locator(f"#latest-{task_id} .task-CANCELLED").wait_for()
        page.wait_for_timeout(PAUSE)
    found = page.evaluate("window.shift")
    page.context.close()
    return float(found["worst"]), set(found["moved"])


def spent(processes: Sequence[psutil.Process]) -> dict[int, float]:
    """CPU seconds of each process so far, by PID; one that is gone is left out."""
    found: dict[int, float] = {}
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[process.pid] = times.user + times.system
    return found


def chromiums() -> list[psutil.Process]:
    """Every process of the browser, told by name from what else runs below ours: driver, sidecar, workers."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name().startswith(("chrom", "google-chrome")):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def cost(page: Page, sidecar: RunningSidecar, span: float) -> tuple[float, float]:
    """(Chromium, the sidecar without its workers), each in per cent of a core, while that page is open."""
    server = [psutil.Process(sidecar.process.pid)]
    browser_before, server_before, began = spent(chromiums()), spent(server), time.monotonic()
    page.wait_for_timeout(1000 * span)
    browser_after, server_after, took = spent(chromiums()), spent(server), time.monotonic() - began

    def share(before: dict[int, float], after: dict[int, float]) -> float:
        return 100 * sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items()) / took

    return share(browser_before, browser_after), share(server_before, server_after)


def in_ms(took: Sequence[float]) -> str:
    """The median, and the worst beside it."""
    return f"{statistics.median(took):.0f} ms (worst {max(took):.0f})"


def work(client: httpx.Client) -> None:
    """Have every worker run a task that reports progress."""
    task = {"simulation": "command", "parameters": {"argv": [sys.executable, "-c", STEPS]}}
    for _ in range(WORKERS):
        client.post("/api/tasks/", json=task).raise_for_status()
    eventually(
        lambda: client.get("/api/workers/status/").json()["queue"]["running"] == WORKERS, within=60, every=0.1
    )


def measure(browser: Browser, options: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """Every figure with what it is to reach; what the consoles said."""
    folder = Path(tempfile.mkdtemp(prefix="steelyard-bench-"))
    rows: list[Row] = []
    try:
        with (
            RunningSidecar(folder / "data", "--workers", str(WORKERS)) as sidecar,
            sidecar.client() as client,
        ):
            work(client)
            tabs = Tabs(browser, client)
            painted = [first_paint(tabs) for _ in range(options.paints)]
            rows.append(("start page, first contentful paint", in_ms(painted), "≤ 400 ms"))
            for width in (1280, 390):
                shift, moved = layout_shift(tabs, client, width, options.rounds)
                what = ", ".join(sorted(moved)) or "nothing"
                rows.append((f"layout shift at {width} px", f"{shift:.4f} (moved: {what})", "< 0.01"))
            empty = browser.new_page()
            empty.wait_for_timeout(SETTLE)
            idle = cost(empty, sidecar, options.span)
            empty.context.close()
            page = tabs.open()
            page.wait_for_timeout(SETTLE)
            busy = cost(page, sidecar, options.span)
            # Last: the tasks of the events push those that run off the page's list.
            page.evaluate(WATCH)
            shown = [request_to_screen(page, client) for _ in range(options.rounds)]
            page.context.close()
            rows.append(("request to changed DOM", in_ms(shown), "≤ 100 ms"))
            for name, with_page, without in zip(("Chromium", "the sidecar"), busy, idle, strict=True):
                rows.append((f"CPU of {name}, panel open", f"{with_page:.2f} % of a core", "≤ 3 %"))
                rows.append((f"CPU of {name}, no panel", f"{without:.2f} % of a core", "–"))
            rows.append(("errors and warnings in the console", str(len(tabs.complaints)), "0"))
            return rows, tabs.complaints
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--paints", type=int, default=7, help="cold openings of the page (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=15, help="events (default: %(default)s)")
    parser.add_argument(
        "--span", type=float, default=20, help="seconds over which CPU is counted (default: %(default)s)"
    )
    options = parser.parse_args()
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        print("There is no Chromium.", file=sys.stderr)
        return 1
    load = os.getloadavg()[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            rows, complaints = measure(browser, options)
        finally:
            browser.close()
    print(f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after")
    table = Table(
        "figure", "measured (median)", "to reach", title=f"The pages, with {WORKERS} running workers"
    )
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    for complaint in complaints:
        print(complaint)
    return 0


if __name__ == "__main__":
    sys.exit(main())
