"""A stand-in for the sidecar: a real HTTP server on the loopback that answers as docs/http.md says.

It has no rules and no processes: a test puts into it what it shall answer. tests/api runs the real one.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from steelyard.machine.identity import identity_of
from tests.fakes.answers import RESOURCES, RUN, SCHEMA, ended, sweep, task

TOKEN = "a1" * 32


class FakeSidecar:
    """Runs from `with` to its end. Tests read `requests` and set the rest."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.requests: list[tuple[str, str, Any]] = []
        """(method, path with query, body)"""
        self.tasks: dict[str, dict[str, Any]] = {}
        self.coming: dict[str, list[dict[str, Any]]] = {}
        """What a task becomes, one step at each look at it."""
        self.logs: dict[str, bytes] = {}
        self.lost = range(0)
        """Bytes of a log that were not kept."""
        self.files: dict[str, bytes] = {}
        self.files_in_all = 0
        """Files that there are, if more than the list has room for."""
        self.workers: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.stated: dict[str, Any] = {}
        self.learned: dict[str, int] | None = None
        self.seen: dict[str, Any] = {}
        """Numbers that completed runs had."""
        """Preferences that were set."""
        self.simulations_dir = "/simulations"
        self.simulation_directory: str | None = None
        self.programs: dict[str, str] = {}
        """What decides which programs tasks find."""
        self.next_id = "0123456789ab"
        self.submitted_state = "SUCCEEDED"
        self.page_size = 1000
        self.retried: list[str] = []
        """What the retry of a task queues, unless it is that task alone."""
        self.new = True
        """Whether what is submitted was not there already."""
        self.paused: str | None = None
        self.errors: list[dict[str, Any]] = []
        self.refusals: dict[str, tuple[int, dict[str, Any]]] = {}
        """Path -> the answer that it gets instead."""
        self.raw: bytes | None = None
        """What every request gets instead of an answer of ours."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> FakeSidecar:
        self._thread.start()
        self.record()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def record(self, **fields: Any) -> Path:
        """Write runtime/sidecar.json as the sidecar does; fields replace those of this process."""
        path = self.data_dir / "runtime" / "sidecar.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = {
            "url": f"http://127.0.0.1:{self.port}/", "token": TOKEN, "pid": os.getpid(), "create_time": 1.0,
            "identity": identity_of(os.getpid()), "instance": "i",
        }  # fmt: skip
        path.write_text(json.dumps(mine | fields))
        return path

    def refuse(self, path: str, status: int, code: str, message: str, /, **detail: Any) -> None:
        """Answer requests to path with an error of Steelyard's form."""
        self.refusals[path] = (status, {"error": {"code": code, "message": message, "detail": detail}})

    def sent(self, method: str) -> list[tuple[str, Any]]:
        """Path and body of every request of that method."""
        return [(path, body) for how, path, body in self.requests if how == method]

    # answers

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Status and JSON (or bytes)."""
        if path in self.refusals:
            return self.refusals[path]
        if path == "/api/workers/status/":
            return 200, self.status()
        if match := re.fullmatch(r"/api/tasks/([^/]+)/(?:(\w+)/)?", path):
            if match[1] == "batch":
                return 201, {"task_ids": [f"{number:012x}" for number in range(len(body["tasks"]))]}
            return self._task(method, unquote(match[1]), match[2], query)
        if match := re.fullmatch(r"/api/tasks/([^/]+)/files/([^/]+)", path):
            return (200, self.files[match[2]]) if match[2] in self.files else _missing()
        if path == "/api/tasks/" and method == "POST":
            made = ended(self.next_id) if self.submitted_state == "SUCCEEDED" else None
            self.tasks.setdefault(self.next_id, made or task(self.next_id, state=self.submitted_state))
            return (201 if self.new else 200), {"task_id": self.next_id, "new": self.new}
        if path == "/api/tasks/":
            return 200, self._page(query)
        if match := re.fullmatch(r"/api/sweeps/(?:([^/]+)/)?(?:(\w+)/)?", path):
            return self._sweep(method, match[1], match[2], int(query.get("limit", 100)))
        if path == "/api/simulations/":
            found = [self._simulation("demo"), self._simulation("command")]
            return 200, {"simulations": found, "errors": self.errors}
        if match := re.fullmatch(r"/api/simulations/(\w+)/", path):
            return (200, self._simulation(match[1])) if match[1] in ("demo", "command") else _missing()
        if path == "/api/events/":
            since, limit = int(query["since"]), int(query["limit"])
            later = [event for event in self.events if event["seq"] > since]
            return 200, {"events": later[:limit], "next": later[limit - 1]["seq"] if later[limit:] else None}
        if path == "/api/sign-in-links/":
            return 201, {"url": f"http://127.0.0.1:{self.port}/sign-in/c0de"}
        if path == "/api/preferences/":
            return 200, self._preferences(body)
        if path in ("/api/queue/pause/", "/api/queue/resume/"):
            self.paused = "user" if "pause" in path else None
            return 200, {"status": "success", "paused": self.paused}
        if path == "/api/startup/":
            return 200, self._startup(body)
        if path == "/api/system/":
            return 200, {
                "version": "9.9",
                "python": "3.11.7",
                "platform": "Linux",
                "libraries": {"sqlite": "3.45"},
                "data_dir": str(self.data_dir),
                "log_dir": "/logs",
                "simulations_dir": self.simulations_dir,
                "database_bytes": 4096,
                "task_environment": {"programs": self.programs, "source": None, "left_out": [], "note": None},
                "asleep_s": 0.0,
                "loop": {"p99": 0.005, "most": 0.02, "most_cpu": 0.02, "most_ever": 0.1, "slow": 0},
                "started_at": "2026-01-15T09:00:00.000Z",
                "memory": self.status()["memory"],
                "limits": self.status()["limits"],
            }
        if match := re.fullmatch(r"/api/workers/(?:(\w+)/)?(add|add-many|drain|abort|cleanup|log)/", path):
            return self._worker(match[1] or "3f9a1c20", match[2], body)
        return _missing()

    def status(self) -> dict[str, Any]:
        """`GET /api/workers/status/`."""
        return {
            "workers": self.workers,
            "limits": {
                "admissible": 4, "active": len(self.workers), "can_add": True, "no_capacity": False,
                "hard_cap": 4,
                "physical_cores": 8, "peak_per_worker": 8 * 2**30, "next_claim": None,
                "next_fits": None, "bound_by": "memory",
            },
            "memory": {
                "total": 64 * 2**30, "available": 40 * 2**30, "used": 24 * 2**30, "percent": 37.5,
                "guard": 6 * 2**30, "pressure": "normal",
            },
            "queue": {
                "pending": 3, "running": 2, "succeeded": 10, "failed": 1, "cancelled": 0,
                "paused": self.paused,
            },
            "seq": 4711,
        }  # fmt: skip

    def _preferences(self, changes: dict[str, Any] | None) -> dict[str, Any]:
        self.stated |= changes or {}
        self.stated = {name: value for name, value in self.stated.items() if value is not None}
        values = {
            "worker_max_count": 4,
            "worker_peak_memory": None,
            "worker_queue_name": "night",
            **self.stated,
        }
        sources = {name: "preference" if name in self.stated else "default" for name in values}
        count = {"type": "integer", "minimum": 0, "maximum": 256, "default": 4, "title": "Most workers"}
        memory = {
            "type": ["integer", "string", "null"],
            "x-unit": "bytes",
            "x-variable": "WORKER_PEAK_MEMORY",
        }
        properties = {"worker_max_count": count, "worker_peak_memory": memory, "worker_queue_name": {}}
        return {
            "values": values, "sources": {**sources, "worker_queue_name": "environment"},
            "schema": {"properties": properties}, "notice": None,
        }  # fmt: skip

    def _startup(self, answer: dict[str, Any] | None) -> dict[str, Any]:
        if answer is not None:
            started = None if answer["choice"] == "without_workers" else "3f9a1c20"
            return {"status": "success", "worker_id": started}
        return {
            "workers": 0, "prompt": "insufficient_memory", "need": 8 * 2**30, "headroom": 2**30,
            "closable": [{"name": "browser", "memory": 3 * 2**30}], "answered": False, "start_worker": False,
        }  # fmt: skip

    def _simulation(self, name: str) -> dict[str, Any]:
        return {
            "name": name, "title": name.title(), "description": "", "schema": SCHEMA,
            "resources": RESOURCES, "run": RUN, "learned": self.learned,
            "usual_duration": 90.0 if self.learned else None,
            "directory": self.simulation_directory, "seen": self.seen,
        }  # fmt: skip

    def _task(self, method: str, task_id: str, part: str | None, query: dict[str, str]) -> tuple[int, Any]:
        if task_id not in self.tasks:
            return _missing()
        if part is None and method == "GET":
            if self.coming.get(task_id):
                self.tasks[task_id] = self.coming[task_id].pop(0)
            return 200, self.tasks[task_id]
        if part == "samples":
            return 200, {
                "samples": [{"attempt": 1, "at": "2026-01-15T10:00:01Z", "memory": 2**20, "cpu": 99.6}]
            }
        if part == "log":
            return 200, self._log(task_id, query)
        if part == "files":
            names = self.files
            return 200, {
                "files": [
                    {
                        "id": name,
                        "name": name,
                        "size": len(data),
                        "attempt": 1,
                        "kind": "other",
                        "modified_at": "2026-01-15T10:00:01Z",
                    }
                    for name, data in names.items()
                    if "name" not in query or name in query["name"].split("\n")
                ],
                "total": max(len(names), self.files_in_all),
                "truncated": len(names) < self.files_in_all,
            }
        more = {"task_ids": self.retried or [task_id]} if part == "retry" else {}
        return 200, {"status": "success", "task_id": task_id, **more}

    def _log(self, task_id: str, query: dict[str, str]) -> dict[str, Any]:
        data, number = self.logs.get(task_id, b""), self.tasks[task_id]["attempt"]
        if "offset" not in query:
            text = data.decode("utf-8", "replace")[-int(query["tail"]) :]
            return {"text": text, "offset": len(data) - len(text), "size": len(data), "attempt": number}
        offset = int(query["offset"])
        if offset in self.lost:
            offset = self.lost.stop
        end = self.lost.start if offset < self.lost.start else len(data)
        piece = data[offset : min(offset + 10, end)]
        raw = "raw" in query
        return {
            **({"base64": base64.b64encode(piece).decode()} if raw else {}),
            "text": "" if raw else piece.decode("utf-8", "replace"),
            "offset": offset, "next": offset + len(piece), "size": len(data), "attempt": number,
        }  # fmt: skip

    def _sweep(self, method: str, sweep_id: str | None, verb: str | None, limit: int) -> tuple[int, Any]:
        if sweep_id is None and method == "POST":
            made = {"sweep_id": "5eeb00000000", "task_ids": list(self.tasks), "new": self.new}
            return (201 if self.new else 200), made
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self.tasks.values():
            found.setdefault(one["sweep_id"], []).append(one)
        found.pop(None, None)  # type: ignore[call-overload]
        views = {name: sweep(name, tasks) for name, tasks in found.items()}
        if sweep_id is None:
            return 200, {"sweeps": list(views.values())[:limit], "next": None}
        if sweep_id not in views:
            return 404, {
                "error": {"code": "not_found", "message": f"There is no sweep {sweep_id}.", "detail": {}}
            }
        if verb is None:
            return 200, views[sweep_id]
        ended = {"cancel": "cancelled", "retry": "retried"}[verb]
        return 200, {"status": "success", "sweep_id": sweep_id, ended: 2}

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        names = {"state": "state", "simulation": "simulation", "sweep": "sweep_id"}
        found = [
            one
            for one in self.tasks.values()
            if all(one[names[name]] == value for name, value in query.items() if name in names)
            and query.get("q", "") in one["task_id"] + one["label"]
        ]
        start, size = int(query.get("cursor", 0)), min(int(query.get("limit", 100)), self.page_size)
        more = start + size < len(found)
        return {
            "tasks": found[start : start + size], "next": str(start + size) if more else None,
            "total": len(found), "counts": {},
        }  # fmt: skip

    def _worker(self, worker_id: str, verb: str, body: Any) -> tuple[int, Any]:
        if verb == "abort" and not body.get("confirm"):
            return 409, {"error": {"code": "confirmation_required", "message": "Work is lost.", "detail": {}}}
        if verb == "add-many":
            return 201, {"status": "success", "worker_ids": ["3f9a1c20", "77b0aa00"][: body["count"]]}
        if verb == "log":
            return 200, {"worker_id": worker_id, "text": "started\n"}
        if verb == "cleanup":
            return 200, {"status": "success", "cleaned_up": 2}
        return 201 if verb == "add" else 200, {"status": "success", "worker_id": worker_id}


def _missing() -> tuple[int, Any]:
    return 404, {"error": {"code": "not_found", "message": "There is nothing at this address.", "detail": {}}}


def _handler(sidecar: FakeSidecar) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: the kernel delays the second of two by 40 ms

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: "\n".join(values) for name, values in parse_qs(parts.query).items()}
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(data) if data else None
            sidecar.requests.append((self.command, self.path, body))
            if sidecar.raw is not None:
                self.wfile.write(sidecar.raw)
                self.close_connection = True
                return
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status = 401
                refusal = {"code": "unauthorised", "message": "No valid token came with this.", "detail": {}}
                answer: Any = {"error": refusal}
            else:
                status, answer = sidecar.answer(self.command, parts.path, query, body)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Tests read `requests` instead."""

    return Handler
