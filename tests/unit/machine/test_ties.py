"""The subreaper: tried in a process of its own, for it cannot be tried without becoming one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.machine import containment

CODE = """
import os, sys, time
from steelyard.machine import containment
if sys.argv[1] == "reaper":
    assert containment.become_subreaper()
reader, writer = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        os.write(writer, b"%d" % os.getpid())
        time.sleep(60)
    os._exit(0)
orphan = int(os.read(reader, 20))
os.wait()
print(containment.descendants(os.getpid()) == [orphan], containment.end_descendants())
os.kill(orphan, 9) if sys.argv[1] != "reaper" else None
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize(("kind", "said"), [("reaper", "True 1\n"), ("plain", "False 0\n")])
def test_orphans_come_up_to_a_subreaper(kind: str, said: str) -> None:
    backend = str(Path(containment.__file__).parents[3])
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {backend!r})\n{CODE}", kind],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == said
