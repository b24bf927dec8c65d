"""The door's own rules, where the server in front of it already refuses some of what they are for."""

from __future__ import annotations

import pytest

from steelyard.rules.errors import ForbiddenHost, ForbiddenOrigin, Unauthorised
from steelyard.web.access import Access
from tests.fakes.clocks import FakeClocks

TOKEN = "ab" * 32


@pytest.fixture
def access() -> Access:
    return Access(4711, TOKEN, FakeClocks())


def test_one_host_and_ours(access: Access) -> None:
    access.check_host([b"127.0.0.1:4711"])
    for hosts in (
        [],
        [b"127.0.0.1:4711"] * 2,
        [b"127.0.0.1:4711", b"evil.test"],
        [b"127.0.0.1:4711 "],
        [b""],
    ):
        with pytest.raises(ForbiddenHost):
            access.check_host(hosts)


def test_no_origin_or_ours(access: Access) -> None:
    access.check_origin([], [])
    access.check_origin([b"http://127.0.0.1:4711"], [b"same-origin"])
    for origins in ([b"null"], [b""], [b"http://127.0.0.1:4711"] * 2, [b"HTTP://127.0.0.1:4711"]):
        with pytest.raises(ForbiddenOrigin):
            access.check_origin(origins, [])
    for sites in ([b"none", b"cross-site"], [b""], [b"None"]):
        with pytest.raises(ForbiddenOrigin):
            access.check_origin([], sites)


def test_the_token_comes_as_bearer(access: Access) -> None:
    assert access.has_token([]) is False
    assert access.has_token([b"Bearer " + TOKEN.encode()])
    assert access.has_token([b"bearer  " + TOKEN.encode()])
    for value in (b"", b"Bearer", b"Bearer " + TOKEN.upper().encode(), b"Bearer \xff", TOKEN.encode()):
        with pytest.raises(Unauthorised):
            access.has_token([value])


def test_a_session_is_found_among_other_cookies(access: Access) -> None:
    cookie = access.redeem(access.new_link().rpartition("/")[2]).partition(";")[0].encode()
    assert access.has_session([b"other=1; " + cookie + b"; third"])
    assert access.has_session([b"other=1", cookie])
    for cookies in (
        [],
        [b""],
        [b"steelyard_4711="],
        [cookie + b"x"],
        [b"x" + cookie],
        [cookie.replace(b"=", b"")],
    ):
        assert not access.has_session(cookies)


def test_what_leaves_the_house_holds_no_token(access: Access) -> None:
    assert access.without_token(f"a {TOKEN}, {'cd' * 32}") == f"a [token], {'cd' * 32}"
