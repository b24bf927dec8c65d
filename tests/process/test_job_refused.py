"""A system that does not let processes be kept together: it is said, and the work goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.helpers.sidecar import RunningSidecar

REFUSE = """
from steelyard.machine import containment
def refuse():
    raise OSError(5, "Access is denied")
containment.leave_no_one = refuse
"""


def test_the_sidecar_says_so_and_starts(tmp_path: Path) -> None:
    program = (sys.executable, "-c", f"{REFUSE}\nfrom steelyard.__main__ import main\nmain()")
    with RunningSidecar(tmp_path / "data", program=program) as sidecar:
        assert sidecar.ready["port"] > 0
        log = (tmp_path / "data" / "logs" / "sidecar.log").read_text()
        assert "WARNING" in log and "Access is denied: what a worker that is killed leaves" in log


def test_a_worker_says_so_and_serves() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{REFUSE}\nimport sys\nfrom steelyard.worker.agent import main\nsys.exit(main())",
        ],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    # Its input is at an end: the sidecar is gone.
    assert done.returncode == 4
    assert "Access is denied: a task is followed by the parents of its processes alone" in done.stderr
