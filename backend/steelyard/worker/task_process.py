"""One attempt: its first process, its tree, its time limit, the steps of a stop, and how it all ended."""

from __future__ import annotations

import os

from steelyard.machine import containment, process_table
from steelyard.machine.clocks import Clocks
from steelyard.machine.containment.ending import Ending
from steelyard.machine.faultpoints import reach
from steelyard.machine.waiting import Waiter
from steelyard.worker.host import OUTPUT, Host
from steelyard.worker.journal import Journal
from steelyard.worker.launching import CannotStart, prepare
from steelyard.worker.marks import Marks
from steelyard.worker.orders import Order
from steelyard.worker.outbox import AttemptOutbox, Outbox
from steelyard.worker.output import Relay

_NEVER = float("inf")


class TaskProcess:
    """Runs one attempt from start() to finished(); CannotStart and OSError come out of the constructor.

    Time spent suspended does not count against the time limit: whoever suspends a task does not mean to end
    it.
    """

    def __init__(
        self,
        order: Order,
        waiter: Waiter,
        clocks: Clocks,
        outbox: Outbox,
        journal: Journal,
        warm: Host | None = None,
    ) -> None:
        """warm: an idle process that serves this order, to be used in place of a fresh one."""
        self.order = order
        self.reason: str | None = None
        """Why it was asked to stop: "timeout" or the reason of a stop message; None if it was not."""
        self.warm: Host | None = None
        """Once it has ended: its process, if that may serve another attempt."""
        self._waiter = waiter
        self._clocks = clocks
        self._journal = journal
        self._left_over = 0
        self._suspended = False
        self._asked = False
        self._marks: Marks | None = None
        self._peak_known = True
        prepare(order)
        self.host = warm or Host(order, waiter)
        self._began = clocks.awake()
        self._limit = self._began + order.timeout if order.timeout else _NEVER
        self._time_left = _NEVER
        self._end_at = _NEVER
        # Without a way back from the relay to this object: with one, up to 64 KB of output would stay until
        # the collector comes round, which is seldom.
        mine = AttemptOutbox(outbox, order.task_id, order.attempt)
        self._send = mine.send
        self._relay = Relay(order, clocks, mine.send, mine.offer, journal)
        self._begin(fresh=warm is None)

    @property
    def pid(self) -> int:
        """The first process of its tree."""
        return self.host.pid

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

    def output(self, data: bytes | None) -> bool:
        """What the pipe gave; None: its end, the process may go on without. True: the run is over."""
        if data is None:
            self._waiter.remove(OUTPUT)
            return False
        self._take(data)
        if self._marks is None or self._marks.ending is None:
            return False
        status, cpu_seconds = self._marks.ending
        peak = containment.most_held(self.pid) if self._peak_known else None
        used = max(0.0, cpu_seconds - self.host.cpu_seconds)
        self._keep_or_retire(self._marks, cpu_seconds)
        self._conclude(Ending(status, None, peak, used))
        return True

    def finished(self) -> bool:
        """The process has ended: end the rest, abandon the pipe, report. False if the attempt goes on.

        CannotStart if it goes on in a fresh process, and there can be none.
        """
        ending = self.host.collect()
        if ending is None:
            return False
        reach("task", "exited")
        # First the tree, then the pipe: with no writer left what it holds is all there is, and a writer
        # outside the tree (a daemon that was handed the descriptor) is not waited for.
        self._left_over += containment.end_descendants()
        self._take(self.host.unread())
        self.host.forget()
        if self._marks is not None:
            if not self._marks.fresh and not self._marks.begun and self.reason is None:
                self._start_afresh()
                return False
            self._relay.feed(self._marks.rest())
            self._correct(ending, self._marks)
        self._conclude(ending)
        return True

    def abandon(self) -> None:
        """End the tree now and report nothing: nobody is there to be told."""
        containment.end_tree(self.pid, within=1.0)
        containment.end_descendants(within=1.0)
        self.host.collect()
        self.host.forget()
        self._relay.close()

    def _begin(self, *, fresh: bool) -> None:
        """The process is there; one that serves is asked to run, and a warm one has to say that it does."""
        if self.order.reuse_key is not None:
            self._peak_known = fresh or containment.forget_most(self.pid)
            nonce = os.urandom(16).hex()
            self._marks = Marks(nonce, fresh=fresh)
            self.host.ask(self.order, nonce)
        if fresh:
            self._announce()

    def _announce(self) -> None:
        entry = process_table.entry(self.pid)
        # A process that has ended already is a zombie of ours, and still has its identity.
        self._send("started", pid=self.pid, identity=entry.identity if entry else None)
        order = self.order
        runs = f"has run {self.host.runs} before, and now" if self.host.runs else "runs"
        self._journal.write(
            f"{self.name}: process {self.pid} {runs} {_shown(order.argv)} in {order.directory}"
        )

    def _start_afresh(self) -> None:
        """The warm process went before it began: code was edited since, or somebody ended it meanwhile."""
        self._journal.write(f"{self.name}: process {self.pid} did not take it, a fresh one is started")
        try:
            self.host = Host(self.order, self._waiter)
        except CannotStart:
            self._relay.close()
            raise
        self._begin(fresh=True)
        if self._suspended:
            containment.suspend_tree(os.getpid())

    def _take(self, data: bytes) -> None:
        marks = self._marks
        if marks is not None:
            begun = marks.begun
            data = marks.feed(data)
            if marks.begun and not begun and not marks.fresh:
                self._announce()
        self._relay.feed(data)

    def _keep_or_retire(self, marks: Marks, cpu_seconds: float) -> None:
        """After a run: end what it left behind, and the process with it if that may not go on."""
        # The process waits and forks no more: without a child now it will have none. Its orphans are ours.
        below = containment.descendants(self.pid)
        self._left_over += containment.end_descendants(keep=frozenset({self.pid}))
        if below or self._suspended:
            self._left_over += max(0, containment.end_tree(self.pid) - 1)
            why = "it left processes behind" if below else "it is suspended"
        elif self._left_over:
            why = "it left processes behind"
        elif self.reason is not None:
            why = f"it was stopped: {self.reason}"
        elif marks.stray:
            why = "it printed after its end"
        elif self.host.is_large(self.order):
            why = "it holds too much memory"
        else:
            self.host.rest(cpu_seconds, self._clocks.awake())
            self.warm = self.host
            return
        self._journal.write(f"{self.name}: process {self.pid} is not kept: {why}")
        last = self.host.retire()
        self._relay.feed(bytes(marks.stray) + last)

    def _correct(self, ending: Ending, marks: Marks) -> None:
        """Make of the end of a process that serves the end of this run."""
        if marks.ending is not None:
            # The run was over, and what came to its process between mark and look is not its affair.
            ending.exit_code, ending.signal = marks.ending[0], None
        if self.host.runs:
            # The kernel's figure is the largest of all runs.
            ending.peak_memory = None
        if ending.cpu_seconds is not None:
            ending.cpu_seconds = max(0.0, ending.cpu_seconds - self.host.cpu_seconds)

    def _conclude(self, ending: Ending) -> None:
        tail = self._relay.close()
        # Before the message: whoever hears it finds the whole story in the log.
        self._report(ending.exit_code, ending.signal, tail)
        reuse = {} if self._marks is None else {"warm": self.warm is not None}
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
            **reuse,
        )

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


def _shown(argv: list[str]) -> str:
    text = repr(argv)
    return text if len(text) <= 500 else text[:500] + " ..."
