"""The short form of scripts/bench/load.py and soak.py: counts and states, no times.

Much at once: a queue, a flood of submissions, listeners of whom some never read, a flood of output. Nothing
is lost, nobody is told twice, memory and descriptors come back to where they were.
"""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from bench import load as bench
from bench import soak
from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

MB = 1_000_000
MEMORY_LIMIT = 150 * MB
"""Bytes of the sidecar's own memory under load (the promise)."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the benchmark reads /proc or kqueue")


@pytest.mark.timeout(240)
def test_all_at_once_loses_nothing(tmp_path: Path) -> None:
    small = bench.Load(queued=10_000, rate=200, seconds=5.0, listeners=6, deaf=3, output_mb=40)
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        api.all_run(client, 1)
        process = psutil.Process(sidecar.process.pid)
        before = process.num_fds()
        bench.fill(client, small.queued)
        seen = bench.strain(sidecar, small)
        assert len(seen.submitted) == len(set(seen.submitted)) == 1000
        assert bench.lost(client, small, seen) == (0, 0)
        assert seen.heard["gaps"] == 0
        assert max(seen.uss) < MEMORY_LIMIT
        assert len(seen.asked_s) == len(bench.ASKED)
        # A search of a long queue is made beside the loop, and finds what was just submitted.
        found = client.get("/api/tasks/", params={"q": "SUBMITTED 99", "limit": 1000}).json()
        assert found["total"] == len(found["tasks"]) == 11
        # Who listened has gone, and left nothing: but for this client's own, and the reader beside the loop.
        eventually(lambda: process.num_fds() <= before + 6, within=PATIENCE)
        assert "Traceback" not in (sidecar.data_dir / "logs" / "sidecar.log").read_text()
        assert sidecar.terminate() == 0


def test_short_runs_one_after_the_other_leave_no_descriptor_open(tmp_path: Path) -> None:
    found, count = soak.measure(0.1, tmp_path, 0.2)
    assert count > len(soak.KINDS)
    by_name = {(series.name, series.unit): series.values for series in found}
    assert {name for name, _ in by_name} == {"sidecar", "worker 1", "worker 2"}
    for (name, unit), values in by_name.items():
        assert len(values) >= 5
        if unit == "descriptors":
            # It moves with what is open now; what leaks would only ever climb.
            half = len(values) // 2
            assert min(values[half:]) <= max(values[:half]), (name, values)


def test_a_slope_is_told_from_noise() -> None:
    hours = [n / 100 for n in range(100)]
    growth, error = soak.slope(hours, [5.0 + 2.0 * hour for hour in hours])
    assert growth == pytest.approx(2.0) and error == pytest.approx(0.0, abs=1e-9)
    noisy = soak.Series("sidecar", "MB", hours, [40.0 + (n % 2) for n in range(100)])
    assert soak.verdict(noisy)[-1] == "no"
    leaks = soak.Series("sidecar", "MB", hours, [40.0 + hour + (n % 2) / 10 for n, hour in enumerate(hours)])
    assert soak.verdict(leaks)[-1] == "GROWS"


def test_a_cache_that_fills_and_is_emptied_is_no_growth() -> None:
    every = soak.MINUTE_H / 20
    hours = [n * every for n in range(20 * 60)]
    # Emptied once in a minute, and each time it fills a little further.
    teeth = [46.0 + (n % 20) * (0.2 + n / 20_000) for n in range(len(hours))]
    assert soak.verdict(soak.Series("sidecar", "MB", hours, teeth))[-1] == "no"
    leaks = [value + hour for value, hour in zip(teeth, hours, strict=True)]
    assert soak.verdict(soak.Series("sidecar", "MB", hours, leaks))[-1] == "GROWS"
