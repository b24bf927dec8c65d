"""Listening sockets that outlive whatever a client does, also on Windows. loop_meter makes the loop of it."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

LONGEST_PAUSE = 0.5
"""Seconds between two tries to accept while the system lacks what that needs (memory, handles)."""


async def accepted(accept: Callable[[], Awaitable[Any]], listener: socket.socket) -> Any:
    """What accept() gives, which is tried until it does: a client that left before it was accepted is an
    OSError of the listening socket on Windows, and so may be a want of memory.

    Raises OSError once the listening socket is closed.
    """
    pause = 0.0
    while True:
        try:
            return await accept()
        except OSError:
            if listener.fileno() == -1:
                raise
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause or 0.001)


if sys.platform == "win32":
    from asyncio.windows_events import IocpProactor

    class PatientProactor(IocpProactor):
        """asyncio's own closes the listening socket for good at the first accept that fails."""

        def accept(self, listener: socket.socket) -> asyncio.Future[Any]:
            """A future of (connection, address)."""
            again = super().accept
            return asyncio.ensure_future(accepted(lambda: again(listener), listener))
