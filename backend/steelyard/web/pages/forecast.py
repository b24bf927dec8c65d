"""The line under the overview: when all will be done, with how many workers; and what a run usually takes."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from steelyard.rules.errors import InvalidRequest, NotFound
from steelyard.rules.timestamps import unix
from steelyard.web.needs import Json
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of

SOONER = 0.95
"""Another number of workers is worth a word if it takes less than this share of the time."""


async def line(request: Request) -> Response:
    """When all will be done."""
    Query(request)
    return render(request, "fragments/forecast.html", forecast=told(await supervisor_of(request).forecast()))


async def usually(request: Request) -> Response:
    """What a run of these parameters (JSON) is expected to take, and whether there is room for it now."""
    query = Query(request, "simulation", "parameters")
    try:
        parameters = msgspec.json.decode(query.text("parameters") or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"parameters: {error}.", field="parameters") from None
    try:
        found = await supervisor_of(request).usually(query.text("simulation") or "", parameters)
    except NotFound:
        # It went while its form was open; the form says so when it is sent.
        found = None
    return render(request, "fragments/usually.html", usual=found)


def told(forecast: Json) -> Json:
    """The forecast with the outlooks that are worth telling.

    With the workers that there are, with one if that takes clearly longer, and with the fewest that would
    make it clearly sooner.
    """
    outlooks = forecast["outlooks"]
    if not outlooks:
        return {**forecast, "shown": []}
    place = max(0, min(forecast["workers"], len(outlooks)) - 1)
    main, now = outlooks[place], min(unix(one["earliest"]) for one in outlooks)

    def takes(one: Json) -> float:
        return unix(one["done_at"]) - now

    def sooner(one: Json, other: Json) -> bool:
        return takes(one) < SOONER * takes(other) and takes(other) - takes(one) >= 1

    shown = [main]
    if place > 0 and sooner(main, outlooks[0]):
        shown.append(outlooks[0])
    better = [one for one in outlooks[place + 1 :] if sooner(one, main)]
    if better:
        best = min(map(takes, better))
        shown.append(next(one for one in better if takes(one) <= best + 1))
    return {**forecast, "shown": shown}


ROUTES = [at("/htmx/forecast/", get=line), at("/htmx/usually/", get=usually)]
