"""Every place where bytes of strangers come in, as a function of bytes.

What is wrong with them is refused in our own words, and nothing else ever happens. test_fuzz.py throws bytes
at them, scripts/bench/fuzz.py for as long as one likes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request

from steelyard.machine.paths import DataDirectory
from steelyard.rules import messages, quantities, timestamps
from steelyard.rules.errors import InvalidParameters, NotFound, SteelyardError
from steelyard.settings import parameters, simulation_file
from steelyard.store import task_pages
from steelyard.web import bodies, forms, push_client, queries
from steelyard.worker.orders import Order
from steelyard.worker.progress import ProgressReader
from steelyard.worker.screen import shown

_KEPT = tempfile.TemporaryDirectory(prefix="steelyard-fuzz-")
_FOLDER = Path(_KEPT.name)
DATA = DataDirectory(_FOLDER / "data")
FORMS: tuple[type[Any], ...] = (
    forms.SubmitTask,
    forms.SubmitBatch,
    forms.SubmitSweep,
    forms.EditTask,
    forms.Nothing,
)


def message_stream(data: bytes) -> None:
    """What a worker, or a sidecar, writes to the other."""
    lines = messages.Lines()
    with suppress(messages.MessageError):
        for cut in (len(data) // 2, len(data)):
            start = 0 if cut != len(data) else len(data) // 2
            for line in lines.feed(data[start:cut]):
                for table in (messages.FROM_WORKER, messages.TO_WORKER):
                    with suppress(messages.MessageError):
                        message = messages.decode(line, table)
                        assert isinstance(message["type"], str) and message["type"] in table
                        if message["type"] == "start":
                            Order(message)


def simulation_toml(data: bytes) -> None:
    """A simulation's file."""
    path = _FOLDER / "fuzzed.toml"
    path.write_bytes(data)
    try:
        found = simulation_file.read_simulation(path)
    except simulation_file.Faulty as error:
        assert error.faults and all(fault.line >= 1 and fault.message for fault in error.faults)
        return
    found.view()
    with suppress(InvalidParameters):
        found.complete({})


def declared_parameters(data: bytes) -> None:
    """A parameter's JSON Schema, and a value for it."""
    value = _json(data)
    schema, given = value if isinstance(value, list) and len(value) == 2 else (value, value)
    if list(parameters.faults("p", schema)):
        return
    with suppress(InvalidParameters):
        parameters.Parameters({"p": schema}).complete({"p": given})


def paths_and_ids(data: bytes) -> None:
    """What becomes part of a path: it stays inside, or it is refused."""
    text = data.decode("utf-8", "surrogateescape")
    with suppress(ValueError):
        assert DATA.task(text).parent == DATA.tasks
        assert DATA.attempt(text, 1).parent.parent == DATA.tasks
    with suppress(ValueError):
        assert DATA.worker_log(text).parent == DATA.logs
    scope: dict[str, Any] = {"type": "http", "headers": [], "query_string": data, "path_params": {"id": text}}
    with suppress(NotFound):
        assert "/" not in queries.id_of(Request(scope), "id")
    with suppress(SteelyardError):
        query = queries.Query(Request(scope), "q", "limit", "cursor", "offset")
        query.limit()
        query.whole("offset", 0, 10)
    with suppress(SteelyardError):
        task_pages._position_of(text)


def websocket_message(data: bytes) -> None:
    """What a client says over the WebSocket."""
    with suppress(SteelyardError):
        more, less = push_client.read_wishes(data.decode("utf-8", "replace"), {"memory"})
        assert all(isinstance(topic, str) for topic in more | less)


def body(data: bytes) -> None:
    """What a request carries."""
    for form in FORMS:
        with suppress(SteelyardError):
            bodies.given(bodies.decode(data, form))


def task_output(data: bytes) -> None:
    """What a task prints, cut anywhere."""
    for pattern in (None, r"year (\d+) of (\d+)"):
        reader = ProgressReader(pattern, lambda text: None)
        for cut in range(0, len(data), 7):
            reader.feed(data[cut : cut + 7])
        reader.settle()
        assert reader.fraction is None or 0.0 <= reader.fraction <= 1.0
        messages.encode("progress", fraction=reader.fraction, message=reader.message)
    assert len(shown(data, 100)) <= 100


def quantities_and_moments(data: bytes) -> None:
    """A size, a duration, a moment as a person writes them."""
    text = data.decode("utf-8", "replace")
    for read in (quantities.parse_size, quantities.parse_duration, timestamps.unix):
        with suppress(ValueError):
            assert read(text) is not None


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        message_stream,
        simulation_toml,
        declared_parameters,
        paths_and_ids,
        websocket_message,
        body,
        task_output,
        quantities_and_moments,
    )
}

SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "message_stream": (
        messages.encode("heartbeat"),
        messages.encode("progress", task_id="a", attempt=1, fraction=0.5, message="x"),
        messages.encode("start", **dict.fromkeys(messages.TO_WORKER["start"], "x")),
    ),
    "simulation_toml": (
        b'[simulation]\nname = "a"\ncommand = ["{python}", "m.py", "{n}"]\n[resources]\nmemory = "8GiB"\n'
        b"[progress]\npattern = '(\\d+) of (\\d+)'\n[parameters]\nn = {type = \"integer\", default = 1}\n",
    ),
    "declared_parameters": (
        b'[{"type": "integer", "minimum": 0, "default": 1}, 5]',
        b'[{"enum": ["a", "b"]}, "c"]',
        b'[{"type": "array", "items": {"type": "string", "pattern": "^a+$"}}, ["aa"]]',
    ),
    "paths_and_ids": (b"3f9a1c20", b"..", b"q=a&limit=50", b"YmVmb3JlOjU", b"x.log::$DATA"),
    "websocket_message": (b'{"subscribe": ["memory", "log:3f9a"]}', b'{"unsubscribe": ["queue"]}'),
    "body": (
        b'{"simulation": "command", "parameters": {"argv": ["true"]}, "memory": "8GiB", "after": []}',
        b'{"tasks": [{"simulation": "command"}]}',
        b'{"simulation": "a", "grid": {"n": [1, 2]}}',
    ),
    "task_output": (
        b"::steelyard progress 0.42 year 2031\n",
        b" 42%|####      | 42/100 [00:01<00:02, 30.0it/s]\r",
        b"year 3 of 7\n\x1b[2K\x1b[1A",
    ),
    "quantities_and_moments": (b"8 GiB", b"48h", b"1.5 GB", b"2026-01-15T10:30:00Z"),
}
"""What each of them takes; fuzzers begin from here."""
