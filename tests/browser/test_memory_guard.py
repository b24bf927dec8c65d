"""What the memory guard did stands in the panel, in words, with its figures; the memory is really short."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.browser.conftest import OpenPanel, StartSidecar, Submit
from tests.browser.test_tasks import go
from tests.helpers.cgroup import Limited, limited

STEADY = """
import time
held = bytearray(120 * 2**20)
for page in range(0, len(held), 4096):
    held[page] = 1
for step in range(300):
    print(f"::steelyard progress {step / 300} month {step}", flush=True)
    time.sleep(0.1)
"""
LEAKS = """
import time
held = []
while True:
    held.append(bytearray(b"x" * 2**20) * 8)
    time.sleep(0.05)
"""


@pytest.fixture
def group() -> Iterator[Limited]:
    with limited(1024 * 2**20) as made:
        yield made


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_reads_what_was_suspended_and_why(
    group: Limited, start_sidecar: StartSidecar, open_panel: OpenPanel, submit: Submit, scheme: str
) -> None:
    program = (*group.enter, sys.executable, "-m", "steelyard")
    sidecar = start_sidecar("--workers", "3", program=program, WORKER_MEMORY_GUARD="256MiB")
    panel = open_panel(sidecar, color_scheme=scheme)
    for label in ("reference, carbon price 0", "reference, carbon price 200"):
        submit(sidecar, STEADY, label=label, memory="130MiB")
    leak = submit(sidecar, LEAKS, label="net-zero, carbon price 0", memory="100MiB")
    panel.eventually(lambda: "is suspended so that" in panel.text("#notices"))
    said = panel.text("#notices")
    assert "Memory is short:" in said and "No task starts until there is more." in said
    assert "Task net-zero, carbon price 0 is suspended so that the other 2 can finish: it uses" in said
    assert "more than its claim of 100 MiB," in said and "Its memory stays taken" in said
    card = panel.page.locator(".worker", has_text="net-zero, carbon price 0")
    card.get_by_text("suspended").first.wait_for()
    panel.shoot(f"panel-memory-guard-{scheme}")
    assert group.oom_kills == 0
    go(panel, sidecar, f"tasks/{leak}/")
    panel.page.get_by_text("suspended").first.wait_for()
    with sidecar.client() as client:
        client.post(f"/api/tasks/{leak}/cancel/")
