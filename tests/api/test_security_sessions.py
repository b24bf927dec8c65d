"""SECURITY.md, lines 10, 11, 13, 14 and 15: sign-in links, cookies, and what a change needs."""

from __future__ import annotations

import logging

import httpx
import pytest

from steelyard.rules.errors import Unauthorised
from steelyard.web.access import LINK_LIFETIME, MOST_LINKS, MOST_SESSIONS, Access
from tests.fakes.clocks import FakeClocks
from tests.helpers.edge import Edge, running_edge


def code_in(link: str) -> str:
    return link.rpartition("/")[2]


def test_security_10_a_sign_in_link_works_once(server: Edge) -> None:
    link = server.call(server.access.new_link)
    with server.client() as client:
        first = client.get(link)
        assert first.status_code == 303 and first.headers["location"] == "/"
        assert client.get("/healthz").status_code == 200
        assert client.get(link).status_code == 401
    with server.client() as other:
        assert other.get(link).status_code == 401
        assert other.get("/healthz").status_code == 401


def test_security_10_a_look_ahead_does_not_use_the_link_up(server: Edge) -> None:
    link = server.call(server.access.new_link)
    with server.client() as client:
        assert client.head(link).status_code == 401
        assert client.get(link).status_code == 303


def test_security_10_a_sign_in_link_is_good_for_five_minutes() -> None:
    clocks = FakeClocks()
    access = Access(1234, "ab" * 32, clocks)
    in_time, too_late = code_in(access.new_link()), code_in(access.new_link())
    clocks.advance(LINK_LIFETIME - 1)
    assert access.redeem(in_time)
    clocks.advance(2)
    with pytest.raises(Unauthorised):
        access.redeem(too_late)


def test_security_10_who_has_the_token_gets_a_new_link(server: Edge, api: httpx.Client) -> None:
    answer = api.post("/api/sign-in-links/")
    assert answer.status_code == 201 and list(answer.json()) == ["url"]
    with server.client() as client:
        assert client.get(answer.json()["url"]).status_code == 303
        assert client.get("/healthz").status_code == 200
    assert api.post("/api/sign-in-links/", json={"for": "me"}).status_code == 400
    assert api.get("/api/sign-in-links/").status_code == 405


def test_security_10_a_session_makes_no_new_link(browser: httpx.Client) -> None:
    answer = browser.post("/api/sign-in-links/", headers={"X-Steelyard": "1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorised")


def test_security_10_sleep_and_a_step_of_the_wall_clock_do_not_lengthen_it() -> None:
    clocks = FakeClocks()
    access = Access(1234, "ab" * 32, clocks)
    slept, stepped = code_in(access.new_link()), code_in(access.new_link())
    clocks.sleep(LINK_LIFETIME + 1)
    with pytest.raises(Unauthorised):
        access.redeem(slept)
    clocks.step_wall(-2 * LINK_LIFETIME)
    clocks.advance(LINK_LIFETIME + 1)
    with pytest.raises(Unauthorised):
        access.redeem(stepped)


def test_security_10_links_and_sessions_are_few() -> None:
    access = Access(1234, "ab" * 32, FakeClocks())
    oldest = code_in(access.new_link())
    for _ in range(MOST_LINKS):
        access.new_link()
    with pytest.raises(Unauthorised):
        access.redeem(oldest)
    first = access.redeem(code_in(access.new_link())).partition(";")[0].encode()
    assert access.has_session([first])
    for _ in range(MOST_SESSIONS):
        access.redeem(code_in(access.new_link()))
    assert not access.has_session([first])


def test_security_10_the_token_and_the_sessions_of_an_earlier_start_are_refused(server: Edge) -> None:
    session = server.cookie().partition("=")[2]
    with running_edge() as later, later.client() as client:
        assert client.get("/healthz", headers=server.bearer).status_code == 401
        stale = {"Cookie": f"steelyard_{later.port}={session}"}
        assert client.get("/healthz", headers=stale).status_code == 401


def test_security_11_neither_token_nor_link_nor_session_is_logged_or_shown(
    own_server: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    server = own_server
    caplog.set_level(logging.DEBUG)
    link = server.call(server.access.new_link)
    with server.client(Accept="text/html") as client:
        client.get(link)
        page = client.get("/")
        session = next(iter(client.cookies.values()))
        # The fault is made on the very path that holds the code.
        server.access._links.clear()
        server.access.redeem = None  # type: ignore[method-assign, assignment]
        assert client.get(link).status_code == 500
    ours = "\n".join(
        record.getMessage() + str(record.exc_info)
        for record in caplog.records
        if record.name.split(".")[0] in ("steelyard", "uvicorn", "asyncio")
    )
    assert "/sign-in/..." in ours
    for secret in (server.token, code_in(link), session):
        assert secret not in ours
        assert secret not in page.text
    assert server.token not in repr(server.access)


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "POST"])
def test_security_13_there_are_no_cors_headers(server: Edge, method: str) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-steelyard"}
    for headers in ({**server.bearer, **asks}, {"Origin": "http://evil.test", **asks}, asks):
        with server.client(**headers) as client:
            answer = client.request(method, "/api/workers/add/")
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert method != "OPTIONS" or answer.status_code in (401, 403, 405)


