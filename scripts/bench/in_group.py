"""A sidecar with four workers inside a control group, for benches of memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.limited import Limited
from steelyard.client import Client

WORKERS = 4


@contextmanager
def sidecar(group: Limited, guard: float) -> Iterator[Client]:
    """Its client. guard: GiB that it keeps free. However many cores there are, all workers may be busy."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WORKER_", "STEELYARD_"))}
    environment |= {"WORKER_CORES": "16", "WORKER_MEMORY_GUARD": f"{guard}GiB"}
    with tempfile.TemporaryDirectory() as folder:
        command = [*group.enter, sys.executable, "-m", "steelyard", "serve", "--data-dir", folder]
        with subprocess.Popen(
            [*command, "--workers", "1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        ) as process:
            assert process.stdout is not None
            if not any('"ready"' in line for line in process.stdout):
                raise SystemExit("the sidecar did not start")
            try:
                with Client.find(Path(folder)) as client:
                    client.add_workers(WORKERS - len(client.status()["workers"]), force=True)
                    yield client
            finally:
                process.terminate()
                process.wait()
