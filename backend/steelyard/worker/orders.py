"""What the sidecar's messages mean, checked field by field: a broken peer is found here, not amid a task."""

from __future__ import annotations

from steelyard.rules.messages import VERSION, MessageError


class Hello:
    """The first message: who we are, who our parent is, where the log is."""

    def __init__(self, message: dict[str, object]) -> None:
        """MessageError if it is not of our version or a field is of the wrong form."""
        if message["v"] != VERSION:
            raise MessageError(f"version {message['v']!r:.20} of the messages, not {VERSION}")
        self.worker_id = text(message, "worker_id")
        self.token = text(message, "token")
        self.heartbeat = number(message, "heartbeat")
        if self.heartbeat <= 0:
            raise MessageError("heartbeat is not above 0")
        parent, log = mapping(message, "parent"), mapping(message, "log")
        self.parent_pid = whole(parent, "pid")
        self.parent_identity = text(parent, "identity")
        self.log_path = text(log, "path")
        self.log_bytes = whole(log, "bytes")
        self.log_backups = whole(log, "backups")


class Order:
    """A start message: one attempt of one task."""

    def __init__(self, message: dict[str, object]) -> None:
        """MessageError if a field is of the wrong form."""
        self.task_id = text(message, "task_id")
        self.attempt = whole(message, "attempt")
        self.argv = strings(message, "argv")
        if not self.argv:
            raise MessageError("argv is empty")
        self.environment: dict[str, str | None] = {}
        for name, value in mapping(message, "environment").items():
            if value is not None and not isinstance(value, str):
                raise MessageError(f"environment {name} is neither text nor null")
            self.environment[name] = value
        self.directory = text(message, "directory")
        self.folder = text(message, "folder")
        self.timeout = number(message, "timeout")
        self.grace = number(message, "grace")
        self.pattern = None if message["pattern"] is None else text(message, "pattern")
        self.total: float | None = None
        """What the one group of the pattern is a part of; None: it tells per cent or a fraction."""
        if message.get("total") is not None:
            self.total = number(message, "total")
        self.low_priority = message.get("low_priority") is True
        self.reuse_key: str | None = None
        """Attempts of one key may share a process, one after the other; None: it has one of its own."""
        self.reuse_memory: int | None = None
        """The claim, of which a process may hold a part between two attempts."""
        if message.get("reuse") is not None:
            reuse = mapping(message, "reuse")
            self.reuse_key = text(reuse, "key")
            if reuse.get("memory") is not None:
                self.reuse_memory = whole(reuse, "memory")


def text(message: dict[str, object], field: str) -> str:
    """A field that must be text."""
    value = message.get(field)
    if not isinstance(value, str):
        raise MessageError(f"{field} is not text")
    return value


def whole(message: dict[str, object], field: str) -> int:
    """A field that must be a whole number, 0 or more."""
    value = message.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MessageError(f"{field} is not a whole number")
    return value


def number(message: dict[str, object], field: str) -> float:
    """A field that must be a number of seconds, 0 or more."""
    value = message.get(field)
    # The last comparison is what a NaN fails.
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise MessageError(f"{field} is not a number of seconds")
    return float(value)


def strings(message: dict[str, object], field: str) -> list[str]:
    """A field that must be a list of text."""
    value = message.get(field)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise MessageError(f"{field} is not a list of text")
    return value


def mapping(message: dict[str, object], field: str) -> dict[str, object]:
    """A field that must be an object."""
    value = message.get(field)
    if not isinstance(value, dict):
        raise MessageError(f"{field} is not an object")
    return value
