"""What the memory guard does to real programs in a control group whose kernel would really kill.

Their memory has a shape that people complain about: a browser beside a long run, saw teeth, late peaks, a
leak beside one that keeps its word. The others' memory is taken by a program in the same group.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from steelyard.rules.pressure import CRITICAL_SHARE
from tests.helpers.cgroup import Limited, limited
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually
from tests.process.test_memory_limit import GUARD, MIB, TOTAL, inside, prompts, task

JOB = Path(__file__).parents[2] / "scripts" / "bench" / "memory_job.py"


@pytest.fixture
def group() -> Iterator[Limited]:
    with limited(TOTAL) as made:
        yield made


@pytest.fixture
def sidecar(group: Limited, tmp_path: Path) -> Iterator[RunningSidecar]:
    with inside(group, tmp_path, GUARD) as running:
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[httpx.Client]:
    with sidecar.client() as found:
        yield found


def submit(client: httpx.Client, *phases: str, claim: int | None, **more: Any) -> str:
    """A task of these phases (size in MiB : seconds : MiB a second); claim: MiB, None: nothing is known."""
    argv = [sys.executable, "-I", "-S", str(JOB), *phases]
    spec = {"simulation": "command", "parameters": {"argv": argv}, **more}
    answer = client.post("/api/tasks/", json=spec if claim is None else {**spec, "memory": f"{claim}MiB"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


def available(client: httpx.Client) -> int:
    """MiB, as the sidecar sees them now."""
    return int(client.get("/api/workers/status/").json()["memory"]["available"]) // MIB


def holds(client: httpx.Client, task_id: str, mib: int) -> bool:
    """Whether a task runs, and uses so much now."""
    found = task(client, task_id)
    return found["state"] == "RUNNING" and (found["memory"]["peak"] or 0) >= mib * MIB


@contextlib.contextmanager
def browser(group: Limited, mib: int) -> Iterator[None]:
    """Another program of the group, which holds so much."""
    argv = [*group.enter, sys.executable, "-I", "-S", str(JOB), f"{mib}:600"]
    with subprocess.Popen(argv) as process:
        try:
            yield
        finally:
            process.kill()


def ends(client: httpx.Client) -> list[dict[str, Any]]:
    """What the guard has ended so far."""
    return [one for one in prompts(client) if one.get("step") == "end"]


def finished(client: httpx.Client, *ids: str, within: float) -> None:
    for one in ids:
        eventually(lambda one=one: task(client, one)["finished_at"] is not None, within=within)
        assert task(client, one)["state"] == "SUCCEEDED"


def test_what_has_succeeded_starts_again_though_its_margin_does_not_fit(
    client: httpx.Client, group: Limited
) -> None:
    """It took 640 MiB, 700 or so are free above the guard, and 15 % on top of its peak would be 740."""
    first = submit(client, "640:1", claim=None)
    finished(client, first, within=60)
    second = submit(client, "640:1", claim=None)
    assert task(client, second)["memory"]["claim"] > (available(client) - GUARD // MIB) * MIB
    finished(client, second, within=60)
    assert group.oom_kills == 0


def test_after_a_dip_a_suspended_task_goes_on_and_others_start_beside_a_long_one(
    client: httpx.Client, group: Limited
) -> None:
    long = submit(client, "170:600", claim=420, label="long")
    grows = submit(client, "160:0", "300:1:8", "300:600", claim=64, label="grows")
    eventually(lambda: holds(client, long, 165) and holds(client, grows, 165), within=60)
    with browser(group, available(client) - 100):
        eventually(lambda: task(client, grows)["suspended"], within=30)
        small = [submit(client, "10:1", claim=16, label=f"small {n}") for n in range(2)]
        assert all(task(client, one)["state"] == "READY" for one in small)
    # The long one still runs, and keeps what it never takes.
    eventually(lambda: not task(client, grows)["suspended"], within=60)
    finished(client, *small, within=60)
    assert task(client, long)["state"] == task(client, grows)["state"] == "RUNNING"
    assert ends(client) == [] and group.oom_kills == 0


def test_a_task_that_keeps_its_claim_survives_every_dip(client: httpx.Client, group: Limited) -> None:
    keeps = submit(client, "530:8", claim=560, label="keeps", attempts=1)
    eventually(lambda: holds(client, keeps, 530), within=60)
    small = submit(client, "60:600", claim=80, label="small")
    eventually(lambda: holds(client, small, 60), within=60)
    for dip in range(1, 4):
        eventually(lambda dip=dip: now_holds(client, keeps, dip, 530), within=60)
        with browser(group, available(client) - 30):
            eventually(lambda dip=dip: len(ends(client)) == dip, within=30)
    finished(client, keeps, within=90)
    found = task(client, keeps)
    assert [one["cause"] for one in found["attempts"]] == ["memory_guard"] * 3 + ["succeeded"]
    assert found["memory"]["claim"] == 560 * MIB and group.oom_kills == 0
    said = {one["text"].split(". ", 2)[-1] for one in ends(client)}
    assert said == {"It had kept to its claim, so it goes on with the same one, at its old place."}
    assert task(client, small)["state"] == "RUNNING"
    client.post(f"/api/tasks/{small}/cancel/")


def now_holds(client: httpx.Client, task_id: str, attempt: int, mib: int) -> bool:
    """Whether the attempt of this number runs, and uses so much."""
    found = task(client, task_id)
    if (found["state"], found["attempt"]) != ("RUNNING", attempt):
        return False
    workers = client.get("/api/workers/status/").json()["workers"]
    mine = [one for one in workers if (one["task"] or {}).get("task_id") == task_id]
    return any(one["memory"] >= mib * MIB for one in mine)


def test_who_keeps_its_claim_does_not_pay_for_who_does_not(client: httpx.Client, group: Limited) -> None:
    """What leaps lost most work for each byte by far: by that measure alone the other one would be ended."""
    leaps = submit(client, "40:4", "540:5", claim=60, label="leaps")
    eventually(lambda: holds(client, leaps, 40), within=60)
    keeps = submit(client, "380:12", claim=400, label="keeps")
    finished(client, keeps, leaps, within=90)
    assert len(task(client, keeps)["attempts"]) == 1 and group.oom_kills == 0
    assert all(one["task_id"] == leaps for one in ends(client))


def test_saw_teeth_take_turns_and_none_is_ended(client: httpx.Client, group: Limited) -> None:
    teeth = ["30:1", "270:0.3:120"] * 4
    ids = [submit(client, *teeth, claim=90, label=f"saw {n}") for n in range(3)]
    finished(client, *ids, within=240)
    assert ends(client) == [] and group.oom_kills == 0


def test_late_peaks_cost_nobody_anything_that_need_not_be(client: httpx.Client, group: Limited) -> None:
    ids = [submit(client, "60:2", "330:3:60", claim=70, label=f"late {n}") for n in range(3)]
    finished(client, *ids, within=240)
    assert group.oom_kills == 0
    # Whatever was ended was ended with nearly nothing left, not by a fast moment above that.
    assert all(one["available"] < CRITICAL_SHARE * GUARD for one in ends(client))
