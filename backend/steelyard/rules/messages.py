"""What sidecar and worker say to each other: JSON lines, one message a line, each with `type`.

The agent imports this at every start, so it stays off typing and dataclasses (they cost more than the rest).
"""

from __future__ import annotations

import json

VERSION = 1
LINE_LIMIT = 4 * 1024 * 1024
"""Bytes; a longer line is a broken peer, not a message."""

# Message type -> fields that must be there. A task's messages name its attempt: that pair is the fence.
# `ended` may have more: lost (bytes), warm, and lingered, the seconds from the end of the run to that of the
# last process that it left.
_OF_ATTEMPT = ("task_id", "attempt")

TO_WORKER = {
    "hello": ("v", "worker_id", "token", "heartbeat", "parent", "log"),
    "start": (*_OF_ATTEMPT, "argv", "environment", "directory", "folder", "timeout", "grace", "pattern"),
    "stop": (*_OF_ATTEMPT, "reason", "grace"),
    "suspend": _OF_ATTEMPT,
    "resume": _OF_ATTEMPT,
    "exit": ("grace",),
}
FROM_WORKER = {
    "ready": ("v", "worker_id", "token", "pid", "identity"),
    "heartbeat": (),
    "started": (*_OF_ATTEMPT, "pid", "identity"),
    "progress": (*_OF_ATTEMPT, "fraction", "message"),
    "remark": (*_OF_ATTEMPT, "text"),
    "checkpointed": _OF_ATTEMPT,
    "output": (*_OF_ATTEMPT, "size"),
    "suspended": (*_OF_ATTEMPT, "suspended"),
    "absent": _OF_ATTEMPT,
    "ended": (
        *_OF_ATTEMPT,
        "exit_code",
        "signal",
        "stopped",
        "error",
        "tail",
        "left_over",
        "peak_memory",
        "cpu_seconds",
    ),
}


class MessageError(ValueError):
    """A line that is no message of the table it was decoded with."""


def _no_number(word: str) -> None:
    """NaN and the infinities, which json takes and no peer of ours sends (encode refuses them too)."""
    raise ValueError(f"{word} is no JSON number")


_JSON = json.JSONDecoder(parse_constant=_no_number)


def encode(type_: str, **fields: object) -> bytes:
    """One message as a line of UTF-8 JSON, newline included."""
    return json.dumps({"type": type_, **fields}, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode(line: bytes, table: dict[str, tuple[str, ...]]) -> dict[str, object]:
    """The message that a line holds; MessageError if it is none of the table (TO_WORKER, FROM_WORKER)."""
    if len(line) > LINE_LIMIT:
        raise MessageError(f"a line of {len(line)} bytes is over the limit of {LINE_LIMIT}")
    try:
        message = _JSON.decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise MessageError(f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise MessageError("not a JSON object")
    fields = table.get(message.get("type", "")) if isinstance(message.get("type"), str) else None
    if fields is None:
        raise MessageError(f"unknown type {message.get('type')!r:.60}")
    missing = [field for field in fields if field not in message]
    if missing:
        raise MessageError(f"{message['type']} lacks {', '.join(missing)}")
    return message


class Lines:
    """Cuts a byte stream into lines: feed() bytes as they come, get back the lines that are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines completed by data, without their newline; MessageError if one grows past LINE_LIMIT."""
        self._rest += data
        lines: list[bytes] = []
        if b"\n" in data:
            *lines, rest = bytes(self._rest).split(b"\n")
            self._rest = bytearray(rest)
        if len(self._rest) > LINE_LIMIT:
            raise MessageError(f"a line grew past {LINE_LIMIT} bytes")
        return lines
