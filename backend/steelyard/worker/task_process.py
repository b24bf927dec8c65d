"""One attempt: its first process, its tree, its time limit, the steps of a stop, and how it all ended."""

from __future__ import annotations

import os

from steelyard.machine import containment, process_table
from steelyard.machine.clocks import Clocks
from steelyard.machine.containment.ending import Ending
from steelyard.machine.faultpoints import reach
from steelyard.machine.waiting import Waiter
from steelyard.worker.clearing import Clearing
from steelyard.worker.host import ORDERLY, OUTPUT, PROCESS, Host
from steelyard.worker.journal import Journal
from steelyard.worker.launching import CannotStart, create_stop_file, prepare
from steelyard.worker.marks import Marks
from steelyard.worker.orders import Order
from steelyard.worker.outbox import AttemptOutbox, Outbox
from steelyard.worker.output import Relay

_NEVER = float("inf")
_SIGKILL = 9

_HARD = frozenset({"memory_guard", "aborted"})
"""Reasons for which what is large ends at once: memory is wanted back, or the whole worker goes."""

_LEAVING, _ABANDONED = 0.5, 0.4
"""Seconds that what a run left has when the worker leaves, after the grace; and when its sidecar is gone."""


class TaskProcess:
    """Runs one attempt until output(), finished() or turn() says that it is over.

    CannotStart and OSError come out of the constructor.

    The end of the first process settles how the run ended. What is left of its tree then has a moment to
    clean up, and the attempt is over when nobody lives. Time spent suspended does not count against the time
    limit: whoever suspends a task does not mean to end it.
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
        self._ending: Ending | None = None
        """How the run ended, once that is known; nothing that comes later changes it."""
        self._ended_at = _NEVER
        self._clearing: Clearing | None = None
        self._hard = False
        self._gone_by = _NEVER
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
        clearing = _NEVER if self._clearing is None else self._clearing.due()
        return min(self._limit, self._end_at, self._relay.due(), clearing)

    def turn(self) -> bool:
        """What is due now: reports, time limit, the end of a grace, a look at what is left. True: over."""
        now = self._clocks.awake()
        self._relay.turn(now)
        if now >= self._limit:
            self._limit = _NEVER
            self._journal.write(f"{self.name}: time limit of {self.order.timeout:g} s reached")
            self.reason = self.reason or "timeout"
            self._ask(self.order.grace)
        if now >= self._end_at:
            self._journal.write(f"{self.name}: ending the whole tree")
            self._hard = True
            self._clear(now)
        return self._clearing is not None and self._is_cleared(now)

    def stop(self, reason: str, grace: float) -> None:
        """Stop softly and, after grace seconds of awake time, for good; 0: at once.

        A further stop may shorten the grace, never lengthen it. Its reason takes the place of the earlier
        one, but for "exit": that the worker leaves as well does not change why this task ends. Once the run
        has ended a stop changes only how long what it left may take.
        """
        now = self._clocks.awake()
        self._journal.write(f"{self.name}: stop ({reason}), {grace:g} s of grace")
        if self._ending is None and (self.reason is None or reason != "exit"):
            self.reason = reason
        if reason == "exit":
            self._gone_by = min(self._gone_by, now + grace + min(_LEAVING, grace / 2))
        else:
            self._hard = self._hard or grace <= 0 or reason in _HARD
        if self._clearing is None:
            self._ask(grace)
        else:
            self._clearing.shorten(self._gone_by)
            if self._hard:
                self._clearing.hurry(now)

    def suspend(self) -> None:
        """Freeze the whole tree. Not while it is being stopped: it could not stop by itself."""
        if self.reason is None and self._clearing is None and not self._suspended:
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
        if self._marks is None or self._marks.ending is None or self._ending is not None:
            return False
        status, cpu_seconds = self._marks.ending
        peak = containment.most_held(self.pid) if self._peak_known else None
        used = max(0.0, cpu_seconds - self.host.cpu_seconds)
        return self._keep_or_clear(self._marks, cpu_seconds, Ending(status, None, peak, used))

    def finished(self) -> bool:
        """The process has ended. False if the attempt is not over with it.

        CannotStart if it goes on in a fresh process, and there can be none.
        """
        ending = self.host.collect()
        if ending is None:
            return False
        reach("task", "exited")
        now, marks = self._clocks.awake(), self._marks
        # All that the process wrote is in the pipe, and what others write goes on.
        self._take(self.host.unread())
        if marks is not None and not marks.fresh and not marks.begun and self.reason is None:
            containment.end_descendants()
            self.host.forget()
            self._start_afresh()
            return False
        if self._ending is None:
            if marks is not None:
                self._relay.feed(marks.rest())
                ending = self.host.of_this_run(ending, marks.ending[0] if marks.ending else None)
            self._ending, self._ended_at = ending, now
        self._relay.settle()
        self.host.hang_up()
        self._waiter.remove(PROCESS)
        if self._clearing is None:
            # A kill from outside, or the kernel's: memory is short, perhaps.
            self._hard = self._hard or ending.signal == _SIGKILL
            self._clear(now)
        else:
            self._clearing.first_ended(now)
        return self._is_cleared(now)

    def abandon(self) -> None:
        """End the tree now and report nothing: nobody is there to be told. Only cleaners have a moment."""
        now = self._clocks.awake()
        self._hard, self._gone_by = True, min(self._gone_by, now + _ABANDONED)
        clearing = self._clearing or self._clear(now)
        clearing.shorten(self._gone_by)
        clearing.see_through(self._clocks, self._waiter, self.host)
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
        if marks is not None and self._ending is None:
            begun = marks.begun
            data = marks.feed(data)
            if marks.begun and not begun and not marks.fresh:
                self._announce()
        self._relay.feed(data)

    def _keep_or_clear(self, marks: Marks, cpu_seconds: float, ending: Ending) -> bool:
        """A run of a process that serves is over: keep that, or let it end in its own way. True: all over."""
        now = self._clocks.awake()
        self._ending, self._ended_at = ending, now
        # The process waits and forks no more: without a child now it will have none. Its orphans are ours.
        if set(containment.descendants(os.getpid())) - {self.pid}:
            why = "it left processes behind"
        elif self._suspended:
            why = "it is suspended"
        elif self.reason is not None:
            why = f"it was stopped: {self.reason}"
        elif marks.stray:
            why = "it printed after its end"
        elif self.host.is_large(self.order):
            why = "it holds too much memory"
        else:
            containment.end_descendants(keep=frozenset({self.pid}))
            self.host.rest(cpu_seconds, now)
            self.warm = self.host
            self._conclude(ending)
            return True
        self._journal.write(f"{self.name}: process {self.pid} is not kept: {why}")
        self._relay.feed(bytes(marks.stray))
        if self._suspended:
            containment.resume_tree(os.getpid())
        self.host.hang_up()
        self._clear(now, ask_at=now + ORDERLY)
        return self._is_cleared(now)

    def _clear(self, now: float, ask_at: float = 0.0) -> Clearing:
        """Give what is left its moment. After a hard end the first process has none: its end is an event."""
        self._limit = self._end_at = _NEVER
        self._suspended = False
        first = None if self.host.is_collected else self.pid
        asked = self.pid if self._asked else None
        clearing = Clearing(now, first=first, asked=asked, ask_at=ask_at, gone_by=self._gone_by)
        if self._hard:
            clearing.hurry(now)
        self._clearing = clearing
        return clearing

    def _is_cleared(self, now: float) -> bool:
        """Look after what is left. True, and all is reported, if nobody is and how the run ended is known."""
        if self._clearing is None or not self._clearing.look(now) or self._ending is None:
            return False
        if not self.host.is_collected:
            self.host.collect()
        # With no writer left the pipe holds all there is; one outside the tree is not waited for.
        self._take(self.host.unread())
        self.host.forget()
        self._conclude(self._ending)
        return True

    def _conclude(self, ending: Ending) -> None:
        tail = self._relay.close()
        left, rest = 0, ""
        more: dict[str, object] = {} if self._marks is None else {"warm": self.warm is not None}
        if self._clearing is not None and self._clearing.left:
            left, lingered = self._clearing.left, max(0.0, self._clocks.awake() - self._ended_at)
            more["lingered"] = lingered
            rest = f"; it left {left} processes, {self._clearing.ended} were ended after {lingered:.2f} s"
        # Before the message: whoever hears it finds the whole story in the log.
        self._report(ending, tail, rest)
        self._send(
            "ended",
            exit_code=ending.exit_code,
            signal=ending.signal,
            stopped=self.reason,
            error=None,
            tail=tail,
            left_over=left,
            peak_memory=ending.peak_memory,
            cpu_seconds=ending.cpu_seconds,
            lost=self._relay.lost,
            **more,
        )

    def _ask(self, grace: float) -> None:
        self._end_at = min(self._end_at, self._clocks.awake() + grace)
        if grace <= 0 or self._asked:
            return
        self._asked = True
        try:
            create_stop_file(self.order)
        except OSError as error:
            self._journal.write(f"{self.name}: the stop file could not be made: {error}")
        if self._suspended:
            self.resume()
        containment.ask_to_stop(self.pid)

    def _report(self, ending: Ending, tail: str, rest: str) -> None:
        after = self._ended_at - self._began
        because = f", stopped: {self.reason}" if self.reason else ""
        failed = ending.exit_code != 0 and tail.strip()
        lines = "\n" + "\n".join(tail.rstrip().splitlines()[-10:]) if failed else ""
        how = f"{ending.in_words()}{because}{rest}{lines}"
        self._journal.write(f"{self.name}: ended after {after:.1f} s: {how}")


def _shown(argv: list[str]) -> str:
    text = repr(argv)
    return text if len(text) <= 500 else text[:500] + " ..."
