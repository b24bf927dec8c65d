"""The words that the sidecar shares with pages, clients and the desktop program (shared/protocol.json).

States and causes are in states.py, refusals in errors.py; what sidecar and worker say is in messages.py.
"""

from __future__ import annotations

HELLO_VERSION = 1
"""`v` of the line that a parent writes to `serve --hello`."""

STORED = ("worker", "task", "prompt")
"""Kinds of events: each has a row in the event table and a `seq` of its own, and goes to every WebSocket."""

PASSING = ("queue", "memory", "progress", "log")
"""Messages that are not stored: they carry the last `seq` and go only to who subscribed."""

SNAPSHOT = "snapshot"
"""The first message of a WebSocket that does not resume."""

TOPICS = ("queue", "memory", "progress")
"""What a WebSocket may subscribe to, besides LOG_TOPIC and a task's id."""

LOG_TOPIC = "log:"

CLOSE_CODES = {"shutting_down": 1001, "too_slow": 1013}
"""Why the sidecar closes a WebSocket; who was too slow comes back with `resume_from`."""

STDOUT_EVENTS = ("phase", "ready", "fatal", "pong")
"""`event` of the lines that `serve` prints."""

STDIN_TYPES = ("ping", "power", "shutdown", "environment")
"""`type` of the lines that a parent may write after the hello."""

POWER_EVENTS = ("suspend", "resume", "on-battery", "on-ac")
SHUTDOWN_MODES = ("drain", "stop")