def test_security_14_a_change_with_the_cookie_needs_the_header(browser: httpx.Client, server: Edge) -> None:
    refused = browser.post("/api/workers/add/")
    assert refused.status_code == 403 and refused.json()["error"]["code"] == "forbidden_origin"
    assert browser.post("/api/workers/add/", headers={"X-Steelyard": "yes"}).status_code == 403
    assert not server.supervisor.workers
    assert browser.post("/api/workers/add/", headers={"X-Steelyard": "1"}).status_code == 201
    assert browser.patch("/api/preferences/", json={}).status_code == 403
    assert browser.get("/api/workers/status/").status_code == 200


def test_security_14_a_change_with_the_token_needs_nothing_else(api: httpx.Client) -> None:
    assert api.post("/api/workers/add/").status_code == 201


FORMS = [
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "text/plain;json",
]


@pytest.mark.parametrize("kind", [*FORMS, "application/jsonp", "application/json; charset=latin-1", ""])
def test_security_14_a_form_is_refused(api: httpx.Client, server: Edge, kind: str) -> None:
    for body in (b'{"force": true}', b""):
        answer = api.post("/api/workers/add/", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert not server.supervisor.workers


def test_security_14_a_foreign_form_is_refused_at_the_door(browser: httpx.Client, server: Edge) -> None:
    for headers in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = browser.post("/api/workers/add/", data={"force": "true"}, headers=headers)
        assert answer.status_code == 403
    assert not server.supervisor.workers


def test_security_14_a_button_of_our_pages_may_post_an_empty_form(browser: httpx.Client) -> None:
    button = {"X-Steelyard": "1", "Content-Type": "application/x-www-form-urlencoded"}
    assert browser.post("/api/workers/add/?force=true", headers=button).status_code == 201
    assert browser.post("/api/workers/add/", headers=button, content=b"force=true").status_code == 415


def test_security_14_a_get_changes_nothing(api: httpx.Client, server: Edge) -> None:
    changes = ("add_worker", "drain", "abort", "tick", "cleanup", "submit", "change_")
    for route in server.app.routes:
        if getattr(route, "methods", None) is not None and "sign-in" not in route.path:  # type: ignore[attr-defined]
            api.get(route.path)  # type: ignore[attr-defined]
            api.head(route.path)  # type: ignore[attr-defined]
    assert len(server.supervisor.calls) > 5
    assert not [call for call in server.supervisor.calls if call.startswith(changes)]


def test_security_15_the_cookie(server: Edge) -> None:
    with server.client() as client:
        value = client.get(server.call(server.access.new_link)).headers["set-cookie"]
    pair, *attributes = [part.strip() for part in value.split(";")]
    name, _, session = pair.partition("=")
    assert name == f"steelyard_{server.port}"
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict"]
    assert session != server.token and len(session) >= 32


def test_security_15_the_cookie_of_another_port_is_not_ours(server: Edge) -> None:
    session = server.cookie().partition("=")[2]
    for cookie in (
        f"steelyard_{server.port + 1}={session}",
        f"steelyard={session}",
        f"xsteelyard_{server.port}=1",
    ):
        with server.client(Cookie=cookie) as client:
            assert client.get("/healthz").status_code == 401
