"""One attempt: its first process, its tree, its time limit, the three steps of a stop, and how it all
ended."""

from __future__ import annotations

import os

from steelyard.machine import containment, process_table
from steelyard.machine.clocks import Clocks
from steelyard.machine.waiting import Waiter
from steelyard.worker.journal import Journal
from steelyard.worker.launching import launch
from steelyard.worker.orders import Order
from steelyard.worker.outbox import Outbox
from steelyard.worker.output import Relay

PROCESS, OUTPUT = "task", "output"
"""The Waiter's keys of the first process and of its pipe."""

_NEVER = float("inf")


class TaskProcess:
    """Runs one attempt from start() to finished(); CannotStart and OSError come out of the constructor.

    Time spent suspended does not count against the time limit: whoever suspends a task does not mean to end
    it.
    """

    def __init__(
        self, order: Order, waiter: Waiter, clocks: Clocks, outbox: Outbox, journal: Journal
    ) -> None:
        self.order = order
        self.reason: str | None = None
        """Why it was asked to stop: "timeout" or the reason of a stop message; None if it was not."""
        self._waiter = waiter
        self._clocks = clocks
        self._outbox = outbox
        self._journal = journal
        self._left_over = 0
        self._suspended = False
        self._asked = False
        self._process, reader = launch(order)
        self.pid = self._process.pid
        self._began = clocks.awake()
        self._limit = self._began + order.timeout if order.timeout else _NEVER
        self._time_left = _NEVER
        self._end_at = _NEVER
        waiter.add_reader(reader, OUTPUT, flood=True)
        waiter.watch_process(self.pid, PROCESS)
        self._relay = Relay(order, clocks, self._send, self._offer, journal)
        entry = process_table.entry(self.pid)
        # A process that has ended already is a zombie of ours, and still has its identity.
        self._send("started", pid=self.pid, identity=entry.identity if entry else None)
        journal.write(f"{self.name}: process {self.pid} runs {_shown(order.argv)} in {order.directory}")

    @property
    def name(self) -> str:
        """How the journal calls the attempt."""
        return f"task {self.order.task_id} attempt {self.order.attempt}"

    def due(self) -> float:
        """Awake time at which turn() has something to do."""
        return min(self._limit, self._end_at, self._relay.due())

    def turn(self) -> None:
        """What is due now: reports, the time limit, the end of a grace."""
        now = self._clocks.awake()
        self._relay.turn(now)
        if now >= self._limit:
            self._limit = _NEVER
            self._journal.write(f"{self.name}: time limit of {self.order.timeout:g} s reached")
            self.reason = self.reason or "timeout"
            self._ask(self.order.grace)
        if now >= self._end_at:
            self._end_at = _NEVER
            self._end()

    def stop(self, reason: str, grace: float) -> None:
        """Stop softly and, after grace seconds of awake time, for good; 0: at once.

        A further stop may shorten the grace, never lengthen it. Its reason takes the place of the earlier
        one, but for "exit": that the worker leaves as well does not change why this task ends.
        """
        self._journal.write(f"{self.name}: stop ({reason}), {grace:g} s of grace")
        if self.reason is None or reason != "exit":
            self.reason = reason
        self._ask(grace)

    def suspend(self) -> None:
        """Freeze the whole tree. Not while it is being stopped: it could not stop by itself."""
        if self.reason is None and not self._suspended:
            count = containment.suspend_tree(os.getpid())
            self._suspended = True
            self._time_left, self._limit = self._limit - self._clocks.awake(), _NEVER
            self._journal.write(f"{self.name}: suspended, {count} processes")
        self._send("suspended", suspended=self._suspended)

    def resume(self) -> None:
        """Let the whole tree go on."""
        if self._suspended:
            containment.resume_tree(os.getpid())
            self._suspended = False
            self._limit, self._time_left = self._clocks.awake() + self._time_left, _NEVER
            self._journal.write(f"{self.name}: resumed")
        self._send("suspended", suspended=self._suspended)

    def output(self, data: bytes | None) -> None:
        """What the pipe gave; None: its end, the process may go on without."""
        if data is None:
            self._waiter.remove(OUTPUT)
        else:
            self._relay.feed(data)

    def finished(self) -> bool:
        """The first process has ended: end the rest, abandon the pipe, report. False if it has not ended
        after all."""
        ending = containment.collect(self._process)
        if ending is None:
            return False
        # First the tree, then the pipe: with no writer left what it holds is all there is, and a writer
        # outside the tree (a daemon that was handed the descriptor) is not waited for.
        self._left_over += containment.end_descendants()
        self._relay.feed(self._waiter.drain(OUTPUT))
        self._forget()
        tail = self._relay.close()
        # Before the message: whoever hears it finds the whole story in the log.
        self._report(ending.exit_code, ending.signal, tail)
        self._send(
            "ended",
            exit_code=ending.exit_code,
            signal=ending.signal,
            stopped=self.reason,
            error=None,
            tail=tail,
            left_over=self._left_over,
            peak_memory=ending.peak_memory,
            cpu_seconds=ending.cpu_seconds,
            lost=self._relay.lost,
        )
        return True

    def abandon(self) -> None:
        """End the tree now and report nothing: nobody is there to be told."""
        containment.end_tree(self.pid, within=1.0)
        containment.end_descendants(within=1.0)
        containment.collect(self._process)
        self._forget()
        self._relay.close()

    def _ask(self, grace: float) -> None:
        self._end_at = min(self._end_at, self._clocks.awake() + grace)
        if grace <= 0 or self._asked:
            return
        self._asked = True
        self._create_stop_file()
        if self._suspended:
            self.resume()
        containment.ask_to_stop(self.pid)

    def _end(self) -> None:
        """SIGKILL for the tree; the end of the first process then comes as an event, as always."""
        self._journal.write(f"{self.name}: ending the whole tree")
        self._left_over += max(0, containment.end_tree(self.pid) - 1)

    def _create_stop_file(self) -> None:
        path = self.order.environment.get("STEELYARD_STOP_FILE")
        if not path:
            return
        try:
            with open(path, "a"):
                pass
        except OSError as error:
            self._journal.write(f"{self.name}: the stop file {path} could not be made: {error.strerror}")

    def _forget(self) -> None:
        self._waiter.remove(PROCESS)
        self._waiter.remove(OUTPUT)

    def _report(self, exit_code: int | None, signal: int | None, tail: str) -> None:
        if signal is not None:
            how = f"signal {signal}"
        elif exit_code is None:
            how = "its exit status could not be read"
        else:
            how = f"exit code {exit_code}"
        after = self._clocks.awake() - self._began
        because = f", stopped: {self.reason}" if self.reason else ""
        rest = f", {self._left_over} processes left over were ended" if self._left_over else ""
        lines = ""
        if exit_code != 0 and tail.strip():
            lines = "\n" + "\n".join(tail.rstrip().splitlines()[-10:])
        self._journal.write(f"{self.name}: ended after {after:.1f} s: {how}{because}{rest}{lines}")

    def _send(self, type_: str, **fields: object) -> None:
        self._outbox.send(type_, task_id=self.order.task_id, attempt=self.order.attempt, **fields)

    def _offer(self, type_: str, **fields: object) -> None:
        self._outbox.offer(type_, task_id=self.order.task_id, attempt=self.order.attempt, **fields)


def _shown(argv: list[str]) -> str:
    text = repr(argv)
    return text if len(text) <= 500 else text[:500] + " ..."
