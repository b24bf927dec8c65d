"""Templates to HTML. Every value is text: it is escaped here, in one place, whatever a task printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from steelyard import __version__
from steelyard.machine.beside import compute

NOT_LET_IN = ("unauthorised", "forbidden_host", "forbidden_origin")
"""Codes of the door's own refusals."""

_TEMPLATES = Path(__file__).parent / "templates"

environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    # Else each use of a template asks the disk whether it has changed: hundreds of times for a long page.
    auto_reload=False,
)
"""Pages add their filters here. A name that a template does not get is an error, not an empty string."""
environment.globals["version"] = __version__
environment.filters["urlencode"] = lambda text: quote(str(text), errors="replace")


def compile_all(enough: Callable[[], bool] = lambda: False) -> None:
    """Compile every template that is not yet, some 300 ms in all: whoever opens a page then waits for none.

    enough: asked before each; True ends it.
    """
    for name in environment.list_templates():
        if enough():
            return
        environment.get_template(name)


def render(request: Request, template: str, /, **context: Any) -> HTMLResponse:
    """The answer that a template makes of `context`; the template also knows `request` and `version`."""
    text = environment.get_template(template).render(request=request, **context)
    # What tasks write need not be Unicode: half of a surrogate pair in JSON, any bytes in a file's name.
    return HTMLResponse(text.encode("utf-8", "replace"))


async def render_aside(request: Request, template: str, /, **context: Any) -> HTMLResponse:
    """The same in a thread: for pages of hundreds of rows, which take longer than others should wait."""
    return await compute(lambda: render(request, template, **context))


def error_page(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """A small page of its own, dressed only for whom the door has let in: nobody else could fetch a style."""
    text = environment.get_template("error.html").render(
        status=status, code=code, message=message, let_in=code not in NOT_LET_IN
    )
    return HTMLResponse(text, status, headers)
