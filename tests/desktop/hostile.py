"""A server that records who asked it for what, and a sidecar whose pages are hostile."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.desktop.fakes import fake_sidecar

SIDECAR = """
import http, threading
from websockets.sync.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

EVIL = "@EVIL@"
SEEN = "@SEEN@"
PAGE = b"<!doctype html><title>hostile</title><p id=connection data-state=live>hostile</p>"
lock = threading.Lock()

def answer(status, body=b"", **headers):
    given = {"Content-Length": str(len(body)), "Content-Type": "text/html", **headers}
    return Response(status, "-", Headers({k.replace("_", "-"): v for k, v in given.items()}), body)

def ask(connection, request):
    with lock, open(SEEN, "a") as file:
        file.write(json.dumps([request.path, request.headers.get("Authorization", "")]) + "\\n")
    if request.path.startswith("/ws"):
        return None
    if request.path == "/api/system/":
        return answer(200, b"{}", Content_Type="application/json")
    if request.path == "/away":
        return answer(302, Location=EVIL)
    return answer(200, PAGE)

def talk(socket):
    socket.send(json.dumps({"type": "snapshot", "seq": 1, "status": {"workers": [], "queue": {"pending": 0, "running": 0}}}))
    for _ in socket:
        pass

server = serve(talk, "127.0.0.1", 0, process_request=ask)
port = server.socket.getsockname()[1]
threading.Thread(target=server.serve_forever, daemon=True).start()
say(event="ready", port=port, url=f"http://127.0.0.1:{port}/", pid=os.getpid(), instance=hello["instance"],
    version="0.1.0", proof=proof(port))
for line in sys.stdin:
    order = json.loads(line)
    if order["type"] == "ping":
        say(event="pong")
    elif order["type"] == "shutdown":
        os._exit(0)
os._exit(0)
"""  # noqa: E501 - a program of its own


class Elsewhere:
    """Another server on this machine. asked: (method, path, Authorization) of every request."""

    def __init__(self) -> None:
        asked: list[tuple[str, str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                asked.append((self.command, self.path, self.headers.get("Authorization", "")))
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()
                self.wfile.write(b"<title>elsewhere</title>")

            do_GET = do_POST = do_OPTIONS = answer

            def log_message(self, *_: Any) -> None:
                """Nothing: the tests look at `asked`."""

        self.asked = asked
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)


@contextlib.contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Another server, gone at the end."""
    server = Elsewhere()
    server.thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        server.thread.join(10)


def hostile_sidecar(folder: Path, away: str) -> str:
    """A program that proves to be our sidecar and serves a hostile page; what it is asked is in `seen`."""
    body = SIDECAR.replace("@EVIL@", away).replace("@SEEN@", str(folder / "seen"))
    return fake_sidecar(folder, body)


def seen(folder: Path) -> list[tuple[str, str]]:
    """(path, Authorization) of what the hostile sidecar was asked."""
    return [tuple(json.loads(line)) for line in (folder / "seen").read_text().splitlines()]
