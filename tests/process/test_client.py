"""The Python client, both of its forms, with a real sidecar: what drops, restarts and retries on the way."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from steelyard.client import AsyncClient, Client, NoSidecar, WaitTimeout
from tests.helpers.sidecar import PATIENCE, RunningSidecar
from tests.helpers.tcp_proxy import CutWire
from tests.helpers.waiting import eventually

GATE = r"""
import os, sys, time
gate = sys.argv[1]
os.write(1, b"started\n")  # one write: print() makes two of it
while not os.path.exists(gate):
    time.sleep(0.01)
os.write(1, b"opened\n")
"""
FAILS_ONCE = r"""
import os, sys
number = os.environ["STEELYARD_ATTEMPT"]
os.write(1, f"attempt {number} {'x' * 20}\n".encode())
sys.exit(7 if number == "1" else 0)
"""


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    folder = tmp_path_factory.mktemp("client") / "data"
    with RunningSidecar(folder, "--workers", "2") as running:
        eventually(lambda: running.ready, within=PATIENCE)
        yield running


@pytest.fixture(autouse=True)
def nothing_left(sidecar: RunningSidecar) -> Iterator[None]:
    """A test that fails must not leave its tasks on the two workers that the next one needs."""
    yield
    with Client.find(sidecar.data_dir) as found:
        for task in found.tasks(state="READY,RUNNING"):
            found.cancel(task["task_id"])
        eventually(lambda: not list(found.tasks(state="READY,RUNNING")), within=PATIENCE)


@pytest.fixture
def client(sidecar: RunningSidecar) -> Iterator[Client]:
    with Client.find(sidecar.data_dir) as found:
        yield found


@pytest.fixture
def wire(sidecar: RunningSidecar, tmp_path: Path) -> Iterator[CutWire]:
    with CutWire(sidecar.record, tmp_path / "wire") as proxy:
        yield proxy


def program(code: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """The fields of a task that runs a Python program."""
    return {
        "simulation": "command",
        "parameters": {"argv": [sys.executable, "-c", code, *arguments]},
        "attempts": 1,
        **more,
    }


def submit(client: Client, code: str, *arguments: str, **more: Any) -> str:
    return client.submit(**program(code, *arguments, **more))


def test_as_completed_gives_each_task_when_it_ends(client: Client, tmp_path: Path) -> None:
    gates = [tmp_path / "a", tmp_path / "b"]
    slow, quick = (submit(client, GATE, str(gate)) for gate in gates)
    gates[1].touch()
    ends = client.as_completed([slow, quick, slow])
    assert next(ends)["task_id"] == quick
    gates[0].touch()
    last = next(ends)
    assert (last["task_id"], last["state"]) == (slow, "SUCCEEDED")
    assert list(ends) == []


def test_as_completed_of_many_looks_at_pages(client: Client) -> None:
    made = client.sweep("command", grid={"argv": [["true"]] * 60})
    seen = {task["task_id"] for task in client.as_completed(made["task_ids"], timeout=60)}
    assert seen == set(made["task_ids"])


def test_waiting_gives_up_and_the_task_goes_on(client: Client, tmp_path: Path) -> None:
    task_id = submit(client, GATE, str(tmp_path / "gate"))
    with pytest.raises(WaitTimeout, match=f"{task_id} is still"):
        client.wait(task_id, timeout=0.2)
    with pytest.raises(WaitTimeout, match="2 tasks have not ended"):
        list(client.as_completed([task_id, submit(client, GATE, str(tmp_path / "gate"))], timeout=0.2))
    (tmp_path / "gate").touch()
    assert client.wait(task_id, timeout=30)["state"] == "SUCCEEDED"


def test_waiting_survives_a_dropped_websocket(wire: CutWire, client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    task_id = submit(client, GATE, str(gate))
    with (
        Client.find(wire.data_dir) as through,
        Background(lambda: through.wait(task_id, timeout=60)) as waiting,
    ):
        eventually(wire.websockets, within=PATIENCE)
        eventually(lambda: client.task(task_id)["state"] == "RUNNING", within=PATIENCE)
        assert wire.cut()
        eventually(lambda: len(wire.websockets()) == 2, within=PATIENCE)
        # Ended while nobody listened, or while somebody did again: both are told.
        gate.touch()
        assert waiting.value()["state"] == "SUCCEEDED"


def test_events_resume_where_the_connection_dropped(wire: CutWire, client: Client) -> None:
    with Client.find(wire.data_dir) as through:
        events = through.events()
        assert next(events)["type"] == "snapshot"
        before = client.status()["seq"]
        for _ in range(3):
            wire.cut()
            # Changes while nobody listens.
            task_id = submit(client, "")
            client.wait(task_id, timeout=30)
            states = []
            while "SUCCEEDED" not in states:
                message = next(events)
                assert message["type"] != "snapshot"
                if message["type"] in ("task", "worker"):
                    assert message["seq"] == before + 1
                    before = message["seq"]
                if message["type"] == "task" and message["task"]["task_id"] == task_id:
                    states.append(message["task"]["state"])
            assert states[0] == "READY"
        events.close()


def test_events_carry_the_topics_that_were_asked_for(client: Client) -> None:
    for message in client.events(since=client.status()["seq"], topics=["memory"]):
        if message["type"] == "memory":
            assert message["memory"]["total"] > 0
            break


def test_follow_goes_on_over_a_retry(client: Client) -> None:
    task_id = submit(client, FAILS_ONCE, attempts=2)
    pieces = list(client.follow(task_id))
    texts = {number: "".join(p["text"] for p in pieces if p["attempt"] == number) for number in (1, 2)}
    assert texts == {1: f"attempt 1 {'x' * 20}\n", 2: f"attempt 2 {'x' * 20}\n"}


def test_follow_survives_a_dropped_websocket(wire: CutWire, client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    task_id = submit(client, GATE, str(gate))
    with Client.find(wire.data_dir) as through:
        pieces = through.follow(task_id)
        assert next(pieces)["text"] == "started\n"
        text: list[str] = []
        with Background(lambda: text.extend(piece["text"] for piece in pieces)) as following:
            eventually(wire.websockets, within=PATIENCE)
            wire.cut()
            gate.touch()
            following.value()
    assert "".join(text) == "opened\n"


def test_follow_without_a_websocket_looks_for_itself(
    sidecar: RunningSidecar, client: Client, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    task_id = submit(client, GATE, str(gate))
    held = [client.events() for _ in range(32)]
    try:
        for events in held:
            next(events)
        with Client.find(sidecar.data_dir) as other:
            pieces = other.follow(task_id)
            assert next(pieces)["text"] == "started\n"
            gate.touch()
            assert "".join(piece["text"] for piece in pieces) == "opened\n"
            assert other.wait(task_id)["state"] == "SUCCEEDED"
    finally:
        for events in held:
            events.close()


def test_watchers_see_progress(client: Client) -> None:
    code = (
        "import steelyard_task as t, time\n"
        "for n in range(4):\n"
        "    t.progress(n / 4, f'step {n}'); time.sleep(0.1)"
    )
    seen: list[tuple[str, float | None, str | None]] = []
    task_id = submit(client, code)
    client.wait(task_id, watch=lambda task: seen.append((task["state"], task["progress"], task["message"])))
    # Not each one: progress that comes faster than it can be looked at is told by its latest.
    assert any(state == "RUNNING" and progress and str(message) for state, progress, message in seen)
    assert seen[-1][:2] == ("SUCCEEDED", 1.0)


def test_results_of_a_sweep(client: Client) -> None:
    code = (
        "import sys, steelyard_task as t\n"
        "n = int(sys.argv[1])\n"
        "t.result({'cost': {'total': n * 1.5}, 'good': True, 'name': 'x'}) if n else sys.exit(3)"
    )
    argvs = [[sys.executable, "-c", code, str(n)] for n in (2, 1, 0)]
    made = client.sweep("command", grid={"argv": argvs}, attempts=1)
    found = client.results(made, wait=True, timeout=60)
    assert [one["task_id"] for one in found] == made["task_ids"]
    assert [one["varied"] for one in found] == [{"argv": argv} for argv in argvs]
    assert [one["numbers"] for one in found] == [{"cost.total": 3.0}, {"cost.total": 1.5}, {}]
    assert [one["state"] for one in found] == ["SUCCEEDED", "SUCCEEDED", "FAILED"]


def test_files_are_downloaded_below_a_folder(client: Client, tmp_path: Path) -> None:
    code = (
        "import steelyard_task as t\n"
        "(t.output_dir() / 'sub').mkdir()\n"
        "(t.output_dir() / 'sub' / 'a.txt').write_text('hello')\n"
        "t.result([1])"
    )
    task_id = submit(client, code)
    client.wait(task_id)
    paths = client.download_all(task_id, tmp_path / "out")
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in paths) == [
        "result.json",
        "sub/a.txt",
    ]
    assert (tmp_path / "out" / "sub" / "a.txt").read_text() == "hello"


def test_a_file_that_only_an_earlier_attempt_left_is_found_by_its_name(
    client: Client, tmp_path: Path
) -> None:
    code = (
        "import os, steelyard_task as t\n"
        "number = os.environ['STEELYARD_ATTEMPT']\n"
        "(t.output_dir() / f'of-{number}.txt').write_text(number)\n"
        "raise SystemExit(number == '1')"
    )
    task_id = submit(client, code, attempts=2)
    client.wait(task_id)
    [path] = client.download_all(task_id, tmp_path, names=["of-1.txt"])
    assert path.read_text() == "1"
    assert [path.name for path in client.download_all(task_id, tmp_path)] == ["of-2.txt"]


async def test_the_async_client_does_the_same(sidecar: RunningSidecar, wire: CutWire, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with AsyncClient.find(wire.data_dir) as client:
        ids = await client.batch([program(GATE, str(gate)), program(FAILS_ONCE, attempts=2)])
        waiting = asyncio.create_task(client.wait(ids[0], timeout=60))
        async with aclosing(client.follow(ids[1])) as pieces:
            text = "".join([piece["text"] async for piece in pieces])
        assert text == "".join(f"attempt {n} {'x' * 20}\n" for n in (1, 2))
        wire.cut()
        gate.touch()
        assert (await waiting)["state"] == "SUCCEEDED"
        assert {task["task_id"] async for task in client.as_completed(ids)} == set(ids)
        assert await client.resolve(ids[0][:11]) == ids[0]
        with pytest.raises(WaitTimeout):
            await client.wait(await client.submit(**program(GATE, str(tmp_path / "never"))), timeout=0.1)
        [never] = [task async for task in client.tasks(state="RUNNING,READY")]
        await client.cancel(never["task_id"])
        target = await client.wait(await client.submit(**program("open('x.txt', 'w')")))
        assert target["state"] == "SUCCEEDED"


def test_a_restarted_sidecar_is_found_again(tmp_path: Path) -> None:
    data, gate = tmp_path / "data", tmp_path / "gate"
    told: list[str] = []
    with RunningSidecar(data, "--workers", "1") as first:
        assert first.ready
        with Client.find(data, tell=told.append, patience=90) as client:
            task_id = submit(client, GATE, str(gate))
            pieces: list[str] = []
            with (
                Background(lambda: client.wait(task_id, timeout=90)) as waiting,
                Client.find(data, patience=90) as other,
                Background(lambda: pieces.extend(p["text"] for p in other.follow(task_id))) as following,
            ):
                eventually(lambda: client.task(task_id)["state"] == "RUNNING", within=PATIENCE)
                first.kill()
                with RunningSidecar(data, "--workers", "1") as second:
                    assert second.ready["port"] != first.ready["port"]
                    gate.touch()
                    assert waiting.value()["state"] == "SUCCEEDED"
                    # A plain call finds it as well: nothing can have been done by one that nobody took.
                    assert client.status()["workers"]
                    # Who follows has to find it while it is there.
                    following.value()
            assert any("waiting up to 90 s" in text for text in told)
            assert "opened\n" in "".join(pieces)
    with Client(first.ready["url"], "ab" * 32, patience=0.3) as gone, pytest.raises(NoSidecar):
        gone.wait(task_id)


class Background:
    """Something that waits, in a thread; its value or error is had by value()."""

    def __init__(self, what: Any) -> None:
        self._what = what
        self._value: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._value = self._what()
        except BaseException as error:
            self._error = error

    def value(self) -> Any:
        self._thread.join(PATIENCE * 2)
        assert not self._thread.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error
        return self._value

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.value()
