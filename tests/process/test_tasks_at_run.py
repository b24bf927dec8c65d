"""What programs do to us when they run: each is handled, and seen in the log. Real processes throughout."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    """One sidecar with two workers for all of these: they are independent of each other."""
    folder = tmp_path_factory.mktemp("at-run")
    with RunningSidecar(folder / "data", "--workers", "2") as running:
        yield running


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[httpx.Client]:
    with sidecar.client() as found:
        api.all_run(found, 2)
        yield found
        for one in found.get("/api/tasks/", params={"limit": 100}).json()["tasks"]:
            if one["state"] in ("READY", "RUNNING"):
                found.post(f"/api/tasks/{one['task_id']}/cancel/")
        eventually(lambda: found.get("/api/workers/status/").json()["queue"]["running"] == 0, within=30)


def test_a_program_that_is_missing_is_named_and_not_tried_again(client: httpx.Client) -> None:
    done = api.ends(client, api.submit(client, ["/no/such/program", "x"]))
    assert (done["state"], done["cause"], done["attempt"]) == ("FAILED", "error", 1)
    assert "/no/such/program" in done["message"]
    assert "/no/such/program" in done["attempts"][0]["evidence"]


def test_a_directory_that_is_missing_is_named(client: httpx.Client) -> None:
    parameters = {"argv": ["true"], "directory": "/no/such/directory"}
    body = {"simulation": "command", "parameters": parameters}
    task_id = client.post("/api/tasks/", json=body).json()["task_id"]
    done = api.ends(client, task_id)
    assert (done["state"], done["cause"]) == ("FAILED", "error")
    assert "/no/such/directory" in done["message"]


def test_exit_codes_and_signals_are_told_apart(client: httpx.Client) -> None:
    code = api.ends(client, api.submit(client, ["sh", "-c", "echo boom >&2; exit 7"], attempts=1))
    killed = api.ends(client, api.submit(client, ["sh", "-c", "kill -SEGV $$"], attempts=1))
    first, second = code["attempts"][0], killed["attempts"][0]
    assert (first["exit_code"], first["signal"], first["evidence"]) == (7, None, "exit code 7")
    assert first["error_tail"].strip() == "boom"
    assert (second["exit_code"], second["signal"]) == (None, signal.SIGSEGV)
    assert "SIGSEGV" in second["evidence"]


def test_errors_are_tried_again_until_the_attempts_are_spent(client: httpx.Client) -> None:
    task_id = api.submit(client, ["false"], attempts=2)
    waiting = eventually(
        lambda: (lambda t: t if t["attempt"] == 1 and t["state"] == "READY" else None)(
            api.task(client, task_id)
        ),
        within=20,
    )
    assert waiting["waiting_for"].startswith("its time: ")
    done = api.ends(client, task_id)
    assert (done["state"], [a["cause"] for a in done["attempts"]]) == ("FAILED", ["error", "error"])


@pytest.mark.parametrize(
    ("write", "result", "said"),
    [
        (r'printf "{\"ort\": \"K\366ln\"}" >', {"ort": "Köln"}, "Latin-1"),
        (r'printf "{\"cost\": 2.5, \"payback\": NaN}" >', {"cost": 2.5, "payback": "NaN"}, "payback"),
        ("mkfifo", None, "named pipe"),
    ],
)
def test_an_odd_result_costs_no_run(client: httpx.Client, write: str, result: object, said: str) -> None:
    command = ["sh", "-c", f"{write} $STEELYARD_OUTPUT_DIR/result.json"]
    done = api.ends(client, api.submit(client, command, attempts=1))
    assert (done["state"], done["attempt"], done["result"]) == ("SUCCEEDED", 1, result)
    address = f"/api/tasks/{done['task_id']}/"
    eventually(lambda: client.get(address).json()["attempts"][0]["remarks"])
    [remark] = client.get(address).json()["attempts"][0]["remarks"]
    assert said in remark
    api.all_run(client, 2)


def test_a_task_has_its_own_search_path_behind_the_helper(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "of_the_user.py").write_text("")
    code = "import of_the_user, steelyard_task"
    parameters = {"argv": [sys.executable, "-c", code], "environment": {"PYTHONPATH": str(tmp_path)}}
    answer = client.post(
        "/api/tasks/", json={"simulation": "command", "parameters": parameters, "attempts": 1}
    )
    assert api.ends(client, answer.json()["task_id"])["state"] == "SUCCEEDED"


def test_success_without_a_result_is_success(client: httpx.Client) -> None:
    done = api.ends(client, api.submit(client, ["true"]))
    assert (done["state"], done["cause"], done["result"]) == ("SUCCEEDED", "succeeded", None)


def test_a_result_that_is_no_json_is_kept_as_a_file(client: httpx.Client) -> None:
    shell = "echo 'not json' > \"$STEELYARD_OUTPUT_DIR/result.json\""
    task_id = api.submit(client, ["sh", "-c", shell])
    assert api.ends(client, task_id)["result"] is None
    files = client.get(f"/api/tasks/{task_id}/files/").json()["files"]
    assert [file["name"] for file in files] == ["result.json"]


def test_a_grandchild_that_holds_the_output_does_not_hold_the_task(
    client: httpx.Client, tmp_path: Path
) -> None:
    shell = f"echo started; setsid sleep 600 & echo $! > {tmp_path}/pid; exit 0"
    done = api.ends(client, api.submit(client, ["sh", "-c", shell]))
    assert done["state"] == "SUCCEEDED"
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_invalid_text_and_nul_bytes_are_kept_and_shown(client: httpx.Client) -> None:
    program = r"import os; os.write(1, b'a\xff\xfe\x00b\n<img src=x onerror=alert(1)>\n')"
    task_id = api.submit_python(client, program)
    api.ends(client, task_id)
    text = api.log(client, task_id)
    assert text.startswith("a")
    assert "<img src=x onerror=alert(1)>" in text
    assert "\0" not in text


def test_python_prints_every_letter_whatever_its_system_writes_into_a_pipe(client: httpx.Client) -> None:
    """ASCII stands in for a code page of Windows; a name of a file that is no text is printed as it is."""
    system = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    argv = [sys.executable, "-c", r"print('CO\u2082 \u2192 K\xf6ln', '\udcff')"]
    body = {"simulation": "command", "parameters": {"argv": argv, "environment": system}}
    task_id = client.post("/api/tasks/", json=body).json()["task_id"]
    assert api.ends(client, task_id)["state"] == "SUCCEEDED"
    assert api.log(client, task_id) == "CO₂ → Köln \ufffd\n"
    body["parameters"]["environment"] = {**system, "PYTHONIOENCODING": "latin-1"}  # type: ignore[index]
    task_id = client.post("/api/tasks/", json={**body, "attempts": 1}).json()["task_id"]
    assert "UnicodeEncodeError" in api.ends(client, task_id)["attempts"][0]["error_tail"]


def test_a_flood_keeps_its_beginning_and_its_end(client: httpx.Client, sidecar: RunningSidecar) -> None:
    program = (
        "import os\nos.write(1, b'FIRST LINE\\n')\nblock = b'x' * 99 + b'\\n'\n"
        "data = block * 10000\nfor _ in range(300): os.write(1, data)\nos.write(1, b'LAST LINE\\n')\n"
    )
    task_id = api.submit_python(client, program)
    done = api.ends(client, task_id)
    assert done["state"] == "SUCCEEDED"
    assert client.get(f"/api/tasks/{task_id}/log/", params={"offset": 0}).json()["text"].startswith("FIRST")
    assert api.log(client, task_id, 1000).endswith("LAST LINE\n")
    folder = sidecar.data_dir / "tasks" / task_id / "attempt-1"
    kept = sum(path.stat().st_size for path in folder.glob("output*.log"))
    assert kept < 45_000_000


def test_a_time_limit_ends_a_task_that_ignores_it(client: httpx.Client) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
    task_id = api.submit_python(client, deaf + "time.sleep(600)", timeout="1s", attempts=1)
    done = api.ends(client, task_id)
    assert (done["state"], done["cause"]) == ("FAILED", "timeout")
    assert done["attempts"][0]["signal"] == signal.SIGKILL


def test_a_soft_stop_lets_a_task_write_its_last_words(client: httpx.Client) -> None:
    program = (
        "import time, steelyard_task as t\nt.stopping()\nprint('up', flush=True)\n"
        "while not t.stopping(): time.sleep(0.02)\nprint('saved', flush=True)\nraise SystemExit(75)\n"
    )
    task_id = api.submit_python(client, program)
    eventually(lambda: "up" in api.log(client, task_id), within=20)
    client.post(f"/api/tasks/{task_id}/cancel/").raise_for_status()
    done = api.ends(client, task_id)
    assert (done["state"], done["cause"]) == ("CANCELLED", "cancelled")
    assert done["attempts"][0]["exit_code"] == 75
    assert "saved" in api.log(client, task_id)


def test_suspend_stops_the_tree_and_resume_lets_it_go_on(client: httpx.Client, tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    task_id = api.submit_python(client, program)
    child = psutil.Process(
        int(eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), within=20))
    )
    pid = api.task(client, task_id)["attempts"][0]["pid"]
    assert client.post(f"/api/tasks/{task_id}/suspend/").status_code == 200
    eventually(
        lambda: {psutil.Process(pid).status(), child.status()} == {psutil.STATUS_STOPPED},
    )
    assert api.task(client, task_id)["suspended"] is True
    assert api.code(client.post(f"/api/tasks/{task_id}/suspend/")) == (409, "conflict")
    assert client.post(f"/api/tasks/{task_id}/resume/").status_code == 200
    assert api.task(client, task_id)["suspended"] is False
    eventually(lambda: psutil.STATUS_STOPPED not in {psutil.Process(pid).status(), child.status()})
    client.post(f"/api/tasks/{task_id}/suspend/").raise_for_status()
    client.post(f"/api/tasks/{task_id}/cancel/").raise_for_status()
    assert api.ends(client, task_id)["state"] == "CANCELLED"
    assert not psutil.pid_exists(child.pid)


def test_the_helper_reports_progress_checkpoint_and_result(client: httpx.Client) -> None:
    program = (
        "import steelyard_task as t\n"
        "t.progress(0.5, 'half way')\n(t.checkpoint_dir() / 'state').write_text('1')\nt.checkpointed()\n"
        "t.result({'answer': 42})\n(t.output_dir() / 'table.csv').write_text('a,b\\n1,2\\n')\n"
    )
    task_id = api.submit_python(client, program)
    done = api.ends(client, task_id)
    assert (done["state"], done["result"], done["message"]) == ("SUCCEEDED", {"answer": 42}, "half way")
    assert done["checkpoint_at"] is not None
    files = {f["name"]: f for f in client.get(f"/api/tasks/{task_id}/files/").json()["files"]}
    assert set(files) == {"result.json", "table.csv"}
    table = client.get(f"/api/tasks/{task_id}/files/{files['table.csv']['id']}")
    assert table.text == "a,b\n1,2\n"


def test_a_function_simulation_runs_in_the_interpreter_it_names(
    client: httpx.Client, sidecar: RunningSidecar
) -> None:
    folder = sidecar.data_dir / "simulations"
    (folder / "adder.toml").write_text(
        '[simulation]\nname = "adder"\ntitle = "Adder"\nfunction = "adder_model:add"\n'
        f"python = {json.dumps(sys.executable)}\n[parameters]\n"
        'a = {type = "integer", minimum = 0}\nb = {type = "integer", default = 2}\n'
    )
    (folder / "adder_model.py").write_text("def add(a, b):\n    print('adding')\n    return {'sum': a + b}\n")
    body = {"simulation": "adder", "parameters": {"a": 40}}
    task_id = client.post("/api/tasks/", json=body).json()["task_id"]
    done = api.ends(client, task_id)
    assert (done["state"], done["result"]) == ("SUCCEEDED", {"sum": 42}), api.log(client, task_id)
    wrong = client.post("/api/tasks/", json={"simulation": "adder", "parameters": {"a": -1}})
    assert api.code(wrong) == (422, "invalid_parameters")


def test_a_task_waits_for_its_predecessors_and_is_rejected_when_one_fails(client: httpx.Client) -> None:
    first = api.submit(client, ["sh", "-c", "sleep 1"])
    second = api.submit(client, ["true"], after=[first])
    assert first in api.task(client, second)["waiting_for"]
    assert api.ends(client, second)["state"] == "SUCCEEDED"
    bad = api.submit(client, ["false"], attempts=1)
    never = api.submit(client, ["true"], after=[bad])
    done = api.ends(client, never)
    assert (done["state"], done["cause"]) == ("CANCELLED", "rejected")


def test_a_token_is_in_no_environment_and_no_command_line(
    client: httpx.Client, sidecar: RunningSidecar
) -> None:
    """SECURITY 11 and 12, as far as a run shows it."""
    token = sidecar.record["token"].encode()
    task_id = api.submit(client, ["sh", "-c", "env; sleep 600"])
    eventually(lambda: "STEELYARD_TASK_ID" in api.log(client, task_id), within=20)
    told = 0
    for process in sidecar.pids()[1:]:
        try:
            of_process = [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("environ", "cmdline")]
        except (FileNotFoundError, ProcessLookupError):
            continue  # a short-lived child of the run, gone between the listing and the reading
        told += 1
        assert token not in b"".join(of_process)
    assert told >= 2, "the agent and its task were to be read"
    assert token not in Path(f"/proc/{sidecar.process.pid}/cmdline").read_bytes()
    client.post(f"/api/tasks/{task_id}/cancel/").raise_for_status()
    api.ends(client, task_id)
    for path in sidecar.data_dir.rglob("*"):
        if path.is_file() and path.name != "sidecar.json":
            assert token not in path.read_bytes(), path
