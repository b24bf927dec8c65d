"""Starts a sidecar, or finds the one that runs on the same data directory, and ends what it started.

Without `keep` the sidecar is started as Electron starts it (`--hello`): its stdin is ours, so it ends with
this process whatever happens to it, and the soft stop is a line on that pipe, on every system. With `keep`
it is started as a person starts it, detached, and prints a sign-in link for a browser.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from demo.errors import DemoError
from steelyard.client import Client
from steelyard.client.errors import NoAnswer, NoSidecar
from steelyard.client.record import read_record
from steelyard.machine.paths import DataDirectory

SERVE = (sys.executable, "-m", "steelyard", "serve")

START_WITHIN = 60.0
"""Seconds until the ready line: a large database may have to be migrated first."""

STOP_WITHIN = 10
"""Seconds that running tasks get for a last checkpoint."""


@dataclass
class Sidecar:
    """A running sidecar. `process` is None for one that somebody else started: never ended here."""

    url: str
    token: str
    pid: int
    data: DataDirectory
    process: subprocess.Popen[bytes] | None = None
    sign_in: str | None = None
    output: Path | None = None

    @property
    def ours(self) -> bool:
        """Whether this process started it."""
        return self.process is not None

    def ended(self) -> str | None:
        """How it ended, in words, if it was started here and has ended; else None."""
        if self.process is None or self.process.poll() is None:
            return None
        return f"the sidecar ended with exit status {self.process.returncode}"


def find(data: DataDirectory) -> Sidecar | None:
    """The sidecar that already runs on this data directory and answers, if there is one."""
    try:
        record = read_record(data.path)
        with Client(record.url, record.token, timeout=5) as client:
            client.status()
    except (NoSidecar, NoAnswer):
        return None
    return Sidecar(record.url, record.token, record.pid, data)


def launch(data: DataDirectory, *, keep: bool, phase: Callable[[str], None]) -> Sidecar:
    """Starts a sidecar and waits until it is ready; `phase` hears what it is doing meanwhile.

    Raises DemoError with the sidecar's own words where it could not start.
    """
    # A private folder, files and not pipes: a sidecar that stays must not lose its stderr when we go.
    output = Path(tempfile.mkdtemp(prefix="steelyard-"))
    hello = None if keep else _hello(data)
    process = _spawn(data, output, hello)
    try:
        ready = _wait_until_ready(process, output, phase)
        if hello is not None:
            _verify(ready, hello)
        return _sidecar(ready, hello, data, process, output)
    except BaseException:
        process.kill()
        process.wait()
        shutil.rmtree(output, ignore_errors=True)
        raise


def stop(sidecar: Sidecar) -> list[str]:
    """Ends a sidecar that was started here, softly, then for good; returns what was left behind, in words.

    Tasks that run may write a last checkpoint. An interruption (Ctrl-C once more) ends everything at once.
    """
    process = sidecar.process
    if process is None:
        return []
    family = _family(process.pid)
    try:
        _ask_to_stop(process)
        process.wait(timeout=STOP_WITHIN + 10)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
    _, alive = psutil.wait_procs(family, timeout=3)
    left = [_describe(child) for child in alive if _is_alive(child)]
    for child in alive:
        if _is_alive(child):
            child.kill()
    leave(sidecar)
    return left


def leave(sidecar: Sidecar) -> None:
    """Removes the folder with the sidecar's first words."""
    if sidecar.output is not None:
        shutil.rmtree(sidecar.output, ignore_errors=True)


def last_words(sidecar: Sidecar) -> str:
    """The end of what the sidecar wrote to stderr."""
    return _tail(sidecar.output / "stderr") if sidecar.output is not None else ""


# --- Starting -------------------------------------------------------------------------------------------


