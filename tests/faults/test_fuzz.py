"""Bytes of strangers: by hypothesis in this process, by atheris where it is, and over a real WebSocket."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.fuzz_targets import SEEDS, TARGETS
from tests.helpers import api
from tests.helpers.reach import bearer, websocket_address
from tests.helpers.sidecar import RunningSidecar

ROOT = Path(__file__).parents[2]
RUNS = 3_000
"""Of atheris for each target: some seconds."""
MESSAGES = 400


@st.composite
def spoiled(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Something that would be right, with some bytes changed, left out, doubled or put in."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 4)))
        piece = draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"[", b"\\", b"\0", b"\xff", b"1e999"])
        )
        data[at:end] = piece * draw(st.sampled_from([1, 1, 2, 50]))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_what_is_wrong_is_refused_in_our_own_words(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(spoiled(SEEDS[name]) | st.binary(max_size=200)))


@pytest.mark.parametrize("name", TARGETS)
def test_the_first_examples_pass(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.timeout(240)
def test_atheris_finds_nothing() -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris has no wheel for this Python and system")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/bench/fuzz.py"), "--seconds", "20", "--runs", str(RUNS)],
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(" ok\n") == len(TARGETS), done.stdout


def some_messages(seed: int) -> list[str | bytes]:
    rng = random.Random(seed)
    found: list[str | bytes] = ["", "{}", "[]", "null", "[" * 5000, "1" * 60_000, b"\0", '{"subscribe": [1]}']
    found += ['{"subscribe": ["log:' + "a" * 64 + '"]}', '{"subscribe": ["log:../../x"]}']
    while len(found) < MESSAGES:
        text = bytearray(rng.choice(SEEDS["websocket_message"]))
        for _ in range(rng.randrange(6)):
            text[rng.randrange(len(text))] = rng.randrange(32, 127)
        found.append(text.decode())
    return found


async def throw(record: dict[str, str], messages: list[str | bytes]) -> int:
    """Send each, coming back when sent away; how many were answered with an error."""
    url, headers = websocket_address(record), bearer(record)
    refused = 0
    waiting = list(messages)
    while waiting:
        async with websockets.connect(url, additional_headers=headers) as connection:
            await connection.recv()
            while waiting:
                message = waiting.pop()
                try:
                    await connection.send(message)
                    # A message that is right is not answered; what follows it is.
                    await connection.send('{"subscribe": ["no such topic"]}')
                    while True:
                        answer = json.loads(await asyncio.wait_for(connection.recv(), 30))
                        if answer["type"] == "error":
                            assert answer["error"]["code"] in ("invalid_request", "not_found"), answer
                            refused += 1
                            if "no such topic" in answer["error"]["message"]:
                                break
                except websockets.ConnectionClosed as closed:
                    assert closed.rcvd is not None and closed.rcvd.code in (1003, 1007, 1009), closed
                    break
    return refused


def test_whatever_a_websocket_says_the_others_are_served(tmp_path: Path) -> None:
    with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        refused = asyncio.run(throw(sidecar.record, some_messages(20261126)))
        assert refused > MESSAGES / 2
        assert api.submit(client, ["true"])
        assert "Traceback" not in (sidecar.data_dir / "logs" / "sidecar.log").read_text()
        assert sidecar.terminate() == 0
    assert b"Traceback" not in sidecar.stderr
