"""The process that an attempt runs in, with its pipe. Most live for one attempt; one that serves a function
is warm between attempts, and takes the next one of the same key.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress

from steelyard.machine import containment
from steelyard.machine.containment.ending import Ending
from steelyard.machine.waiting import Waiter
from steelyard.worker.launching import base_environment, launch, own_environment
from steelyard.worker.orders import Order

PROCESS, OUTPUT = "task", "output"
"""The Waiter's keys of the process and of its pipe: there is one host at a time."""

IDLE = 60.0
"""Seconds of awake time that a warm process waits for its next run."""

KEPT_SHARE = 0.5
"""A process that holds more of its task's claim than this after a run is not kept."""

ORDERLY = 0.5
"""Seconds that a warm process has for Python's own end (atexit, temporary folders)."""


class Host:
    """One process; CannotStart and OSError come out of the constructor."""

    def __init__(self, order: Order, waiter: Waiter) -> None:
        self._waiter = waiter
        self._order = order
        self._since = containment.begin_use()
        self._process, reader = launch(order)
        self.pid = self._process.pid
        self.is_collected = False
        """Whether its exit status was taken: from then on its pid may be somebody else's."""
        self.runs = 0
        """How many attempts have ended in it."""
        self.cpu_seconds = 0.0
        """What these have used, and the start of the process with them."""
        self.cold_at = float("inf")
        """Awake time at which it has waited long enough."""
        waiter.add_reader(reader, OUTPUT, flood=True)
        waiter.watch_process(self.pid, PROCESS)

    def serves(self, order: Order) -> bool:
        """Whether a fresh process for this order would be one like this.

        The key says so; all else that a process keeps from its start is compared as well. A second attempt
        gets a fresh one: what failed may have been the state that an earlier run left in the process.
        """
        mine = self._order
        return (
            mine.reuse_key is not None
            and order.attempt == 1
            and (mine.reuse_key, mine.argv, mine.directory) == (order.reuse_key, order.argv, order.directory)
            and base_environment(mine) == base_environment(order)
            and not self.is_large(order)
        )

    def ask(self, order: Order, nonce: str) -> None:
        """Hand the next run over. A process that cannot hear it has ended: that comes as an event."""
        request = {"nonce": nonce, "environment": own_environment(order)}
        stdin = self._process.stdin
        assert stdin is not None
        # Some KB at most, and the pipe is empty: this blocks for nobody.
        with suppress(OSError):
            stdin.write(json.dumps(request).encode() + b"\n")

    def rest(self, cpu_seconds: float, now: float) -> None:
        """A run is over, and the process is kept for the next one."""
        self.runs += 1
        self.cpu_seconds = cpu_seconds
        self.cold_at = now + IDLE

    def is_large(self, order: Order) -> bool:
        """Whether it holds too much of an order's claim, or nobody can tell; False if there is no claim."""
        claim = order.reuse_memory
        if claim is None:
            return False
        held = containment.held(self.pid)
        return held is None or held > KEPT_SHARE * claim

    def collect(self) -> Ending | None:
        """How it ended; None while it lives."""
        ending = containment.collect(self._process, self._since)
        self.is_collected = ending is not None
        return ending

    def of_this_run(self, ending: Ending, status: int | None) -> Ending:
        """What of the end of this process is the end of its last run.

        status: of a run that was over before: what came to the process after that is not the run's affair.
        """
        if status is not None:
            ending.exit_code, ending.signal = status, None
        if self.runs:
            # The kernel's figure is the largest of all runs.
            ending.peak_memory = None
        if ending.cpu_seconds is not None:
            ending.cpu_seconds = max(0.0, ending.cpu_seconds - self.cpu_seconds)
        return ending

    def unread(self) -> bytes:
        """What its pipe holds at this moment."""
        return self._waiter.drain(OUTPUT)

    def retire(self) -> None:
        """End an idle process with all below it, in Python's usual way if that is quick."""
        self.hang_up()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ORDERLY)
        if self._process.returncode is None:
            containment.end_tree(self.pid)
        containment.end_descendants()
        self.collect()
        self.forget()

    def forget(self) -> None:
        """It has ended: nothing more is heard of it."""
        self.hang_up()
        self._waiter.remove(PROCESS)
        self._waiter.remove(OUTPUT)

    def hang_up(self) -> None:
        """Say that no further run comes: one that serves then ends in its own way."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
