"""The bodies that requests may have: one type each, unknown fields refused.

Optional fields may be left out or null, which is the same, except in a change (PATCH): there only what is
named is changed. What a size, a duration or a moment in text may be, the supervisor knows.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from steelyard.rules.errors import InvalidRequest
from steelyard.web import bodies

MOST_IN_A_BATCH = 10_000

Label = Annotated[str, Meta(max_length=10_000)]
Tag = Annotated[str, Meta(min_length=1, max_length=100)]
Tags = Annotated[list[Tag], Meta(max_length=100)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
SweepName = Annotated[str, Meta(max_length=200)]
Key = Annotated[str, Meta(min_length=1, max_length=200)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Queue = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}\Z")]
Priority = Annotated[int, Meta(ge=-100, le=100)]
Attempts = Annotated[int, Meta(ge=1, le=100)]
Count = Annotated[int, Meta(ge=1, le=256)]

# What the supervisor refuses in better words than a decoder's: documented here, not checked here.
Size = Annotated[
    int | str,
    Meta(
        description="Bytes, or a number with a unit: 8GiB, 8 GB.",
        extra_json_schema={
            "minimum": 1,
            "maximum": 2**63 - 1,
            "pattern": r"^ *([0-9]{1,19}|[0-9]{1,40}(\.[0-9]{1,40})? ?([kKmMgGtT][iI]?)?[bB]) *$",
        },
    ),
]
Duration = Annotated[
    int | float | str,
    Meta(
        description="Seconds, or a number with s, m, h or d: 90s, 48h. 0: no limit. At most a year.",
        extra_json_schema={
            "minimum": 0,
            "maximum": 31_536_000,
            "pattern": r"^ *[0-9]{1,40}(\.[0-9]{1,40})? ?[smhdSMHD]? *$",
        },
    ),
]
Moment = Annotated[
    str,
    Meta(
        description="ISO 8601; without an offset it is UTC.",
        extra_json_schema={"format": "date-time", "examples": ["2026-01-15T10:30:00Z"]},
    ),
]


class Form(msgspec.Struct, forbid_unknown_fields=True):
    """A body of this API."""

    rule: ClassVar[dict[str, Any]] = {}
    """JSON Schema of what the fields alone do not say, for /openapi.json."""


class Nothing(Form):
    """For requests that need no body: empty, or {}."""


class AddWorker(Form):
    """POST /api/workers/add/"""

    force: bool | None = None


class AddWorkers(Form):
    """POST /api/workers/add-many/"""

    count: Count
    force: bool | None = None


class DrainWorker(Form):
    """POST /api/workers/drain/"""

    worker_id: Id | None = None


class AbortWorker(Form):
    """POST /api/workers/<id>/abort/"""

    confirm: bool | None = None


class Work(Form):
    """What a task and a sweep have in common."""

    simulation: Name
    label: Label | None = None
    priority: Priority | None = None
    memory: Size | None = None
    timeout: Duration | None = None
    attempts: Attempts | None = None
    queue: Queue | None = None
    not_before: Moment | None = None
    after: Annotated[list[Id], Meta(max_length=1000)] | None = None
    tags: Tags | None = None
    force: bool | None = None


class SubmitTask(Work):
    """POST /api/tasks/, and each of a batch."""

    parameters: dict[str, Any] | None = None
    key: Key | None = None


class SubmitBatch(Form):
    """POST /api/tasks/batch/. Each task is decoded by itself, so that a refusal can say which one it is."""

    tasks: Annotated[
        list[Annotated[msgspec.Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/SubmitTask"})]],
        Meta(extra_json_schema={"minItems": 1, "maxItems": MOST_IN_A_BATCH}),
    ]


class SubmitSweep(Work):
    """POST /api/sweeps/: a grid, of which every combination is a task, or the rows themselves."""

    rule: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {
                "required": ["grid"],
                "properties": {
                    "grid": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": {"type": "array", "minItems": 1},
                    }
                },
            },
            {"required": ["rows"], "properties": {"rows": {"type": "array", "minItems": 1}}},
        ]
    }
    base: dict[str, Any] | None = None
    grid: dict[str, list[Any]] | None = None
    rows: list[dict[str, Any]] | None = None
    ordered: bool | None = None
    name: SweepName | None = None
    key: Key | None = None


class RetryTask(Form):
    """POST /api/tasks/<id>/retry/"""

    with_dependents: bool | None = None


class RetrySweep(Form):
    """POST /api/sweeps/<id>/retry/"""

    states: list[Literal["FAILED", "CANCELLED"]] | None = None


class EditTask(Form):
    """PATCH /api/tasks/<id>/"""

    priority: Priority | UnsetType = UNSET
    label: Label | UnsetType = UNSET
    memory: Size | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET


class AnswerStartup(Form):
    """POST /api/startup/"""

    choice: Literal["start", "start_anyway", "without_workers"]


def batch_of(form: SubmitBatch) -> list[dict[str, Any]]:
    """The tasks of a batch; InvalidRequest that names the first one that is none."""
    if not 1 <= len(form.tasks) <= MOST_IN_A_BATCH:
        raise InvalidRequest(f"tasks: a batch holds 1 to {MOST_IN_A_BATCH} tasks.", field="tasks")
    return [
        bodies.given(bodies.decode(raw, SubmitTask, f"tasks[{index}]"))
        for index, raw in enumerate(form.tasks)
    ]


def sweep_of(form: SubmitSweep) -> dict[str, Any]:
    """A sweep; InvalidRequest unless it has either a grid or rows."""
    if (form.grid is None) == (form.rows is None):
        raise InvalidRequest("A sweep has either a grid or rows.", field="grid")
    return bodies.given(form)
