"""Puts the sidecar together, in the order of DESIGN section 1, and takes it apart again.

Lock, preferences, database, recovery, socket, server, ready; and back: workers, WebSockets, server,
database, lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

import steelyard
from steelyard.cli.sidecar_parent import Hello, Order, read_orders, say, watch_parent
from steelyard.machine import containment, processes
from steelyard.machine.clocks import SystemClocks
from steelyard.machine.memory import probe
from steelyard.settings import environment
from steelyard.settings.preferences import Preferences
from steelyard.settings.simulations import BUNDLED, Catalogue
from steelyard.store.database import Database
from steelyard.supervisor import ownership
from steelyard.supervisor.feed import Feed
from steelyard.supervisor.scale import Scale
from steelyard.supervisor.supervisor import Supervisor
from steelyard.supervisor.yard import Yard
from steelyard.web.access import Access
from steelyard.web.app import create_app
from steelyard.web.serving import listen, make_server

log = logging.getLogger(__name__)

PARENT_GONE_DEADLINE = 0.6
"""Seconds for a soft stop when the parent is gone: all of it must be over within 1 s."""
STOP_DEADLINE = 10.0


class Sidecar:
    """One run of the sidecar.

    embedded: stdin and the parent are watched, and the ready line carries a proof.
    """

    def __init__(self, hello: Hello, port: int, *, embedded: bool) -> None:
        self._hello = hello
        self._port = port
        self._embedded = embedded
        self._asked_to_stop = asyncio.Event()
        self._how: tuple[str, float] = ("stop", STOP_DEADLINE)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """From the lock to the last line of the log. StartError when it cannot start."""
        data = self._hello.data
        say("phase", name="locking", detail=str(data.path))
        data.prepare()
        with contextlib.closing(data.lock()):
            _log_to(data.logs / "sidecar.log")
            log.info("steelyard %s starts as process %d", steelyard.__version__, os.getpid())
            containment.leave_no_one()
            containment.become_subreaper()
            preferences = Preferences(data.preferences)
            preferences.read()
            clocks = SystemClocks()
            environment.load(os.environ, preferences.stated)
            database = Database.open(
                data.database, clocks, lambda name, detail: say("phase", name=name, detail=detail)
            )
            try:
                yard = Yard(
                    database=database,
                    data=data,
                    catalogue=Catalogue([BUNDLED, data.simulations]),
                    preferences=preferences,
                    read_settings=lambda: environment.load(os.environ, preferences.stated),
                    clocks=clocks,
                    scale=Scale(probe, processes.TreeSampler(), processes.physical_cores()),
                    feed=Feed(database),
                    rng=random.Random(),
                )
                await self._serve(yard, Supervisor(yard))
            finally:
                database.close()
                ownership.remove(data)
        log.info("steelyard has stopped")

    async def _serve(self, yard: Yard, supervisor: Supervisor) -> None:
        say("phase", name="starting", detail="")
        with contextlib.closing(listen(self._port)) as listening:
            port: int = listening.getsockname()[1]
            access = Access(port, self._hello.token, yard.clocks)
            server = make_server(create_app(supervisor, access))
            async with self._stops(), server.running(listening):
                try:
                    await supervisor.start(self._hello.workers)
                    self._announce(yard, access, port)
                    await self._asked_to_stop.wait()
                finally:
                    mode, deadline = self._how
                    log.info("stopping: %s, %.1f s", mode, deadline)
                    await supervisor.stop(mode, deadline)

    def _announce(self, yard: Yard, access: Access, port: int) -> None:
        url = f"http://127.0.0.1:{port}/"
        ownership.write(
            yard.data,
            url=url,
            token=self._hello.token,
            instance=self._hello.instance,
            create_time=psutil.Process().create_time(),
        )
        proof = {"proof": self._hello.proof(port)} if self._embedded else {}
        say(
            "ready",
            port=port,
            url=url,
            pid=os.getpid(),
            instance=self._hello.instance,
            version=steelyard.__version__,
            **proof,
        )
        if not self._embedded:
            print(
                f"Steelyard listens on {url}\nSign in with a browser (once, within 5 minutes): ",
                end="",
                file=sys.stderr,
            )
            print(access.new_link(), file=sys.stderr, flush=True)

    # reasons to stop

    @contextlib.asynccontextmanager
    async def _stops(self) -> AsyncIterator[None]:
        """Listen to whoever may end the sidecar:

        signals without a parent, orders and the parent's end with one.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, self._stop, "stop", STOP_DEADLINE)
        if self._embedded:
            read_orders(sys.stdin.buffer, self._obey, self._parent_gone)
            assert self._hello.parent is not None
            self._tasks.append(loop.create_task(watch_parent(self._hello.parent, self._parent_gone)))
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()

    def _stop(self, mode: str, deadline: float) -> None:
        self._how = (mode, deadline)
        self._asked_to_stop.set()

    def _parent_gone(self) -> None:
        self._stop("stop", PARENT_GONE_DEADLINE)

    def _obey(self, order: Order) -> None:
        if order.type == "ping":
            say("pong")
        elif order.type == "shutdown" and order.mode in ("drain", "stop"):
            self._stop(order.mode, min(max(order.deadline_s, 0.0), 86_400.0))
        elif order.type == "power":
            log.info("power: %s", order.event)
        else:
            log.warning("an order that is not known was left alone: %s", order.type[:40])


def _log_to(path: Path) -> None:
    """Everything of ours goes to sidecar.log, 10 MB and 3 backups; stdout is not for logs."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.close(descriptor)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=10_000_000, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
