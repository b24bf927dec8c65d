"""The record of whoever owned the data directory last, as a power cut may leave it."""

from __future__ import annotations

import pytest

from steelyard.supervisor import ownership
from tests.unit.supervisor.making import Made


@pytest.mark.parametrize("data", [b'{"url": "\xff"}', b"", b"\0" * 64, b"[1]", b'{"pid":'])
async def test_a_record_that_cannot_be_read_is_none(made: Made, data: bytes) -> None:
    path = made.yard.data.runtime / "sidecar.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    assert ownership.read(made.yard.data) is None
    ownership.refuse_living_owner(made.yard.data)
