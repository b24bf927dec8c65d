"""The agent's main loop: one thread, one wait, one task at a time, and nobody left behind however it ends.

It ends its tree and goes when the sidecar's pipe ends, when the kernel or somebody sends SIGTERM, when the
parent's pid no longer is the parent, and when the sidecar sends what is no message.
"""

from __future__ import annotations

import os
import signal
import sys

from steelyard.machine import containment, heap, identity
from steelyard.machine.clocks import Clocks, SystemClocks
from steelyard.machine.faultpoints import reach
from steelyard.machine.waiting import CHILDREN, END, WRITABLE, Waiter
from steelyard.rules.messages import TO_WORKER, VERSION, Lines, MessageError, decode
from steelyard.worker import orders, outbox
from steelyard.worker.host import OUTPUT, PROCESS, Host
from steelyard.worker.journal import Journal
from steelyard.worker.launching import CannotStart
from steelyard.worker.orders import Hello, Order
from steelyard.worker.outbox import Outbox, SidecarGone
from steelyard.worker.task_process import TaskProcess
from steelyard.worker.watchdog import ParentWatch

LEFT, BROKEN_PEER, PARENT_GONE, TERMINATED = 0, 3, 4, 128 + signal.SIGTERM
"""Exit status: told to leave; an unknown message; the parent is gone; SIGTERM."""

STDIN, PARENT = "stdin", "parent"
_LAST_WORDS = 1.0
"""Seconds that the last messages may take to leave when the agent was told to go."""


