"""Requests made from /openapi.json, right and wrong, against the real sidecar: no 5xx, nothing undocumented.

schemathesis runs as a process of its own, by its command line; the seed is fixed. It checks status codes,
content types, headers and bodies of all answers, that wrong data is refused and right data is not, that
nothing is had without the token, and that other methods are 405.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.helpers.api import all_run, ends, submit_python
from tests.helpers.sidecar import RunningSidecar

EXAMPLES = 8
"""Random cases an operation, besides those that cover each bound of its parameters and fields."""
LEAST_CASES = 2_000

SIMULATION = """
[simulation]
name = "quick"
command = ["{python}", "-c", "print({n})"]
[parameters]
n = {type = "integer", minimum = 0, maximum = 1000000, default = 1}
"""
WRITER = "import os; open(os.environ['STEELYARD_OUTPUT_DIR'] + '/a.csv', 'w').write('x,y\\n1,2\\n')"

CONFIG = """
seed = 20261123
headers = {{ Authorization = "Bearer ${{STEELYARD_TEST_TOKEN}}" }}

[generation]
deterministic = true
max-examples = {examples}
database = "none"

[dictionaries.tasks]
values = ["{task}", "{ended}", "unknown"]
[dictionaries.workers]
values = {workers}
[dictionaries.files]
values = ["{file}"]
[dictionaries.sweeps]
values = ["{sweep}"]
[dictionaries.simulations]
values = ["quick", "command"]
[parameters]
"path.task_id" = {{ dictionary = "tasks", probability = 0.8 }}
"path.worker_id" = {{ dictionary = "workers", probability = 0.8 }}
"path.file_id" = {{ dictionary = "files", probability = 0.8 }}
"path.sweep_id" = {{ dictionary = "sweeps", probability = 0.8 }}
"path.name" = {{ dictionary = "simulations", probability = 0.8 }}

# A schema cannot say all: whose cursor it is, that two parameters exclude each other, which tasks there are.
[[operations]]
include-name = ["GET /api/tasks/", "GET /api/sweeps/", "GET /api/tasks/{{task_id}}/log/"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404]
[[operations]]
include-name = ["POST /api/tasks/", "POST /api/tasks/batch/", "POST /api/sweeps/",
    "PATCH /api/tasks/{{task_id}}/", "PATCH /api/preferences/"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 409, 422]
# Pages read their parameters themselves and are not described one by one.
[[operations]]
include-tag = "pages"
checks.positive_data_acceptance.enabled = false
# A request that is no handshake finds nothing there, whatever its method.
[[operations]]
include-name = "GET /ws"
checks.unsupported_method.enabled = false
"""


def settle(client: httpx.Client) -> dict[str, str]:
    """Something of everything: the ids that the requests are to name."""
    client.post("/api/workers/add-many/", json={"count": 2})
    all_run(client, 2)
    task = submit_python(client, WRITER)
    assert ends(client, task)["state"] == "SUCCEEDED"
    failed = submit_python(client, "raise SystemExit(1)", attempts=1)
    assert ends(client, failed)["state"] == "FAILED"
    grid = {"simulation": "quick", "grid": {"n": [1, 2]}}
    sweep = client.post("/api/sweeps/", json=grid).json()["sweep_id"]
    file = client.get(f"/api/tasks/{task}/files/").json()["files"][0]["id"]
    workers = [one["worker_id"] for one in client.get("/api/workers/status/").json()["workers"]]
    return {"task": task, "ended": failed, "file": file, "sweep": sweep, "workers": json.dumps(workers)}


def environment(**more: str) -> dict[str, str]:
    """Where its hooks are, and nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCHEMATHESIS_")}
    hooks = "tests.faults.schemathesis_hooks"
    return {**kept, "SCHEMATHESIS_HOOKS": hooks, "PYTHONPATH": str(Path(__file__).parents[2]), **more}


@pytest.mark.timeout(240)
def test_no_request_made_from_the_document_is_answered_against_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "simulations").mkdir(parents=True)
    (data / "simulations" / "quick.toml").write_text(SIMULATION)
    (tmp_path / "logs").mkdir()
    # What requests could change is fixed: no 256 workers, no log folder anywhere.
    fixed = {"WORKER_MAX_COUNT": "2", "WORKER_LOG_DIR": str(tmp_path / "logs"), "WORKER_TASK_TIMEOUT": "20"}
    with RunningSidecar(data, **fixed) as sidecar:
        with sidecar.client() as client:
            ids = settle(client)
        config = tmp_path / "schemathesis.toml"
        config.write_text(CONFIG.format(examples=EXAMPLES, **ids))
        program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
        found = subprocess.run(
            [*program, "run", f"{sidecar.record['url']}openapi.json", "--no-color"],
            cwd=tmp_path,
            env=environment(STEELYARD_TEST_TOKEN=sidecar.record["token"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )
        log = (data / "logs" / "sidecar.log").read_text()
    assert found.returncode == 0, found.stdout
    assert "Traceback" not in log
    cases = re.search(r"(\d+) generated", found.stdout)
    assert cases is not None and int(cases[1]) >= LEAST_CASES, found.stdout
    print(found.stdout)
