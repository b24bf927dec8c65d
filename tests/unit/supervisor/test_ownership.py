"""The record of whoever owned the data directory last, as a power cut may leave it."""

from __future__ import annotations

import os

import pytest

from steelyard.supervisor import ownership
from tests.unit.supervisor.making import Made


@pytest.mark.parametrize("data", [b'{"url": "\xff"}', b"", b"\0" * 64, b"[1]", b'{"pid":', b"[" * 50_000])
async def test_a_record_that_cannot_be_read_names_nobody_and_is_kept(made: Made, data: bytes) -> None:
    path = made.yard.data.runtime / "sidecar.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    said = ownership.refuse_living_owner(made.yard.data, 1_767_225_600.0)
    aside = path.with_name("sidecar.json.unreadable-20260101T000000Z")
    assert aside.read_bytes() == data and not path.exists()
    assert aside.name in str(said)
    assert ownership.refuse_living_owner(made.yard.data, 1_767_225_600.0) is None


async def test_a_pipe_in_place_of_the_record_stops_nobody(made: Made) -> None:
    path = made.yard.data.runtime / "sidecar.json"
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    assert "is a named pipe" in str(ownership.refuse_living_owner(made.yard.data, 0.0))
    assert not path.exists()
