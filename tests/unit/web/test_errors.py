"""The table from refusal to status knows every refusal there is."""

from __future__ import annotations

from typing import Any

import pytest

from steelyard.rules import errors as refusals
from steelyard.web.errors import STATUS, status_of


def every_refusal() -> list[type[refusals.SteelyardError]]:
    kinds: list[Any] = [vars(refusals)[name] for name in vars(refusals)]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, refusals.SteelyardError)]


def test_the_table_is_complete() -> None:
    meant_for_clients = set(every_refusal()) - {refusals.SteelyardError, refusals.StartError}
    assert set(STATUS) == meant_for_clients
    codes = [kind.code for kind in STATUS]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", STATUS)
def test_a_special_case_of_a_refusal_has_its_status(kind: type[refusals.SteelyardError]) -> None:
    special = type("Special", (kind,), {})
    assert status_of(special("x")) == STATUS[kind]


def test_a_start_error_is_for_no_client() -> None:
    assert status_of(refusals.StartError("disk_full", "x", "y")) is None
