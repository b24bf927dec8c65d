"""How the WebSocket is opened, and what its failures mean; the same for both clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from steelyard.client.errors import NoAnswer, Unreachable, refusal_of
from steelyard.client.exchange import headers, stranger
from steelyard.client.messages import Message, read_message
from steelyard.client.steps import Dropped, Listen

LARGEST_MESSAGE = 64 * 1024 * 1024
"""Bytes; a snapshot of many workers is larger than what websockets allows by itself."""
CLOSE_WITHIN = 1.0
"""Seconds that a farewell may take."""


def uri(url: str, step: Listen) -> str:
    """The address of the WebSocket."""
    query = "" if step.since is None else f"?resume_from={step.since}"
    return f"{url.replace('http', 'ws', 1)}/ws{query}"


def options(token: str, timeout: float) -> dict[str, Any]:
    """The keyword arguments of both libraries' connect()."""
    return {
        "additional_headers": headers(token),
        # As for HTTP: no proxy sees the token.
        "proxy": None,
        "compression": None,
        "open_timeout": timeout,
        "close_timeout": CLOSE_WITHIN,
        "max_size": LARGEST_MESSAGE,
    }


def wish(step: Listen) -> str | None:
    """What to send first."""
    return json.dumps({"subscribe": list(step.topics)}) if step.topics else None


def read(text: str | bytes) -> Message:
    """A message; Dropped for what is none: whoever sends that is not worth listening to."""
    try:
        return cast(Message, read_message(text))
    except (ValueError, RecursionError):
        raise Dropped from None


@contextmanager
def told(url: str, timeout: float) -> Iterator[None]:
    """Turns the failures of a handshake into ours."""
    try:
        yield
    except InvalidStatus as error:
        try:
            document = json.loads(error.response.body or b"")
        except (ValueError, RecursionError):
            document = None
        raise refusal_of(document) or stranger(url) from None
    except (InvalidHandshake, InvalidMessage):
        raise stranger(url) from None
    except TimeoutError:
        raise NoAnswer(f"the sidecar at {url} did not answer within {timeout:g} s") from None
    except (OSError, EOFError, ConnectionClosed) as error:
        # ConnectionClosed: it went in the midst of the handshake.
        raise Unreachable(f"nobody listens at {url}: {error}") from None
