"""What stays of an attempt in the agent. In a process of its own: the end of an attempt ends all below it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.unit.worker.test_orders import START

ATTEMPT = """
import gc, json, os, sys, weakref
from steelyard.machine.clocks import SystemClocks
from steelyard.machine.waiting import Waiter
from steelyard.worker.host import OUTPUT, PROCESS
from steelyard.worker.journal import Journal
from steelyard.worker.orders import Order
from steelyard.worker.outbox import KEY, Outbox
from steelyard.worker.task_process import TaskProcess

gc.disable()
clocks, waiter = SystemClocks(), Waiter()
waiter.add_writer(1, KEY)
order = Order(json.loads(sys.argv[1]))
task = TaskProcess(order, waiter, clocks, Outbox(waiter), Journal(clocks))
over = False
while not over:
    for key, event in waiter.wait(1.0):
        if key == OUTPUT:
            task.output(event if isinstance(event, bytes) else None)
        elif key == PROCESS:
            over = task.finished()
left = weakref.ref(task)
del task
print("gone" if left() is None else f"held by {gc.get_referrers(left())}", file=sys.stderr)
"""


def test_nothing_of_an_ended_attempt_waits_for_the_collector(tmp_path: Path) -> None:
    order = {**START, "argv": [sys.executable, "-c", "print('x' * 50_000)"], "environment": {}}
    order |= {"folder": str(tmp_path), "directory": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPT, json.dumps(order)], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "gone"
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()][-1] == "ended"
