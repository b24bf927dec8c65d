"""Programs in the sidecar's place."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

FAKE = """#!{python} -u
# A stand-in for the sidecar.
import hashlib, hmac, json, os, sys, time
hello = json.loads(sys.stdin.readline())

def say(**event):
    print(json.dumps(event), flush=True)

def proof(port):
    text = f"{{hello['nonce']}}{{hello['instance']}}{{port}}".encode()
    return hmac.new(bytes.fromhex(hello["token"]), text, hashlib.sha256).hexdigest()

{body}
"""

READY = """
import socket
with socket.socket() as listening:
    listening.bind(("127.0.0.1", 0)); listening.listen(); port = listening.getsockname()[1]
    ready = dict(event="ready", port=port, url=f"http://127.0.0.1:{port}/", pid=os.getpid(),
                 instance=hello["instance"], version="0.1.0", proof=proof(port))
    ready.update(CHANGES)
    say(**ready)
    time.sleep(600)
"""
"""Ready as it should be, but for CHANGES."""


def fake_sidecar(folder: Path, body: str) -> str:
    """The path of a Python program for the sidecar's place; it has `hello`, `say(...)`, `proof(port)`."""
    path = folder / "fake-sidecar"
    path.write_text(FAKE.format(python=sys.executable, body=textwrap.dedent(body)), encoding="utf-8")
    path.chmod(0o755)
    return str(path)
