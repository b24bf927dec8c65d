"""A wire that a test can cut: a TCP proxy before a sidecar, with a record of its own to find it by."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any


class CutWire:
    """Passes every byte on until cut(). The sidecar's own Host is put in: it answers to no other."""

    def __init__(self, record: dict[str, Any], data_dir: Path) -> None:
        self._target = int(record["url"].rstrip("/").rpartition(":")[2])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.opened: list[bytes] = []
        """The first line of what came over each connection."""
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.data_dir = data_dir
        (data_dir / "runtime").mkdir(parents=True)
        mine = {**record, "url": f"http://127.0.0.1:{self.port}/"}
        (data_dir / "runtime" / "sidecar.json").write_text(json.dumps(mine))
        self._start(self._accept)

    def cut(self) -> int:
        """Close every connection there is; how many. New ones are let through."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                # shutdown, or the thread that reads it would not notice.
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    def websockets(self) -> list[bytes]:
        """The first lines of the WebSockets' handshakes."""
        return [line for line in self.opened if line.startswith(b"GET /ws")]

    def _start(self, what: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.append((client, server))
            self._start(self._pump, client, server, True)
            self._start(self._pump, server, client, False)

    def _pump(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        mine, its = f"127.0.0.1:{self.port}".encode(), f"127.0.0.1:{self._target}".encode()
        first = upwards
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if upwards:
                    data = data.replace(b"Host: " + mine, b"Host: " + its).replace(
                        b"host: " + mine, b"host: " + its
                    )
                    if first:
                        first = False
                        self.opened.append(data.partition(b"\r\n")[0])
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def __enter__(self) -> CutWire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)
