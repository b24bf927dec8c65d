"""/sign-in/<code>: the one address without authentication. It turns a link's code into a session, once.

/api/sign-in-links/ makes new links, for who holds the token: a page cannot hand its session on.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steelyard.rules.errors import Unauthorised
from steelyard.web import answers, bodies, forms
from steelyard.web.access import Access
from steelyard.web.describing import Answer, describe
from steelyard.web.queries import Query
from steelyard.web.routing import at
from steelyard.web.schemas import program as schemas

_SET_COOKIE = {"set-cookie": "The session.", "location": "/"}


@describe(
    {303: Answer(media="", text="The browser has a session from here on.", headers=_SET_COOKIE)}, open=True
)
async def sign_in(request: Request) -> Response:
    """Set the session's cookie and go on to the first page; Unauthorised if the link does not work."""
    access: Access = request.app.state.access
    if request.method == "HEAD":
        return Response(status_code=204)
    cookie = access.redeem(request.path_params["code"])
    return RedirectResponse("/", 303, {"set-cookie": cookie})


@describe(schemas.SignInLink, status=201, body=forms.Nothing)
async def new_link(request: Request) -> answers.Answer:
    """A new sign-in link. Only with the token; Unauthorised for a browser's session."""
    Query(request)
    if "authorization" not in request.headers:
        raise Unauthorised("A new sign-in link needs the token; a browser's session does not make one.")
    await bodies.read(request, forms.Nothing)
    access: Access = request.app.state.access
    return answers.Answer({"url": access.new_link()}, 201)


ROUTES = [
    at("/sign-in/{code}", get=sign_in),
    at("/api/sign-in-links/", post=new_link),
]
