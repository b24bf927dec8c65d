"""Bodies of requests: read with a limit, decoded into a type, and refused in words that a person understands.

The types are next door, in forms. What only the supervisor can know (is there such a simulation?) is not
asked here.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from steelyard.machine.beside import compute
from steelyard.rules.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from steelyard.web.refusals import unfit

BODY_LIMIT = 1024 * 1024
BATCH_LIMIT = 16 * 1024 * 1024
"""Bytes of a body; the larger one for a batch and a sweep's rows."""
SMALL = 64 * 1024
"""Bytes of a body that is decoded on the loop, in a few milliseconds; a larger one is decoded in a thread."""
DEEPEST = 32
"""Levels of nesting of a body: more than any simulation's parameters need, less than any decoder minds."""
READ_TIMEOUT = 30.0
"""Seconds within which a body must have arrived."""

_LARGEST_WHOLE = 2**63
_FORM = "application/x-www-form-urlencoded"

T = TypeVar("T")


async def read(request: Request, form: type[T], limit: int = BODY_LIMIT) -> T:
    """The body as a `form`. An empty one is {}: whether that will do, the form's required fields say."""
    data = await _read(request, limit) or b"{}"
    return decode(data, form) if len(data) <= SMALL else await compute(lambda: decode(data, form))


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object whose fields somebody else knows."""
    return decode(await _read(request, BODY_LIMIT) or b"{}", dict[str, Any])


def decode(data: bytes | msgspec.Raw, form: type[T], place: str = "") -> T:
    """JSON as a `form`; InvalidRequest, whose detail["field"] says where, for all that is not.

    place: where in the whole body this part stands, as in "tasks[3]".
    """
    try:
        value = msgspec.json.decode(data, type=form)
    except msgspec.ValidationError as error:
        raise unfit(str(error), place) from None
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not JSON: {error}.", field=place) from None
    _look_through(value, place)
    return value


def given(form: msgspec.Struct) -> dict[str, Any]:
    """The fields that the request named and did not leave null."""
    values = {name: getattr(form, name) for name in form.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None and value is not msgspec.UNSET}


async def _read(request: Request, limit: int) -> bytes:
    length = request.headers.get("content-length", "0")
    if int(length) > limit:
        raise _too_large(limit)
    _check_type(request, length)
    data = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise InvalidRequest(f"The body did not arrive within {READ_TIMEOUT:.0f} seconds.") from None
    if data and "content-type" not in request.headers:
        raise UnsupportedMediaType("A body needs the header Content-Type: application/json.")
    return bytes(data)


def _check_type(request: Request, length: str) -> None:
    kinds = request.headers.getlist("content-type")
    kind, _, parameters = (kinds[0] if kinds else "application/json").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if len(kinds) < 2 and kind.strip().lower() == "application/json" and charset in ("", "charset=utf-8"):
        return
    # A button of our pages posts an empty form. The header is its proof: no foreign page's form can set it.
    empty = length == "0" and "transfer-encoding" not in request.headers
    if kinds == [_FORM] and empty and request.headers.get("x-steelyard") == "1":
        return
    raise UnsupportedMediaType("The body must be JSON, with the header Content-Type: application/json.")


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is over its limit of {limit // 1024 // 1024} MiB.", limit=limit)


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The body is nested deeper than {DEEPEST} levels.")


def _look_through(value: Any, place: str) -> None:
    """Refuse what free-form values may hold and nothing behind can store: endless depth, endless numbers.

    Level by level instead of a function that calls itself: depth is the very thing that is not to be trusted.
    """
    level = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list | tuple):
                below += one
            elif isinstance(one, msgspec.Raw):
                continue
            elif isinstance(one, msgspec.Struct):
                below += (getattr(one, name) for name in one.__struct_fields__)
            elif isinstance(one, int) and not -_LARGEST_WHOLE <= one < _LARGEST_WHOLE:
                raise InvalidRequest("A whole number in the body is longer than 64 bits.", field=place)
        if not below:
            return
        level = below
    raise _too_deep()
