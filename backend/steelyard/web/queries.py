"""The part of an address behind the question mark, and the ids in its path: validated, never clamped.

A parameter that a request does not have, one given twice, a number outside its range: refused. An empty value
is the same as none, because that is what an empty field of a form sends.
"""

from __future__ import annotations

import re

from starlette.requests import Request

from steelyard.rules.errors import InvalidRequest, NotFound
from steelyard.web.describing import whole

_YES = frozenset({"true", "yes", "1", "on"})
_NO = frozenset({"false", "no", "0", "off"})
_WHOLE = re.compile(r"[0-9]{1,18}")
ID = "[A-Za-z0-9_-]{1,128}"
"""What every id in a path looks like."""
FILE_ID = "[A-Za-z0-9_-]{1,5600}"
"""What the id of a task's file looks like: it says where the file lies, so it is as long as that."""
LONGEST = 1000
"""Characters of one value."""

PAGE, MOST_A_PAGE = 100, 1000
"""Entries of a page that says nothing of `limit`, and the most that it may ask for."""
LIMIT = whole("limit", 1, MOST_A_PAGE, "Entries of a page.", PAGE)


class Query:
    """The parameters of one request. `names` are those that it may have, `many` one that it may repeat."""

    def __init__(self, request: Request, *names: str, many: str | None = None) -> None:
        self._values: dict[str, str] = {}
        self._many: list[str] = []
        for name, value in request.query_params.multi_items():
            if name not in names and name != many:
                raise InvalidRequest(f"There is no parameter {name!r:.60} here.", field=name[:60])
            if name in self._values and name != many:
                raise InvalidRequest(f"{name} is given twice.", field=name)
            if "\0" in value or len(value) > LONGEST:
                raise InvalidRequest(f"{name} holds a NUL or is too long.", field=name)
            self._values[name] = value
            if name == many and value:
                self._many.append(value)

    def texts(self, name: str, most: int) -> list[str]:
        """Each value of the parameter that may be repeated, at most so many."""
        if len(self._many) > most:
            raise InvalidRequest(f"{name} may be given {most} times.", field=name)
        return self._many

    def text(self, name: str) -> str | None:
        """As it is; None if it was left out or empty."""
        return self._values.get(name) or None

    def yes(self, name: str) -> bool:
        """true, yes, 1, on; false, no, 0, off; left out is no."""
        word = self._values.get(name, "").lower()
        if word and word not in _YES | _NO:
            raise InvalidRequest(f"{name} is true or false, not {word!r:.60}.", field=name)
        return word in _YES

    def whole(self, name: str, lowest: int, highest: int) -> int | None:
        """A whole number from lowest to highest; None if it was left out."""
        word = self.text(name)
        if word is None:
            return None
        if not _WHOLE.fullmatch(word) or not lowest <= int(word) <= highest:
            raise InvalidRequest(f"{name} is a whole number from {lowest} to {highest}.", field=name)
        return int(word)

    def limit(self) -> int:
        """How many entries a page may have."""
        number = self.whole("limit", 1, MOST_A_PAGE)
        return PAGE if number is None else number


def id_of(request: Request, name: str, pattern: str = ID) -> str:
    """An id from the path. NotFound for what cannot be one: no id of ours holds a dot, a slash or a NUL."""
    value: str = request.path_params[name]
    if not re.fullmatch(pattern, value):
        raise NotFound("There is nothing at this address.")
    return value
