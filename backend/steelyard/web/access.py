"""The door: who may talk to this server at all, decided before any other line of the edge runs.

In this order: Host (400), Origin and Sec-Fetch-Site (403), token or session (401), and for a change that
comes with the cookie the header X-Steelyard (403). Nothing behind the door asks again. Why each is there:
SECURITY.md, 3 to 15.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from steelyard.rules.errors import ForbiddenHost, ForbiddenOrigin, Unauthorised

HOST = "127.0.0.1"
LINK_LIFETIME = 300.0
"""Seconds a sign-in link works."""
MOST_LINKS = 16
MOST_SESSIONS = 64
"""Older ones are forgotten first."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, so a cookie alone is enough for them."""

_SIGN_IN = re.compile(r"/sign-in/[^/]+")
_COOKIES_LOOKED_AT = 4


class Clocks(Protocol):
    """The two clocks that the door reads; machine.clocks has them."""

    def wall(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


class Access:
    """The secrets of one run of the sidecar: its token, open sign-in links, sessions of browsers.

    port: the one that the server's socket has. token: 32 random bytes as hex. All of it is kept in memory
    only; a new start has none of the old ones.
    """

    def __init__(self, port: int, token: str, clocks: Clocks) -> None:
        self.port = port
        self.origin = f"http://{HOST}:{port}"
        self.cookie_name = f"steelyard_{port}"
        self._host = f"{HOST}:{port}".encode()
        self._token = token.encode()
        self._clocks = clocks
        # Digests only: what lies here cannot be sent back, and two digests are compared in constant time.
        self._links: dict[bytes, tuple[float, float]] = {}
        self._sessions: list[bytes] = []

    def __repr__(self) -> str:
        return f"Access(port={self.port})"

    def without_token(self, text: str) -> str:
        """Text that leaves the house, to be read by somebody else, without the token wherever it stood."""
        return text.replace(self._token.decode(), "[token]")

    def new_link(self) -> str:
        """A sign-in link for a browser: it works once, within LINK_LIFETIME."""
        code = secrets.token_urlsafe(32)
        self._links[_digest(code)] = (self._clocks.monotonic(), self._clocks.wall())
        while len(self._links) > MOST_LINKS:
            del self._links[next(iter(self._links))]
        return f"{self.origin}/sign-in/{code}"

    def redeem(self, code: str) -> str:
        """The Set-Cookie value of a new session for a link's code; Unauthorised if the link does not work."""
        offered = _digest(code)
        link = next((known for known in self._links if hmac.compare_digest(known, offered)), None)
        made = self._links.pop(link) if link is not None else None
        if made is None or not self._in_time(*made):
            raise Unauthorised(
                "This sign-in link was used already, is older than 5 minutes, or never was one. "
                "Ask for a new one where Steelyard was started."
            )
        session = secrets.token_urlsafe(32)
        self._sessions.append(_digest(session))
        del self._sessions[:-MOST_SESSIONS]
        return f"{self.cookie_name}={session}; Path=/; HttpOnly; SameSite=Strict"

    def _in_time(self, monotonic: float, wall: float) -> bool:
        # Sleep stops the one clock and a step of the time of day fools the other: both must agree.
        age = max(self._clocks.monotonic() - monotonic, self._clocks.wall() - wall)
        return age <= LINK_LIFETIME

    def check_host(self, hosts: list[bytes]) -> None:
        """ForbiddenHost unless there is exactly one Host header and it is ours to the letter."""
        if hosts != [self._host]:
            raise ForbiddenHost("This server answers to its own address only.")

    def check_origin(self, origins: list[bytes], sites: list[bytes]) -> None:
        """ForbiddenOrigin if a page that is not ours made the request."""
        if origins and origins != [self.origin.encode()]:
            raise ForbiddenOrigin("The request comes from a page of another origin.")
        if sites and sites not in ([b"same-origin"], [b"none"]):
            raise ForbiddenOrigin("The request comes from a page of another site.")

    def has_token(self, authorizations: list[bytes]) -> bool:
        """Whether the bearer token is there; Unauthorised for a wrong one, whatever else came with it."""
        if not authorizations:
            return False
        scheme, _, offered = authorizations[0].partition(b" ")
        right = hmac.compare_digest(offered.strip(), self._token)
        if len(authorizations) > 1 or scheme.lower() != b"bearer" or not right:
            raise Unauthorised("The token is not this server's. It is a new one at every start.")
        return True

    def has_session(self, cookies: list[bytes]) -> bool:
        """Whether a cookie of ours names a session of this run."""
        offered = [
            _digest(value.strip().decode("latin-1"))
            for header in cookies
            for name, _, value in (pair.partition(b"=") for pair in header.split(b";"))
            if name.strip() == self.cookie_name.encode()
        ]
        # A list, not `any`: how long it takes does not tell which session matched.
        return any(
            [
                hmac.compare_digest(known, one)
                for one in offered[:_COOKIES_LOOKED_AT]
                for known in self._sessions
            ]
        )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class AccessMiddleware:
    """ASGI middleware: lets a request or a WebSocket handshake in, or raises what it is refused with."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            self._admit(scope)
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        # The raw list: a mapping would show one of two headers of a name, and hide the other.
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        access = self._access
        access.check_host(headers.get(b"host", []))
        access.check_origin(headers.get(b"origin", []), headers.get(b"sec-fetch-site", []))
        websocket = scope["type"] == "websocket"
        if not websocket and scope["method"] == "GET" and _SIGN_IN.fullmatch(scope["path"]):
            return
        if access.has_token(headers.get(b"authorization", [])):
            return
        if not access.has_session(headers.get(b"cookie", [])):
            raise Unauthorised("Sign in first: this server talks only to those who show its token.")
        if websocket and b"origin" not in headers:
            raise Unauthorised("A WebSocket without an Origin needs the token: a cookie alone does not do.")
        if not websocket and scope["method"] not in SAFE_METHODS and headers.get(b"x-steelyard") != [b"1"]:
            raise ForbiddenOrigin("A change that comes with the cookie needs the header X-Steelyard: 1.")
