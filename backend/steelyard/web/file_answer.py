"""One file as an answer, whole or one range of it, safe to open whatever a simulation put there."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from steelyard.machine.beside import beside
from steelyard.web.answers import encode
from steelyard.web.describing import Answer
from steelyard.web.schemas.common import Error

T = TypeVar("T")

CHUNK = 256 * 1024
"""Bytes read and sent at a time."""
WITHIN = 30.0
"""Seconds that a disk may take for them; then the connection is cut."""

# Our own table: the system's (mimetypes) differs from machine to machine, and a user may change it.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".log": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".toml": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_UNKNOWN = "application/octet-stream"

# At most one range is served. RFC 9110, 14.2 lets a server ignore a Range header: several ranges, other units
# and what cannot be read get the whole file, so ten thousand ranges cost what none costs (CVE-2025-62727).
_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})", re.ASCII)


_HEADERS = {
    "accept-ranges": "bytes",
    "etag": "Changes with the file.",
    "content-disposition": "Its name.",
}
FILE_ANSWERS = {
    200: Answer(media="*/*", text="The file.", headers=_HEADERS),
    206: Answer(media="*/*", text="The part of it that `Range` asks for.", headers=_HEADERS),
    304: Answer(media="", text="It has not changed since `If-None-Match`."),
    416: Answer(Error, text="invalid_request: the file has no such part."),
}
"""What a FileAnswer may be, for /openapi.json."""


class FileAnswer(Response):
    """A regular file. Opened before the answer starts, so what vanishes afterwards is still sent to its end.

    headers may replace the standing ones; attachment: offer to save it under its name instead of showing it.
    """

    def __init__(self, file: BinaryIO, name: str, headers: dict[str, str], attachment: bool) -> None:
        self._file = file
        self._reading = False
        about = os.fstat(file.fileno())
        self._size = about.st_size
        kind = _TYPES.get(Path(name).suffix.lower(), _UNKNOWN)
        self.etag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
        shown = "attachment" if attachment or kind == _UNKNOWN else "inline"
        super().__init__(media_type=kind, headers=headers)
        del self.headers["content-length"]
        self.headers["etag"] = self.etag
        self.headers["accept-ranges"] = "bytes"
        saved_as = quote(name, safe="", errors="replace")
        self.headers["content-disposition"] = f"{shown}; filename*=UTF-8''{saved_as}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        finally:
            if not self._reading:  # else closing it would wait for the disk as well
                await beside(self._file.close)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        known = [tag.strip().removeprefix("W/") for tag in asked.get("if-none-match", "").split(",")]
        if self.etag in known:
            await self._start(send, 304)
            await send({"type": "http.response.body", "body": b""})
            return
        first, end = 0, self._size
        status = 200
        if (part := self._part(asked)) is not None:
            first, end = part
            if first >= end:
                await self._unsatisfiable(send)
                return
            status = 206
            self.headers["content-range"] = f"bytes {first}-{end - 1}/{self._size}"
        self.headers["content-length"] = str(end - first)
        await self._start(send, status)
        if scope["method"] == "HEAD" or first == end:
            await send({"type": "http.response.body", "body": b""})
            return
        await self._stream(first, end, receive, send)

    def _part(self, asked: Headers) -> tuple[int, int] | None:
        """(first, end) of what is asked for, end excluded; first >= end: there is no such part; None: all."""
        match = _RANGE.fullmatch(asked.get("range", "").replace(" ", ""))
        if match is None or asked.get("if-range", self.etag) != self.etag:
            return None
        if not match["first"]:
            if not match["last"]:
                return None
            return max(self._size - int(match["last"]), 0), self._size
        first = int(match["first"])
        last = int(match["last"]) if match["last"] else max(first, self._size)
        return None if last < first else (first, min(last + 1, self._size))

    async def _unsatisfiable(self, send: Send) -> None:
        """416. Its code is that of every request that asks for what cannot be."""
        error = {
            "code": "invalid_request",
            "message": "The file has no such part.",
            "detail": {"size": self._size},
        }
        body = encode({"error": error})
        self.headers["content-range"] = f"bytes */{self._size}"
        self.headers["content-type"] = "application/json"
        self.headers["content-length"] = str(len(body))
        del self.headers["content-disposition"]
        await self._start(send, 416)
        await send({"type": "http.response.body", "body": body})

    async def _start(self, send: Send, status: int) -> None:
        await send({"type": "http.response.start", "status": status, "headers": self.raw_headers})

    async def _stream(self, first: int, end: int, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await self._read(lambda: self._file.seek(first))
            while first < end and not gone.done():
                data = await self._read(partial(self._file.read, min(CHUNK, end - first)))
                if not data:
                    # The length is promised already: only a cut connection says that the rest is missing.
                    raise EOFError("the file became shorter while it was sent")
                first += len(data)
                await send({"type": "http.response.body", "body": data, "more_body": first < end})
        finally:
            gone.cancel()

    async def _read(self, work: Callable[[], T]) -> T:
        self._reading = True
        done = await beside(work, WITHIN)
        self._reading = False
        return done


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
