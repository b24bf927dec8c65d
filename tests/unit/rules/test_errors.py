"""Errors: every code of the contract exists once, and a fatal start names one of its own."""

from __future__ import annotations

import pytest

from steelyard.rules import errors
from steelyard.rules.errors import FATAL_CODES, InvalidRequest, StartError, SteelyardError

# The table of docs/http.md.
CODES = {
    "invalid_request", "forbidden_host", "unauthorised", "forbidden_origin", "not_found",
    "method_not_allowed",
    "insufficient_memory", "at_capacity", "no_cores", "confirmation_required", "will_never_fit", "conflict",
    "payload_too_large", "unsupported_media_type", "invalid_parameters", "shutting_down", "storage_full",
    "unanswered",
}  # fmt: skip


def kinds() -> list[type[SteelyardError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [
        kind
        for kind in found
        if issubclass(kind, SteelyardError) and kind not in (SteelyardError, StartError)
    ]


def test_the_codes_of_the_contract_exist_once_each() -> None:
    codes = [kind.code for kind in kinds()]
    assert sorted(codes) == sorted(CODES)


def test_an_error_keeps_its_sentence_and_its_figures() -> None:
    error = InvalidRequest("No.", need=8, headroom=1)
    assert (str(error), error.message, error.detail) == ("No.", "No.", {"need": 8, "headroom": 1})


def test_a_fatal_start_has_a_code_of_its_own() -> None:
    assert {
        "bad_configuration", "data_dir_locked", "data_dir_unwritable", "disk_full", "database_corrupt",
        "migration_failed", "bad_preferences", "port_unavailable",
    } == FATAL_CODES  # fmt: skip
    error = StartError("disk_full", "The disk is full.", "Make room.")
    assert (error.fatal_code, error.remedy) == ("disk_full", "Make room.")
    with pytest.raises(ValueError, match="no code"):
        StartError("on_fire", "It burns.", "Run.")
