"""One conversation with one sidecar over HTTP: sends, reads, and turns every refusal into its exception.

The client speaks through it; nobody else needs to know of httpx.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from steelyard.client_errors import NoAnswer, NoSidecar, refusal_of

_JSON = "application/json"


def segment(text: str) -> str:
    """Text as one segment of a path: whatever it holds, it cannot lead to another route."""
    quoted = quote(text, safe="")
    # Dots survive quoting, and "." and ".." would be resolved away on the way.
    return quoted.replace(".", "%2E") if set(quoted) <= {"."} else quoted


class Connection:
    """An authenticated connection to the sidecar at url. Safe to close twice."""

    def __init__(self, url: str, token: str, *, timeout: float) -> None:
        self.url = url.rstrip("/")
        self.last: httpx.Response | None = None
        """The server's last answer, for who needs its status or its very text."""
        self._timeout = timeout
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", "Accept": _JSON},
            timeout=timeout,
            # A proxy of the environment must not see the token, and cannot reach this machine's loopback.
            trust_env=False,
            follow_redirects=False,
            # The server is plain HTTP on the loopback: an empty trust store costs nothing and trusts nobody.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    def close(self) -> None:
        """Let the sockets go."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at path; query values that are None are left out."""
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a POST."""
        return self.request("POST", path, body=body or {})

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """The JSON answer. Raises the SteelyardError of its code, NoSidecar or NoAnswer."""
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers = {} if content is None else {"Content-Type": _JSON}
        with self._told():
            response = self._http.request(
                method, path, params=given(query or {}), content=content, headers=headers
            )
        self.last = response
        return self._document(response)

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a file as they come; the same errors as request()."""
        with self._told(), self._http.stream("GET", path, headers={"Accept": "*/*"}) as response:
            if not response.is_success:
                response.read()
                self._document(response)
            yield response.iter_bytes()

    def _document(self, response: httpx.Response) -> Any:
        try:
            document = response.json()
        except (ValueError, RecursionError):
            raise self._stranger() from None
        if response.is_success:
            return document
        refusal = refusal_of(document)
        if refusal is None:
            raise self._stranger()
        raise refusal

    def _stranger(self) -> NoSidecar:
        return NoSidecar(f"what answers at {self.url} is not Steelyard: another program has that port now")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoSidecar(f"nobody listens at {self.url}: {error}") from None
        except httpx.TimeoutException:
            raise NoAnswer(f"the sidecar at {self.url} did not answer within {self._timeout:g} s") from None
        except httpx.TransportError as error:
            raise NoSidecar(
                f"the conversation with {self.url} broke off ({error}): the sidecar ended, or another program"
                " has that port now"
            ) from None


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not None: what is left out of a request has its default."""
    return {name: value for name, value in fields.items() if value is not None}
