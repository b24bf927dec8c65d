"""Every refusal that a client can meet, written once. The web edge alone knows which HTTP status each has."""

from __future__ import annotations

from typing import Any, ClassVar


class SteelyardError(Exception):
    """A refusal: a code that programs read, one sentence that people read, figures as detail."""

    code: ClassVar[str] = "invalid_request"

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class InvalidRequest(SteelyardError):
    """The request is not of the form that the contract asks for."""


class InvalidParameters(SteelyardError):
    """A simulation's parameters do not fit its schema; detail["errors"] is a list of {"path", "message"}."""

    code = "invalid_parameters"


class ForbiddenHost(SteelyardError):
    """The Host header is not this server's own."""

    code = "forbidden_host"


class Unauthorised(SteelyardError):
    """No valid token or session came with the request."""

    code = "unauthorised"


class ForbiddenOrigin(SteelyardError):
    """The request comes from a foreign page."""

    code = "forbidden_origin"


class NotFound(SteelyardError):
    """There is no such thing."""

    code = "not_found"


class MethodNotAllowed(SteelyardError):
    """The path exists, the method does not."""

    code = "method_not_allowed"


class InsufficientMemory(SteelyardError):
    """No room in memory; detail has need and headroom, bytes."""

    code = "insufficient_memory"


class AtCapacity(SteelyardError):
    """The hard cap of workers is reached."""

    code = "at_capacity"


class NoCores(SteelyardError):
    """Every core that may be used is taken."""

    code = "no_cores"


class ConfirmationRequired(SteelyardError):
    """The request loses work and was not confirmed."""

    code = "confirmation_required"


class WillNeverFit(SteelyardError):
    """A stated claim is larger than all that this machine could ever give."""

    code = "will_never_fit"


class Conflict(SteelyardError):
    """The state of the thing forbids the request."""

    code = "conflict"


class PayloadTooLarge(SteelyardError):
    """The body is over its limit."""

    code = "payload_too_large"


class UnsupportedMediaType(SteelyardError):
    """The body is not JSON."""

    code = "unsupported_media_type"


class ShuttingDown(SteelyardError):
    """The sidecar is on its way out."""

    code = "shutting_down"


class StorageFull(SteelyardError):
    """The disk refused a write; nothing was changed."""

    code = "storage_full"


class Unanswered(SteelyardError):
    """A folder, or the disk that it lies on, has not answered in time; detail has the folder."""

    code = "unanswered"


class StartError(SteelyardError):
    """The sidecar cannot start: the `fatal` event of the hello protocol, exit status 2.

    code is one of FATAL_CODES; remedy tells the person what to do about it.
    """

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        if code not in FATAL_CODES:
            raise ValueError(f"{code} is no code of a fatal start")
        self.fatal_code = code
        self.remedy = remedy


FATAL_CODES = frozenset(
    {
        "bad_configuration",
        "data_dir_locked",
        "data_dir_unwritable",
        "disk_full",
        "database_corrupt",
        "migration_failed",
        "bad_preferences",
        "port_unavailable",
    }
)
