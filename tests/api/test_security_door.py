"""SECURITY.md, lines 3 to 9: Host, Origin, the WebSocket's own check, and the token on every route."""

from __future__ import annotations

import ast
import inspect

import httpx
import pytest
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import InvalidStatus

from steelyard.web import access
from tests.helpers.edge import Edge


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


FOREIGN_HOSTS = [
    "evil.test",
    "localhost:{port}",
    "127.0.0.1",
    "0.0.0.0:{port}",
    "[::1]:{port}",
    "127.0.0.1:{port}.",
]


@pytest.mark.parametrize("host", [*FOREIGN_HOSTS, "127.0.0.1:0{port}", "127.0.0.1:1", "127.1:{port}"])
def test_security_03_a_foreign_host_is_refused(server: Edge, host: str) -> None:
    with server.client(**server.bearer, Host=host.format(port=server.port)) as client:
        answer = client.get("/api/workers/status/")
    assert (answer.status_code, code_of(answer)) == (400, "forbidden_host")


@pytest.mark.parametrize("lines", [[], ["Host: {ours}", "Host: {ours}"], ["Host: {ours}", "Host: evil.test"]])
def test_security_03_a_missing_or_doubled_host_is_refused(server: Edge, lines: list[str]) -> None:
    head = ["GET /healthz HTTP/1.1", *lines, f"Authorization: Bearer {server.token}", "Connection: close"]
    request = "\r\n".join(head).format(ours=f"127.0.0.1:{server.port}") + "\r\n\r\n"
    answer = server.raw(request.encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"forbidden_host"' in answer


def test_security_03_http_1_0_without_a_host_is_refused(server: Edge) -> None:
    request = f"GET /healthz HTTP/1.0\r\nAuthorization: Bearer {server.token}\r\n\r\n"
    answer = server.raw(request.encode())
    assert b" 400 " in answer and b'"code":"forbidden_host"' in answer


def upgrade(server: Edge, *headers: str, hosts: tuple[str, ...] | None = None, path: str = "/ws") -> bytes:
    """The answer to a hand-made WebSocket handshake."""
    ours = f"127.0.0.1:{server.port}"
    lines = [f"GET {path} HTTP/1.1", *(f"Host: {host}" for host in (hosts if hosts is not None else (ours,)))]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers]
    return server.raw(("\r\n".join(lines) + "\r\n\r\n").encode(), wait=0.5)


@pytest.mark.parametrize(
    "hosts", [("evil.test",), (), ("127.0.0.1",), ("{ours}", "{ours}"), ("localhost:{port}",)]
)
def test_security_03_the_websocket_checks_the_host_too(server: Edge, hosts: tuple[str, ...]) -> None:
    ours = f"127.0.0.1:{server.port}"
    given = tuple(host.format(ours=ours, port=server.port) for host in hosts)
    answer = upgrade(server, f"Authorization: Bearer {server.token}", hosts=given)
    assert b" 400 " in answer and b'"code":"forbidden_host"' in answer


def test_security_03_the_handshake_of_these_tests_is_a_good_one(server: Edge) -> None:
    assert b" 101 " in upgrade(server, f"Authorization: Bearer {server.token}")


FOREIGN_ORIGINS = [
    "null",
    "http://127.0.0.1:{other}",
    "http://127.0.0.1:{port}.evil.test",
    "http://localhost:{port}",
]


@pytest.mark.parametrize(
    "origin", [*FOREIGN_ORIGINS, "https://127.0.0.1:{port}", "", "http://127.0.0.1:{port}/"]
)
def test_security_04_a_foreign_origin_is_refused(server: Edge, origin: str) -> None:
    origin = origin.format(port=server.port, other=server.port + 1)
    with server.client(**server.bearer, Origin=origin) as client:
        answer = client.get("/api/workers/status/")
    assert (answer.status_code, code_of(answer)) == (403, "forbidden_origin")


def test_security_04_our_own_origin_is_let_in_and_two_are_not(server: Edge) -> None:
    with server.client(**server.bearer, Origin=server.url) as client:
        assert client.get("/healthz").status_code == 200
    twice = [("Origin", server.url), ("Origin", server.url), *server.bearer.items()]
    assert httpx.get(server.url + "/healthz", headers=twice, trust_env=False).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
