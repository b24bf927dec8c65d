"""/api/tasks/<id>/log/ and /files/: what a task wrote. A file is named by its id, never by a path."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.machine.mark_lines import begun_mark, without_marks
from steelyard.rules.errors import InvalidRequest, Unanswered
from steelyard.web.answers import Answer
from steelyard.web.describing import describe, flag, texts, whole, words
from steelyard.web.file_answer import FILE_ANSWERS, FileAnswer
from steelyard.web.headers import FILE_POLICY
from steelyard.web.needs import Json
from steelyard.web.queries import FILE_ID, Query, id_of
from steelyard.web.routing import at, supervisor_of
from steelyard.web.schemas import tasks as schemas
from steelyard.web.workers import LOG_CHARACTERS, MOST_LOG_CHARACTERS, TAIL

FURTHEST = 2**53
"""Bytes: no offset is larger."""
MOST_NAMES = 100
"""Names of files in one request."""


@describe(
    schemas.LogText,
    TAIL,
    whole("offset", 0, FURTHEST, "From which byte on; instead of `tail`."),
    flag("raw", "With `offset`: the bytes as they were printed, in `base64`; `text` is empty."),
    flag(
        "without_marks", "Leave out the program's `::steelyard` lines. `offset`, `next`, `size` count them."
    ),
    refuses=(Unanswered,),
)
async def log(request: Request) -> Answer:
    """The last `tail` characters of a task's output, or what follows byte `offset`."""
    query = Query(request, "tail", "offset", "without_marks", "raw")
    tail = query.whole("tail", 1, MOST_LOG_CHARACTERS)
    offset = query.whole("offset", 0, FURTHEST)
    if tail is not None and offset is not None:
        raise InvalidRequest("Either tail or offset, not both.")
    if tail is None and offset is None:
        tail = LOG_CHARACTERS
    raw = query.yes("raw")
    if raw and (offset is None or query.yes("without_marks")):
        raise InvalidRequest("raw goes with offset alone.", field="raw")
    found = await supervisor_of(request).task_log(id_of(request, "task_id"), tail, offset, raw)
    if query.yes("without_marks"):
        _leave_marks_out(found)
    return Answer(found)


def _leave_marks_out(found: Json) -> None:
    """A stretch ends before a line that it would cut in two, unless it holds nothing else."""
    text = found["text"]
    if found.get("next", found["size"]) < found["size"]:
        cut = begun_mark(text)
        if cut and found["next"] - cut > found["offset"]:
            found["next"] -= cut
            text = text.encode()[:-cut].decode()
    found["text"] = without_marks(text)


@describe(
    schemas.Files,
    texts("name", MOST_NAMES, "Only files of these names, those too that the list leaves out."),
    refuses=(Unanswered,),
)
async def listed(request: Request) -> Answer:
    """The files of a task, each with its id: 5,000 at the most."""
    names = Query(request, many="name").texts("name", MOST_NAMES)
    return Answer(await supervisor_of(request).task_files(id_of(request, "task_id"), names))


@describe(
    FILE_ANSWERS,
    flag("download", "Offer to save it."),
    words("modified", "Ignored: with another one a browser fetches what it holds once more."),
    refuses=(Unanswered,),
)
async def one(request: Request) -> Response:
    """A file; `download` offers to save it."""
    query = Query(request, "download", "modified")
    task_id, file_id = id_of(request, "task_id"), id_of(request, "file_id", FILE_ID)
    file, about = await supervisor_of(request).open_task_file(task_id, file_id)
    headers = {"content-security-policy": FILE_POLICY}
    return FileAnswer(file, about["name"].rpartition("/")[2], headers, query.yes("download"))


ROUTES = [
    at("/api/tasks/{task_id}/log/", get=log),
    at("/api/tasks/{task_id}/files/", get=listed),
    at("/api/tasks/{task_id}/files/{file_id}", get=one),
]
