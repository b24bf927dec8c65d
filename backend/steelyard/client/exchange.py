"""One exchange with the sidecar as values: what is asked, and what an answer means. No socket is touched.

Both clients send a Call each in its own way; the asking and the reading are the same.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from steelyard.client.errors import NoAnswer, NoSidecar, Unreachable, refusal_of
from steelyard.client.sending import as_json
from steelyard.rules.errors import InvalidRequest, SteelyardError, Unauthorised

T = TypeVar("T")

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how to read the JSON that answers it. Values of the query that are None are left out."""

    method: str
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None


def whole(answer: Any) -> Any:
    """The answer as it is. TypeError for what is none of Steelyard's."""
    if not isinstance(answer, dict):
        raise TypeError("an answer of Steelyard is an object")
    return answer


def field(name: str) -> Callable[[Any], Any]:
    """Reads one field of an answer."""
    return lambda answer: answer[name]


def get(path: str, read: Callable[[Any], T] = whole, **query: Any) -> Call[T]:
    """A request that changes nothing."""
    return Call("GET", path, read, query=query)


def post(path: str, read: Callable[[Any], T] = whole, body: Mapping[str, Any] | None = None) -> Call[T]:
    """A request that does something."""
    return Call("POST", path, read, body=body or {})


def segment(text: str) -> str:
    """Text as one segment of a path: whatever it holds, it cannot lead to another route."""
    quoted = quote(_text(text), safe="")
    # Dots survive quoting, and "." and ".." would be resolved away on the way.
    return quoted.replace(".", "%2E") if set(quoted) <= {"."} else quoted


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not None: what is left out of a request has its default."""
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: object) -> str:
    """A value in an address. InvalidRequest for bytes that are no text (an argument in another encoding)."""
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{text!r:.80} holds bytes that are no text in UTF-8") from None
    return text


def http_options(url: str, token: str, timeout: float) -> dict[str, Any]:
    """What httpx.Client and httpx.AsyncClient are made with."""
    return {
        "base_url": url,
        "headers": headers(token),
        "timeout": timeout,
        # A proxy of the environment must not see the token, and cannot reach this machine's loopback.
        "trust_env": False,
        "follow_redirects": False,
        # The server is plain HTTP on the loopback: an empty trust store costs nothing and trusts nobody.
        "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    }


def headers(token: str) -> dict[str, str]:
    """What lets a program in."""
    return {"Authorization": f"Bearer {token}", "Accept": _JSON}


def request_options(call: Call[Any]) -> dict[str, Any]:
    """The keyword arguments of an httpx request. InvalidRequest for text that cannot be sent."""
    params = given(call.query or {})
    for value in params.values():
        for one in value if isinstance(value, list) else [value]:
            _text(one)
    content = None if call.body is None else as_json(call.body)
    return {
        "method": call.method,
        "url": call.path,
        "params": params,
        "content": content,
        "headers": {} if content is None else {"Content-Type": _JSON},
    }


def read_answer(call: Call[T], response: httpx.Response, url: str) -> T:
    """What the answer says; the SteelyardError of its code, or NoSidecar for an answer that is not ours."""
    document = read_document(response, url)
    try:
        return call.read(document)
    except (KeyError, TypeError, ValueError):
        raise stranger(url) from None


def read_document(response: httpx.Response, url: str) -> Any:
    """The JSON of a success; the SteelyardError that a refusal stands for."""
    try:
        document = response.json()
    except (ValueError, RecursionError):
        raise stranger(url) from None
    if response.is_success:
        return document
    raise refusal_of(document) or stranger(url)


def may_go_elsewhere(call: Call[Any], error: SteelyardError) -> bool:
    """Whether a request that failed so may be made of the next sidecar: it changes or did nothing."""
    return call.method == "GET" or isinstance(error, Unreachable | Unauthorised)


def stranger(url: str) -> NoSidecar:
    """Whoever answers at url is not Steelyard."""
    return NoSidecar(f"what answers at {url} is not Steelyard: another program has that port now")


@contextmanager
def told(url: str, timeout: float) -> Iterator[None]:
    """Turns the failures of httpx into ours."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Unreachable(f"nobody listens at {url}: {error}") from None
    except httpx.TimeoutException:
        raise NoAnswer(f"the sidecar at {url} did not answer within {timeout:g} s") from None
    except httpx.TransportError as error:
        raise broke_off(url, error) from None


def broke_off(url: str, error: object) -> NoSidecar:
    """The conversation ended in its middle."""
    return NoSidecar(
        f"the conversation with {url} broke off ({error}): the sidecar ended, or another program"
        " has that port now"
    )