def _hello(data: DataDirectory) -> dict[str, Any]:
    """The first line on a sidecar's stdin."""
    return {
        "v": 1,
        "token": secrets.token_hex(32),
        "instance": str(uuid.uuid4()),
        "nonce": secrets.token_hex(16),
        "parent": {"pid": os.getpid()},
        "data_dir": str(data.path),
        "workers": 0,
    }


def _spawn(data: DataDirectory, output: Path, hello: dict[str, Any] | None) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C in the terminal reaches this process only, which then stops it."""
    how = ["--data-dir", str(data.path), "--port", "0"] if hello is None else ["--hello"]
    with (output / "stdout").open("wb") as stdout, (output / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [*SERVE, *how],
            stdin=subprocess.DEVNULL if hello is None else subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            bufsize=0,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    if hello is not None:
        _write_line(process, hello)
    return process


def _wait_until_ready(
    process: subprocess.Popen[bytes], output: Path, phase: Callable[[str], None]
) -> dict[str, Any]:
    """Reads events until `ready`."""
    deadline = time.monotonic() + START_WITHIN
    with (output / "stdout").open("rb") as events:
        rest = b""
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            rest += events.read()
            *lines, rest = rest.split(b"\n")
            for event in map(_event, lines):
                if event.get("event") == "ready":
                    return event
                if event.get("event") == "fatal":
                    raise DemoError(f"{event.get('message')}\n{event.get('remedy') or ''}".strip())
                if event.get("event") == "phase":
                    phase(" ".join(str(event[part]) for part in ("name", "detail") if event.get(part)))
            if ended:
                words = _tail(output / "stderr")
                raise DemoError(
                    f"The sidecar ended before it was ready (exit status {process.returncode}).\n{words}"
                )
            time.sleep(0.02)
    raise DemoError(f"The sidecar was not ready within {START_WITHIN:.0f} s.\n{_tail(output / 'stderr')}")


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _verify(ready: dict[str, Any], hello: dict[str, Any]) -> None:
    """Refuses a server that does not know the token it was given."""
    text = f"{hello['nonce']}{hello['instance']}{ready['port']}"
    proof = hmac.new(bytes.fromhex(hello["token"]), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(proof, str(ready.get("proof"))):
        raise DemoError("What answered is not the sidecar that was started: its proof does not fit.")


def _sidecar(
    ready: dict[str, Any],
    hello: dict[str, Any] | None,
    data: DataDirectory,
    process: subprocess.Popen[bytes],
    output: Path,
) -> Sidecar:
    url, pid = str(ready["url"]), int(ready["pid"])
    if hello is not None:
        return Sidecar(url, hello["token"], pid, data, process, output=output)
    record = read_record(data.path)
    return Sidecar(url, record.token, pid, data, process, _sign_in_link(output), output)


def _sign_in_link(output: Path) -> str | None:
    """The link that the sidecar prints on stderr, about when it prints the ready line."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        words = (output / "stderr").read_text(encoding="utf-8", errors="replace").split()
        for word in words:
            if "/sign-in/" in word:
                return word[word.index("http") :] if "http" in word else word
        time.sleep(0.05)
    return None


# --- Ending ---------------------------------------------------------------------------------------------


def _ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        _write_line(process, {"type": "shutdown", "mode": "stop", "deadline_s": STOP_WITHIN})
    else:
        process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))


def _write_line(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    """One JSON line on the sidecar's stdin. One that has ended is noticed by its exit status, not here."""
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
    except (BrokenPipeError, OSError):
        return


def _family(pid: int) -> list[psutil.Process]:
    """Every process below this one, to see afterwards that none is left."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_alive(child: psutil.Process) -> bool:
    """`is_running` compares the creation time: a reused PID is not this process. A zombie is gone."""
    try:
        return child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _describe(child: psutil.Process) -> str:
    try:
        return f"PID {child.pid} ({child.name()})"
    except psutil.Error:
        return f"PID {child.pid}"


def _tail(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return "\n".join(text.strip().splitlines()[-15:])
