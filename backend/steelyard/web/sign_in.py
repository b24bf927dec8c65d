"""/sign-in/<code>: the one address without authentication. It turns a link's code into a session, once."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steelyard.web.access import Access
from steelyard.web.routing import at


async def sign_in(request: Request) -> Response:
    """Set the session's cookie and go on to the first page; Unauthorised if the link does not work."""
    access: Access = request.app.state.access
    if request.method == "HEAD":
        return Response(status_code=204)
    cookie = access.redeem(request.path_params["code"])
    return RedirectResponse("/", 303, {"set-cookie": cookie})


ROUTES = [at("/sign-in/{code}", get=sign_in)]
