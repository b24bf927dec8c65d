"""A zip for whoever is asked for help: what the machine is, what was set, what happened. No secret is in it.

What a person's simulations compute is nobody's business: commands, parameters, results and output stay out.
"""

from __future__ import annotations

import io
import json
import zipfile

from starlette.requests import Request
from starlette.responses import Response

from steelyard.machine.beside import compute
from steelyard.web.access import Access
from steelyard.web.describing import Answer, describe
from steelyard.web.needs import Json, Needs
from steelyard.web.queries import Query
from steelyard.web.routing import at, supervisor_of

LOG_CHARACTERS = 500_000
EVENTS = 500

README = """\
What Steelyard says of itself, made for whoever helps with a problem. Read it before you send it on.

system.json       versions, machine, paths, what is admitted
preferences.json  every setting, and where its value comes from; of tasks' variables the names
status.json       workers, memory, queue; the names of running tasks
simulations.json  names and faults of simulations
events.json       the last changes of state, without parameters and results
sidecar.log       its last lines

The token of this run is in none of them. The workers' logs are not here either: they show commands, and the
last lines of failed tasks. Send the one in question yourself, if you may.
"""


@describe({200: Answer(media="application/zip", text="The zip.")})
async def download(request: Request) -> Response:
    """The zip."""
    Query(request)
    access: Access = request.app.state.access
    files = {name: access.without_token(text) for name, text in _files(supervisor_of(request)).items()}
    data = await compute(lambda: _zip(files))
    headers = {"content-disposition": 'attachment; filename="steelyard-diagnostics.zip"'}
    return Response(data, media_type="application/zip", headers=headers)


def _files(supervisor: Needs) -> dict[str, str]:
    """Name in the zip to text."""
    view, known, status = supervisor.preferences_view(), supervisor.simulations(), supervisor.status()
    parts: dict[str, object] = {
        "system.json": supervisor.system(),
        "preferences.json": {
            "values": {key: _without_values(value) for key, value in view["values"].items()},
            "sources": view.get("sources"),
            "notice": view.get("notice"),
        },
        "status.json": status,
        "simulations.json": {
            "simulations": [one["name"] for one in known["simulations"]],
            "errors": known["errors"],
        },
        "events.json": _events(supervisor),
    }
    files = {"README.txt": README}
    files |= {name: json.dumps(part, indent=1, default=str) for name, part in parts.items()}
    files["sidecar.log"] = supervisor.sidecar_log(LOG_CHARACTERS)
    return files


def _without_values(setting: object) -> object:
    """A table of variables as its names: the values are the user's business."""
    return sorted(setting) if isinstance(setting, dict) else setting


def _events(supervisor: Needs) -> list[Json]:
    """The last events, each cut down to what changed its state."""
    kept = ("worker_id", "task_id", "simulation", "state", "cause", "reason", "attempt", "text")
    found: list[Json] = supervisor.events(max(0, supervisor.last_seq() - EVENTS), EVENTS)["events"]
    for event in found:
        data = event.get("data")
        if isinstance(data, dict):
            event["data"] = {name: data[name] for name in kept if name in data}
    return found


def _zip(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text.encode("utf-8", "replace"))
    return out.getvalue()


ROUTES = [at("/system/diagnostics.zip", get=download)]
