"""What the other types are made of, and the form of every error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Moment = Annotated[
    str, Meta(description="UTC, to the second or finer.", extra_json_schema={"format": "date-time"})
]
Bytes = Annotated[int, Meta(ge=0, description="Bytes.")]
Seconds = Annotated[float, Meta(ge=0, description="Seconds.")]
Percent = Annotated[float, Meta(ge=0, description="Per cent of one core; may pass 100.")]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Seq = Annotated[int, Meta(ge=0, description="The number of the last stored event that this takes in.")]
Queue = Annotated[str, Meta(description="Name of a queue.")]
Pressure = Literal["normal", "warning", "critical"]


PausedBy = Annotated[
    Literal["user", "battery"] | None,
    Meta(description="Who has paused the queue; null: waiting tasks may start."),
]


class Reply(msgspec.Struct, forbid_unknown_fields=True):
    """An answer of this API, or a part of one."""


class ErrorDetail(Reply):
    """What went wrong. `detail` has the figures; `field` in it names the field or parameter at fault."""

    code: str
    message: Annotated[str, Meta(description="One sentence for a person.")]
    detail: dict[str, Any]


class Error(Reply):
    """Every refusal has this form."""

    error: ErrorDetail
