"""What can go wrong between a client and its sidecar, beside the refusals of the sidecar itself.

Light on purpose: the command line imports it at every start.
"""

from __future__ import annotations

from typing import Any, ClassVar

from steelyard.rules import errors
from steelyard.rules.errors import SteelyardError


class NoSidecar(SteelyardError):
    """Nothing of ours answers: no sidecar runs, its record is stale, or another program has its port."""

    code: ClassVar[str] = "no_sidecar"
    remedy = "Start one with: steelyard serve"
    """What to do about it."""

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}"


class Unreachable(NoSidecar):
    """Nobody listens at the address: nothing was sent, so nothing can have been done."""


class NoAnswer(SteelyardError):
    """A sidecar is there, but did not answer within the time that the client gives it."""

    code: ClassVar[str] = "no_answer"


class WaitTimeout(TimeoutError):
    """The time that a call may wait is over; what it waited for goes on."""


class UnknownRefusal(SteelyardError):
    """The sidecar refused with a code that this version of the client does not know; detail has it."""

    code: ClassVar[str] = "unknown_refusal"


_BY_CODE: dict[str, type[SteelyardError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, SteelyardError)
    and kind not in (SteelyardError, errors.StartError)
}


def refusal_of(document: Any) -> SteelyardError | None:
    """The exception that an error answer stands for; None if the document is no error answer of Steelyard."""
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return None
    code, message, detail = error.get("code"), error.get("message"), error.get("detail")
    if not isinstance(code, str) or not isinstance(message, str):
        return None
    kind = _BY_CODE.get(code)
    refusal = UnknownRefusal(f"{message} ({code})") if kind is None else kind(message)
    # Not as keywords: a detail may have a field named like a parameter of the constructor.
    refusal.detail = dict(detail) if isinstance(detail, dict) else {}
    if kind is None:
        refusal.detail["code"] = code
    return refusal
