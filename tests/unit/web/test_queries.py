"""Ids and query values: what is taken, and that nothing is bent into shape."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from starlette.requests import Request

from steelyard.rules.errors import InvalidRequest, NotFound
from steelyard.web.queries import Query, id_of


def request(query: str = "", **path: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "path_params": path, "headers": []})


@pytest.mark.parametrize("name", ["3f9a1c20", "steel-pathway", "a_b", "x" * 128])
def test_an_id(name: str) -> None:
    assert id_of(request(task_id=name), "task_id") == name


@pytest.mark.parametrize(
    "name", ["..", ".", "a.b", "a/b", "a\\b", "C:", "x\0", "", "é", "a b", "x" * 129, "x\n", "x::$DATA"]
)
def test_what_cannot_be_an_id_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        id_of(request(task_id=name), "task_id")


def test_values() -> None:
    query = Query(
        request("q=a%20b&empty=&yes=On&no=false&number=007"), "q", "empty", "yes", "no", "number", "other"
    )
    assert (query.text("q"), query.text("empty"), query.text("other")) == ("a b", None, None)
    assert (query.yes("yes"), query.yes("no"), query.yes("empty"), query.yes("other")) == (
        True,
        False,
        False,
        False,
    )
    assert (query.whole("number", 0, 7), query.whole("empty", 0, 7)) == (7, None)
    assert query.limit() == 100


@pytest.mark.parametrize("word", ["0", "1001", "+5", "-5", "5.0", " 5", "5 ", "٣", "0x5", "1_0", "9" * 30])
def test_a_number_is_taken_as_it_is_or_not_at_all(word: str) -> None:
    query = Query(request(f"limit={quote(word)}"), "limit")
    with pytest.raises(InvalidRequest):
        query.limit()
