"""Tasks at low priority, by preference: read when their worker starts, and never the worker itself."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from steelyard.machine.containment.posix import NICENESS
from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nice values are POSIX")

TELL = """
import json, os
json.dump([os.nice(0)], open(os.environ["STEELYARD_OUTPUT_DIR"] + "/result.json", "w"))
"""


@pytest.mark.parametrize(("low", "more"), [(True, NICENESS), (False, 0)])
def test_the_preference_decides(tmp_path: Path, low: bool, more: int) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "preferences.json").write_text(json.dumps({"low_priority": low}))
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        [worker] = api.all_run(client, 1)
        client.patch("/api/preferences/", json={"low_priority": not low})  # too late for this worker
        task = api.ends(client, api.submit_python(client, TELL))
        assert task["result"] == [min(19, os.nice(0) + more)]
        assert os.getpriority(os.PRIO_PROCESS, worker["pid"]) == os.nice(0)
