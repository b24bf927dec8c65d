"""A sidecar that a fault of ours keeps from its work leaves and says why; its tasks go on afterwards."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.helpers import api
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.waiting import eventually

BREAKS = """
import os, sys
from steelyard.cli.app import main
from steelyard.supervisor.turn import Turns

turn = Turns._turn

async def fails(self):
    await turn(self)
    self._worked = not os.path.exists({trigger!r})

def breaks(self):
    if os.path.exists({trigger!r}):
        raise ValueError("a fault of ours")

Turns._turn, Turns._give_up_where_nothing_works = fails, breaks
sys.exit(main())
"""
"""The real program, whose turns end once the file `trigger` is there."""

WAITS = "import os, time\nprint('begun', flush=True)\nwhile not os.path.exists({go!r}): time.sleep(0.01)"


def test_a_sidecar_whose_turns_have_ended_leaves_with_the_reason_and_the_next_start_goes_on(
    tmp_path: Path,
) -> None:
    trigger, go, data = tmp_path / "trigger", tmp_path / "go", tmp_path / "data"
    program = (sys.executable, "-c", BREAKS.format(trigger=str(trigger)))
    with RunningSidecar(data, "--workers", "1", program=program) as sidecar, sidecar.client() as client:
        task_id = api.submit_python(client, WAITS.format(go=str(go)))
        eventually(lambda: api.log(client, task_id), within=PATIENCE)
        trigger.touch()
        assert sidecar.process.wait(PATIENCE) == 1
        eventually(
            lambda: b"the supervisor's turn has stopped: ValueError" in sidecar.stderr, within=PATIENCE
        )
    assert "CRITICAL" in (data / "logs" / "sidecar.log").read_text()
    go.touch()
    with RunningSidecar(data, "--workers", "1") as sidecar, sidecar.client() as client:
        found = api.ends(client, task_id)
        causes = [attempt["cause"] for attempt in found["attempts"]]
        assert (found["state"], causes) == ("SUCCEEDED", ["sidecar_lost", "succeeded"])
        told = client.get("/api/events/", params={"since": 0, "limit": 1000}).json()["events"]
        assert any("met a fault of its own and stopped" in str(one) for one in told)
