"""/static/: stylesheets and scripts of the pages, each by its name in a list made at the start."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from steelyard.machine.beside import beside
from steelyard.machine.regular_files import Unreadable, open_regular
from steelyard.rules.errors import NotFound
from steelyard.web.describing import describe, words
from steelyard.web.file_answer import FILE_ANSWERS, FileAnswer
from steelyard.web.queries import Query
from steelyard.web.routing import at

FOLDER = Path(__file__).parent / "static"


def routes(folder: Path = FOLDER) -> list[Route]:
    """The route of all files that lie in `folder` now. Nothing else is ever opened, whatever is asked for."""
    known = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}

    @describe(FILE_ANSWERS, words("v", "A version, so that a browser asks anew."))
    async def asset(request: Request) -> Response:
        """A stylesheet, a script or a picture of the pages."""
        Query(request, "v")
        path = known.get(request.path_params["name"])
        if path is None:
            raise NotFound("There is nothing at this address.")
        try:
            file = await beside(lambda: open_regular(path))
        except Unreadable as error:
            raise NotFound(f"The program's file {path.name} {error}.") from error
        # Kept by the browser, and asked for again by its tag: a new version of the program shows at once.
        return FileAnswer(file, path.name, {"cache-control": "private, no-cache"}, False)

    return [at("/static/{name:path}", get=asset)]
