"""A task's whole output as a file to save; the page itself shows a window of it (static/task_log.js)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from steelyard.rules.errors import Unanswered
from steelyard.web.describing import Answer, describe
from steelyard.web.needs import Needs
from steelyard.web.queries import Query, id_of
from steelyard.web.routing import at, supervisor_of


@describe({200: Answer(media="text/plain", text="The output.")}, refuses=(Unanswered,))
async def download(request: Request) -> Response:
    """The output of the last attempt, as far as it is kept. NotFound."""
    Query(request)
    supervisor, task_id = supervisor_of(request), id_of(request, "task_id")
    first = await supervisor.task_log(task_id, 1)
    headers = {"content-disposition": f'attachment; filename="{task_id}-attempt-{first["attempt"]}.log"'}
    # To its present end only: a task that prints for hours must not make an answer of hours.
    return StreamingResponse(
        _pieces(supervisor, task_id, first["size"]), media_type="text/plain", headers=headers
    )


async def _pieces(supervisor: Needs, task_id: str, size: int) -> AsyncIterator[bytes]:
    offset = 0
    while offset < size:
        piece = await supervisor.task_log(task_id, offset=offset, raw=True)
        if piece["offset"] > offset:
            gap = piece["offset"] - offset
            yield f"\n[Steelyard: {gap} bytes of output are not kept]\n".encode()
        yield base64.b64decode(piece.get("base64", ""))
        if piece.get("next", 0) <= offset:
            return
        offset = piece["next"]
        # Others want to be answered too.
        await asyncio.sleep(0)


ROUTES = [at("/tasks/{task_id}/output.log", get=download)]