class Agent:
    """From hello to exit; run() returns the exit status."""

    def __init__(self, clocks: Clocks, reader: int, writer: int) -> None:
        self._clocks = clocks
        self._waiter = Waiter()
        self._waiter.add_reader(reader, STDIN)
        self._waiter.add_writer(writer, outbox.KEY)
        self._outbox = Outbox(self._waiter)
        self._journal = Journal(clocks)
        self._lines = Lines()
        self._hello: Hello | None = None
        self._parent: ParentWatch | None = None
        self._task: TaskProcess | None = None
        self._warm: Host | None = None
        """An idle process that may serve the next attempt; never beside a task."""
        self._heartbeat_due = float("inf")
        self._leaving = False
        self._status: int | None = None
        self._terminated = False

    def terminate(self, number: int, frame: object) -> None:
        """The handler of SIGTERM: the loop wakes and sees it."""
        self._terminated = True

    def run(self) -> int:
        """Serve until it is time to go; whatever happens, the tree is ended."""
        try:
            while self._status is None:
                host = self._host
                for key, event in self._waiter.wait(self._until_due()):
                    # What came from a process that was replaced since is not the new one's.
                    if self._host is host or key not in (OUTPUT, PROCESS):
                        self._handle(key, event)
                self._turn()
        except MessageError as error:
            self._go(BROKEN_PEER, f"the sidecar sent what is no message: {error}")
        except SidecarGone as error:
            self._go(PARENT_GONE, f"the pipe to the sidecar is broken: {error}")
        finally:
            self._end_everything()
        return LEFT if self._status is None else self._status

    @property
    def _host(self) -> Host | None:
        return self._task.host if self._task is not None else self._warm

    def _until_due(self) -> float:
        now = self._clocks.awake()
        due = self._heartbeat_due
        if self._parent is not None:
            due = min(due, self._parent.due)
        if self._task is not None:
            due = min(due, self._task.due())
        if self._warm is not None:
            due = min(due, self._warm.cold_at)
        # The wait of a system that sleeps is not always awake time: look again at least every minute.
        return min(60.0, max(0.0, due - now))

    def _handle(self, key: str, event: bytes | int | None) -> None:
        if self._status is not None:
            return
        if key == STDIN and isinstance(event, bytes):
            for line in self._lines.feed(event):
                self._obey(decode(line, TO_WORKER))
        elif key == PARENT or (key in (STDIN, outbox.KEY) and event is END):
            self._go(PARENT_GONE, "the sidecar is gone")
        elif key == outbox.KEY and event == WRITABLE:
            self._outbox.flush()
        elif key in (OUTPUT, PROCESS):
            self._heed(key, event)
        elif key == CHILDREN:
            containment.reap_orphans(frozenset({self._host.pid} if self._host is not None else ()))

    def _heed(self, key: str, event: bytes | int | None) -> None:
        """Something of the one process: it belongs to a task, or it is warm and should be silent."""
        task = self._task
        if task is None:
            self._cool("it ended" if key == PROCESS else "it printed between two runs")
            return
        try:
            over = task.finished() if key == PROCESS else not isinstance(event, int) and task.output(event)
        except CannotStart as error:
            self._not_started(task.order, error)
            over = True
        if over:
            self._put_away(task)

    def _put_away(self, task: TaskProcess) -> None:
        """The attempt is over: what of it stays is a warm process."""
        self._task, self._warm = None, task.warm
        heap.give_back_memory()

    def _turn(self) -> None:
        """What is due, however it came to be due."""
        now = self._clocks.awake()
        if self._terminated:
            self._go(TERMINATED, "SIGTERM")
        elif self._parent is not None and self._parent.lost(now):
            self._go(PARENT_GONE, "the parent is another process now")
        elif self._status is None:
            if now >= self._heartbeat_due and self._hello is not None:
                # Not due + interval: after a long stop of this process one heartbeat says as much as many.
                self._heartbeat_due = now + self._hello.heartbeat
                self._outbox.offer("heartbeat", warm=self._warm is not None)
            if self._task is not None and self._task.turn():
                self._put_away(self._task)
            if self._task is not None:
                return
            if self._leaving:
                self._cool("the worker leaves")
                self._flush_last_words()
                self._go(LEFT, "told to leave")
            elif self._warm is not None and now >= self._warm.cold_at:
                self._cool("nothing came for it")

    def _obey(self, message: dict[str, object]) -> None:
        type_ = str(message["type"])
        reach(type_, "received")
        if (type_ == "hello") != (self._hello is None):
            raise MessageError(f"{type_} at the wrong moment")
        if type_ == "hello":
            self._greet(Hello(message))
        elif type_ == "start":
            self._start(Order(message))
        elif type_ == "exit":
            self._leaving = True
            grace = orders.number(message, "grace")
            if self._task is not None:
                self._task.stop("exit", grace)
        else:
            self._obey_for_task(message)

    def _obey_for_task(self, message: dict[str, object]) -> None:
        fence = (orders.text(message, "task_id"), orders.whole(message, "attempt"))
        reason, grace = "", 0.0
        if message["type"] == "stop":
            reason, grace = orders.text(message, "reason"), orders.number(message, "grace")
        task = self._task
        if task is None or (task.order.task_id, task.order.attempt) != fence:
            # It crossed the end of that attempt on the way, and `ended` was sent before; or it never ran.
            self._journal.write(
                f"{message['type']} for task {fence[0]} attempt {fence[1]}, which does not run here"
            )
            self._outbox.send("absent", task_id=fence[0], attempt=fence[1])
        elif message["type"] == "stop":
            task.stop(reason, grace)
        elif message["type"] == "suspend":
            task.suspend()
        else:
            task.resume()

    def _greet(self, hello: Hello) -> None:
        self._hello = hello
        self._journal.open(hello.log_path, hello.log_bytes, hello.log_backups)
        self._journal.write(f"worker {hello.worker_id}: started, process {os.getpid()}")
        now = self._clocks.awake()
        self._parent = ParentWatch(hello.parent_pid, hello.parent_identity, now)
        self._waiter.watch_process(hello.parent_pid, PARENT)
        if self._parent.is_gone():
            # It died before we were tied to it, so no signal will come.
            self._go(PARENT_GONE, "the parent that said hello is not there")
            return
        self._heartbeat_due = now + hello.heartbeat
        self._outbox.send(
            "ready",
            v=VERSION,
            worker_id=hello.worker_id,
            token=hello.token,
            pid=os.getpid(),
            identity=identity.identity_of(os.getpid()),
        )

    def _start(self, order: Order) -> None:
        if self._task is not None:
            raise MessageError(f"start of task {order.task_id} while task {self._task.order.task_id} runs")
        if self._leaving:
            raise MessageError(f"start of task {order.task_id} after exit")
        if self._warm is not None and not self._warm.serves(order):
            self._cool(f"task {order.task_id} needs another")
        try:
            self._task = TaskProcess(
                order, self._waiter, self._clocks, self._outbox, self._journal, self._warm
            )
            self._warm = None
        except CannotStart as error:
            self._not_started(order, error)

    def _not_started(self, order: Order, error: CannotStart) -> None:
        self._journal.write(f"task {order.task_id} attempt {order.attempt}: {error}")
        self._outbox.send(
            "ended",
            task_id=order.task_id,
            attempt=order.attempt,
            exit_code=None,
            signal=None,
            stopped=None,
            error=str(error),
            missing=error.missing,
            tail="",
            left_over=0,
            peak_memory=None,
            cpu_seconds=None,
        )

    def _cool(self, why: str) -> None:
        """End the warm process, if there is one, and say that it is gone."""
        warm, self._warm = self._warm, None
        if warm is not None:
            warm.retire()
            self._journal.write(f"warm process {warm.pid} is ended after {warm.runs} runs: {why}")
            self._outbox.offer("heartbeat", warm=False)

    def _go(self, status: int, why: str) -> None:
        if self._status is None:
            self._status = status
            self._journal.write(f"leaving with status {status}: {why}")

    def _flush_last_words(self) -> None:
        deadline = self._clocks.awake() + _LAST_WORDS
        self._outbox.flush()
        while not self._outbox.is_empty and self._clocks.awake() < deadline:
            for key, event in self._waiter.wait(deadline - self._clocks.awake()):
                if key == outbox.KEY and event == WRITABLE:
                    self._outbox.flush()

    def _end_everything(self) -> None:
        if self._task is not None:
            self._task.abandon()
            self._task = None
        containment.end_descendants(within=1.0)


def main() -> int:
    """Run the agent on standard input and output; its exit status.

    The two ties come first: a parent that dies from here on takes us with it.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write(
            "A worker is started by the sidecar and talks to it through pipes: see `steelyard workers`.\n"
        )
        return 2
    agent = Agent(SystemClocks(), 0, 1)
    signal.signal(signal.SIGTERM, agent.terminate)
    for name in ("SIGINT", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            # A handler and not SIG_IGN, which the task's processes would inherit.
            signal.signal(number, _stay)
    try:
        containment.leave_no_one()
    except OSError as error:
        sys.stderr.write(f"{error}: a task is followed by the parents of its processes alone\n")
    containment.become_subreaper()
    containment.die_with_parent(signal.SIGTERM)
    return agent.run()


def _stay(number: int, frame: object) -> None:
    """Ctrl-C in the terminal of the sidecar is the sidecar's to answer."""
