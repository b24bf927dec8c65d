"""Puts the sidecar together and takes it apart again.

Lock, preferences, database, recovery, socket, server, ready: whoever reads "ready" can ask for everything,
and a start that fails has changed nothing. Back: workers, WebSockets, server, database, lock, so that what
ends is recorded and nobody else has the database before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable

import psutil

import steelyard
from steelyard.cli.sidecar_log import log_privately
from steelyard.cli.sidecar_parent import (
    Hello,
    Order,
    Orders,
    ParentPipe,
    end_for_certain,
    say,
    watch_parent,
)
from steelyard.machine import battery, containment, processes
from steelyard.machine.clocks import SystemClocks
from steelyard.machine.loop_meter import LoopMeter
from steelyard.machine.memory import probe
from steelyard.machine.memory.oom import oom_kills
from steelyard.machine.paths import make_log_folder
from steelyard.machine.processes.programs import largest_programs
from steelyard.machine.turn_taking import prefer_the_loop
from steelyard.rules.errors import StartError
from steelyard.settings import environment
from steelyard.settings.environment import Settings
from steelyard.settings.preferences import Preferences
from steelyard.settings.simulations import BUNDLED, Catalogue
from steelyard.store.database import Database
from steelyard.supervisor import ownership
from steelyard.supervisor.departure import Mode
from steelyard.supervisor.feed import Feed
from steelyard.supervisor.guarding import watch
from steelyard.supervisor.scale import Scale
from steelyard.supervisor.supervisor import Supervisor
from steelyard.supervisor.yard import Yard
from steelyard.web.access import Access
from steelyard.web.app import create_app
from steelyard.web.serving import listen, make_server

log = logging.getLogger(__name__)

AT_ONCE = 0.5
"""Seconds for a soft stop when the parent is gone, or a second signal came: all of it is over within 1 s."""
STOP_DEADLINE = 10.0
POWER_EVENTS = frozenset({"suspend", "resume", "on-battery", "on-ac"})
LAST_RESORT = 2.5
"""Seconds after a deadline at which the process ends however far it has come: a disk that hangs, or a fault
of ours, must not leave a sidecar that nobody knows of. The agents end with it.
"""
CLOSED_WITHIN, CLOSED_AT_ONCE = 2.0, 0.5
"""Seconds that a long change of the database has to be committed on the way out; else it is undone."""
LONGEST_DEADLINE = 31_536_000.0
HASTY_REQUESTS = 0.1
"""Seconds that requests have to finish when there is no time for a soft stop."""


class Sidecar:
    """One run of the sidecar.

    stdin: the pipe from the program that embeds it, which is then watched, and gets a ready line with a
    proof; None: whoever typed the command stops it by a signal. meter: that of the loop it runs in.
    """

    def __init__(self, hello: Hello, port: int, stdin: ParentPipe | None, meter: LoopMeter) -> None:
        self._meter = meter
        self._hello = hello
        self._port = port
        self._stdin = stdin
        self._asked_to_stop = asyncio.Event()
        self._in_a_hurry = False
        self.failure: str | None = None
        """Why it left by itself: a fault of ours, after which it has to be started anew."""
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """From the lock to the last line of the log. StartError when it cannot start."""
        data = self._hello.data
        orders = Orders(self._stdin) if self._stdin is not None else None
        say("phase", name="locking", detail=str(data.path))
        data.prepare()
        with contextlib.closing(data.lock()):
            said = ownership.refuse_living_owner(data, time.time())
            with data.writing():
                log_privately(data.logs / "sidecar.log")
            if said is not None:
                log.warning("%s", said)
            log.info("steelyard %s starts as process %d", steelyard.__version__, os.getpid())
            try:
                containment.leave_no_one()
            except OSError as error:
                log.warning(
                    "%s: what a worker that is killed leaves behind is ended only at the next start",
                    error.strerror or error,
                )
            containment.become_subreaper()
            preferences = Preferences(data.preferences)
            preferences.read()
            clocks = SystemClocks()
            settings = environment.load(os.environ, preferences.stated)
            _check_log_folder(settings)
            database = Database.open(
                data.database, clocks, lambda name, detail: say("phase", name=name, detail=detail)
            )
            try:
                yard = Yard(
                    database=database,
                    data=data,
                    catalogue=Catalogue([BUNDLED, settings.simulations_dir or data.simulations]),
                    preferences=preferences,
                    read_settings=lambda: environment.load(os.environ, preferences.stated),
                    clocks=clocks,
                    scale=Scale(
                        probe,
                        processes.TreeSampler(),
                        processes.physical_cores(),
                        oom_kills,
                        largest_programs,
                    ),
                    feed=Feed(database),
                    rng=random.Random(),
                    battery=battery.charge,
                    meter=self._meter,
                )
                if self._hello.environment_follows:
                    yard.users.expect(clocks.awake())
                await self._serve(yard, Supervisor(yard), orders)
            finally:
                database.close(CLOSED_AT_ONCE if self._in_a_hurry else CLOSED_WITHIN)
                ownership.remove(data)
        log.info("steelyard has stopped")

    async def _serve(self, yard: Yard, supervisor: Supervisor, orders: Orders | None) -> None:
        say("phase", name="starting", detail="")
        with contextlib.closing(listen(self._port)) as listening:
            port: int = listening.getsockname()[1]
            access = Access(port, self._hello.token, yard.clocks)
            server = make_server(create_app(supervisor, access))
            async with self._stops(supervisor, orders), server.running(listening):
                self._meter.start()
                prefer_the_loop()
                try:
                    with yard.data.writing():
                        await supervisor.start(self._hello.workers)
                        self._announce(yard, access, port)
                    await self._asked_to_stop.wait()
                finally:
                    await supervisor.stop()
                    # Nothing that comes now takes long, whatever is said of a deadline.
                    end_for_certain(STOP_DEADLINE)
                    self._meter.stop()
                    server.hurry(
                        HASTY_REQUESTS if self._in_a_hurry else max(HASTY_REQUESTS, supervisor.time_left)
                    )

    def _announce(self, yard: Yard, access: Access, port: int) -> None:
        url = f"http://127.0.0.1:{port}/"
        ownership.write(
            yard.data,
            url=url,
            token=self._hello.token,
            instance=self._hello.instance,
            create_time=psutil.Process().create_time(),
        )
        proof = {"proof": self._hello.proof(port)} if self._stdin else {}
        say(
            "ready",
            port=port,
            url=url,
            pid=os.getpid(),
            instance=self._hello.instance,
            version=steelyard.__version__,
            **proof,
        )
        if self._stdin is None:
            print(
                f"Steelyard listens on {url}\nSign in with a browser (once, within 5 minutes): ",
                end="",
                file=sys.stderr,
            )
            print(access.new_link(), file=sys.stderr, flush=True)

    # reasons to stop

    @contextlib.asynccontextmanager
    async def _stops(self, supervisor: Supervisor, orders: Orders | None) -> AsyncIterator[None]:
        """Listen to whoever may end the sidecar: signals, and the orders and the end of a parent."""
        loop = asyncio.get_running_loop()

        def leave(mode: Mode, deadline: float | None, why: str) -> None:
            shown = "no deadline" if deadline is None else f"within {deadline:.1f} s"
            log.info("leaving (%s): %s, %s", why, mode, shown)
            self._in_a_hurry |= deadline is not None and deadline <= AT_ONCE
            supervisor.leave(mode, deadline)
            if deadline is not None:
                end_for_certain(deadline + LAST_RESORT)
            self._asked_to_stop.set()

        def signalled(number: int) -> None:
            # Whoever asks twice does not want to wait.
            deadline = AT_ONCE if self._asked_to_stop.is_set() else STOP_DEADLINE
            leave("stop", deadline, signal.Signals(number).name)

        def parent_gone() -> None:
            leave("stop", AT_ONCE, "the parent is gone")

        def lost(why: str) -> None:
            self.failure = why
            leave("stop", STOP_DEADLINE, why)

        supervisor.when_lost(lost)

        def hung_up() -> None:
            # Once: a shell that goes with its terminal passes on the signal that the system sends as well.
            if not self._asked_to_stop.is_set():
                leave("stop", STOP_DEADLINE, "the terminal was closed")

        with contextlib.suppress(NotImplementedError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, signalled, number)
            hangup = getattr(signal, "SIGHUP", None)
            # Ignored: whoever started it with nohup wants it to stay.
            if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
                loop.add_signal_handler(hangup, hung_up)
        if orders is not None:
            orders.follow(lambda order: _obey(order, leave, supervisor), parent_gone)
            assert self._hello.parent is not None
            watching = loop.create_task(watch_parent(self._hello.parent, parent_gone))
            watch(watching, "watching the parent's process", lambda why: None)
            self._tasks.append(watching)
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()


def _obey(order: Order, leave: Callable[[Mode, float | None, str], None], supervisor: Supervisor) -> None:
    """Carry out one line of the parent's; one that is not understood is logged, and changes nothing."""
    deadline = order.deadline_s
    if order.type == "ping":
        say("pong")
    elif order.type == "shutdown" and order.mode in ("drain", "stop") and (deadline is None or deadline >= 0):
        if order.mode == "drain":
            leave("drain", None if deadline is None else min(deadline, LONGEST_DEADLINE), "shutdown")
        else:
            leave("stop", STOP_DEADLINE if deadline is None else min(deadline, LONGEST_DEADLINE), "shutdown")
    elif order.type == "power" and order.event in POWER_EVENTS:
        log.info("power: %s", order.event)
        supervisor.power_changed()
    elif order.type == "environment":
        # Names only: what they hold is the user's business.
        log.info("%d variables of the user for tasks, %s", len(order.variables), order.source)
        supervisor.users_environment(order.variables, order.source, order.left_out, order.note)
    else:
        log.warning("an order that is not known was left alone: %.80r", order.type)


def _check_log_folder(settings: Settings) -> None:
    """StartError for a WORKER_LOG_DIR in which no worker could write its log."""
    folder = settings.worker_log_dir
    if folder is None:
        return
    try:
        make_log_folder(folder)
    except OSError as error:
        of_environment = settings.sources["worker_log_dir"] == "environment"
        raise StartError(
            "bad_configuration" if of_environment else "bad_preferences",
            f"{'WORKER_LOG_DIR' if of_environment else 'The preference worker_log_dir'} is {str(folder)!r}: "
            f"expected a folder that can be written ({error.strerror or error}).",
            "Name a folder of your own, or leave it out: the logs then lie in the data directory.",
        ) from error
