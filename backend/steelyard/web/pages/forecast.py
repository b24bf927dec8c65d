"""The line under the overview: when all will be done, with how many workers; and what a run usually takes."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from steelyard.machine import local_time
from steelyard.rules import forecast_words
from steelyard.rules.errors import InvalidRequest, NotFound
from steelyard.rules.timestamps import iso, unix
from steelyard.web.needs import Json
from steelyard.web.pages.wording import CLOCKS, ago
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
    """The forecast in sentences: {"sentence", "range", "instead", "bound_by"} beside its own fields.

    With the workers that there are, with one if that takes clearly longer, and with the fewest that would
    make it clearly sooner. range: None where there is no outlook.
    """
    now = CLOCKS.wall()

    def clock(moment: float) -> str:
        return local_time.clock(moment, now)

    def when(moment: float) -> str:
        return f"at {clock(moment)} ({ago(iso(moment))})"

    shown = worth_telling(forecast)
    main = shown[0] if shown else None
    sentence = forecast_words.sentence(forecast, main, when, clock)
    if main is None:
        return {**forecast, "sentence": sentence, "range": None}
    earliest, latest = clock(unix(main["earliest"])), clock(unix(main["latest"]))
    instead = [f"with {forecast_words.with_workers(one)} {when(unix(one['done_at']))}" for one in shown[1:]]
    return {
        **forecast,
        "sentence": sentence,
        "range": f"At the earliest {earliest}, at the latest {latest}",
        "instead": instead,
        "bound_by": main["bound_by"],
    }


def worth_telling(forecast: Json) -> list[Json]:
    """The outlooks that are worth telling, that of the workers that there are first."""
    outlooks = forecast["outlooks"]
    if not outlooks:
        return []
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
    return shown


ROUTES = [at("/htmx/forecast/", get=line), at("/htmx/usually/", get=usually)]