def test_security_05_another_site_is_refused(server: Edge, site: str) -> None:
    with server.client(**server.bearer, **{"Sec-Fetch-Site": site}) as client:
        answer = client.get("/")
    assert (answer.status_code, code_of(answer)) == (403, "forbidden_origin")


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_security_05_our_own_pages_and_the_address_bar_are_let_in(server: Edge, site: str) -> None:
    with server.client(**server.bearer, **{"Sec-Fetch-Site": site}) as client:
        assert client.get("/").status_code == 200


def refusal(server: Edge, headers: dict[str, str]) -> tuple[int, str]:
    """Status and code with which a WebSocket is refused before it is accepted."""
    with pytest.raises(InvalidStatus) as caught, server.websocket(headers=headers):
        pass
    answer = caught.value.response
    return answer.status_code, answer.body.decode() if answer.body else ""


def test_security_06_the_websocket_authenticates_before_it_accepts(server: Edge) -> None:
    assert refusal(server, {})[0] == 401
    assert refusal(server, {"Authorization": "Bearer " + "0" * 64})[0] == 401
    assert refusal(server, {"Cookie": f"steelyard_{server.port}=nothing", "Origin": server.url})[0] == 401


def test_security_06_a_foreign_origin_is_refused_even_with_a_good_cookie(server: Edge) -> None:
    status, body = refusal(server, {"Cookie": server.cookie(), "Origin": "http://evil.test"})
    assert status == 403 and "forbidden_origin" in body


def test_security_06_our_own_page_is_let_in_with_its_cookie(server: Edge) -> None:
    with server.websocket(headers={"Cookie": server.cookie(), "Origin": server.url}) as socket:
        assert '"snapshot"' in str(socket.recv(timeout=5))


def test_security_07_a_websocket_without_origin_needs_the_token(server: Edge) -> None:
    assert refusal(server, {"Cookie": server.cookie()})[0] == 401
    with server.websocket(headers=server.bearer) as socket:
        assert '"snapshot"' in str(socket.recv(timeout=5))


def test_security_08_every_route_needs_authentication(server: Edge) -> None:
    walked = 0
    with server.client() as client:
        for route in server.app.routes:
            if isinstance(route, WebSocketRoute):
                assert refusal(server, {})[0] == 401
                continue
            assert isinstance(route, Route) and route.methods is not None
            path = route.path.replace("{name:path}", "vendor/htmx.min.js")
            for method in route.methods | {"OPTIONS", "PUT"}:
                if path == "/sign-in/{code}" and method == "GET":
                    continue
                answer = client.request(method, path)
                assert answer.status_code == 401, (method, path)
                assert method == "HEAD" or code_of(answer) == "unauthorised"
                walked += 1
    assert walked > 60


@pytest.mark.parametrize(
    "path", ["/nope", "/static/nope.css", "/docs", "/openapi.json", "/metrics", "/api/", "/%00"]
)
def test_security_08_what_is_not_there_needs_it_too(server: Edge, path: str) -> None:
    with server.client() as client:
        assert client.get(path).status_code == 401


def test_security_08_a_wrong_token_is_refused_whatever_else_comes_with_it(server: Edge) -> None:
    wrong = [
        "Bearer " + "0" * 64,
        "Bearer",
        "Basic " + server.token,
        server.token,
        "Bearer " + server.token[:-1],
    ]
    with server.client(Cookie=server.cookie()) as client:
        assert client.get("/healthz").status_code == 200
        for value in wrong:
            assert client.get("/healthz", headers={"Authorization": value}).status_code == 401, value
        twice = [("Authorization", server.bearer["Authorization"])] * 2
        assert client.get("/healthz", headers=twice).status_code == 401


def test_security_08_a_browser_is_told_how_to_sign_in(server: Edge) -> None:
    with server.client(Accept="text/html,application/xhtml+xml") as client:
        answer = client.get("/")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert "sign-in link" in answer.text


def test_security_09_secrets_are_compared_in_constant_time() -> None:
    """hmac.compare_digest compares every secret: no other comparison of one stands in these functions."""
    for function in (access.Access.has_token, access.Access.has_session, access.Access.redeem):
        source = inspect.getsource(function)
        assert "compare_digest" in source
        tree = ast.parse("class _:\n" + source)
        comparisons = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
        parts = [part for node in comparisons for part in (node.left, *node.comparators)]
        compared = {ast.unparse(part) for part in parts}
        assert not compared & {"offered", "self._token", "known", "one", "code"}, compared
