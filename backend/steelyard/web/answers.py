"""The forms of what goes out: JSON, and how a request says that it would rather have HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

_ENCODER = msgspec.json.Encoder(enc_hook=str)


def encode(value: Any) -> bytes:
    """Compact JSON. NaN and infinities become null; text that is no Unicode (tasks print it) is escaped."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=str).encode()


class Answer(Response):
    """A JSON answer."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(encode(content), status_code, headers)


def wants_html(scope: Scope) -> bool:
    """Whether a person's browser navigates here, as far as one can tell; the API always answers in JSON."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not may_be_html(scope["path"]):
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def may_be_html(path: str) -> bool:
    """Whether a refusal at this address may be a page."""
    return not path.startswith("/api/")
