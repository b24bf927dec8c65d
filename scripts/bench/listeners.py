"""Listeners for load.py, in a process of their own: one that checks every message, and many that only read.

argv: how many in all. stdin: a sidecar's record as one line of JSON; later, in another line, the `seq` up to
which the careful one shall read before it reports. stdout: an empty line when all are connected, then
{"tasks", "gaps", "sent_away"}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import websockets

STORED = ("worker", "task", "prompt")


class Careful:
    """What the one that checks has heard."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.gaps = 0
        self.last = 0

    def hear(self, message: dict[str, Any]) -> None:
        """A message: stored ones follow each other without a gap, from the snapshot on."""
        if message["type"] == "snapshot":
            self.gaps += bool(self.last)
        elif message["type"] in STORED:
            self.gaps += message["seq"] != self.last + 1
            if message["type"] == "task":
                self.tasks.append(message["task"]["task_id"])
        if message["type"] in ("snapshot", *STORED):
            self.last = message["seq"]


async def follow(record: dict[str, Any], careful: Careful | None, connected: asyncio.Event) -> None:
    """Read for ever; whoever is sent away (1013) comes back, the careful one from where it was."""
    url = record["url"].replace("http", "ws", 1) + "ws"
    headers = {"Authorization": f"Bearer {record['token']}"}
    while True:
        place = f"{url}?resume_from={careful.last}" if careful is not None and careful.last else url
        try:
            async with websockets.connect(
                place, additional_headers=headers, max_size=None, compression=None
            ) as connection:
                connected.set()
                await connection.send('{"subscribe": ["queue", "memory", "progress"]}')
                async for text in connection:
                    if careful is not None:
                        careful.hear(json.loads(text))
        except (websockets.ConnectionClosed, OSError):
            pass
        global sent_away
        sent_away += 1


sent_away = 0


async def main() -> None:
    """Until the careful one has read up to the seq that stdin names."""
    loop = asyncio.get_running_loop()
    record = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    careful = Careful()
    events = [asyncio.Event() for _ in range(int(sys.argv[1]))]
    tasks = [
        asyncio.create_task(follow(record, careful if number == 0 else None, event))
        for number, event in enumerate(events)
    ]
    for event in events:
        await event.wait()
    print(flush=True)
    until = int(await loop.run_in_executor(None, sys.stdin.readline))
    while careful.last < until:
        await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    print(json.dumps({"tasks": careful.tasks, "gaps": careful.gaps, "sent_away": sent_away}))


if __name__ == "__main__":
    asyncio.run(main())
