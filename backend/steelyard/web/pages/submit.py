"""Submit: choose a simulation, then a form drawn from its JSON Schema, for one task or for many."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steelyard.rules.errors import NotFound
from steelyard.web.needs import Json, Needs
from steelyard.web.pages.submit_fields import fields
from steelyard.web.queries import Query
from steelyard.web.rendering import render
from steelyard.web.routing import at, supervisor_of


async def page(request: Request) -> Response:
    """The choice, or the form of `simulation`; `from` is a task whose values stand in it. NotFound."""
    query = Query(request, "simulation", "from")
    supervisor = supervisor_of(request)
    earlier = supervisor.task(task_id) if (task_id := query.text("from")) else None
    name = query.text("simulation") or (earlier["simulation"] if earlier else None)
    known = supervisor.simulations()
    if name is None:
        return render(request, "submit.html", simulations=known["simulations"], errors=known["errors"])
    try:
        simulation = supervisor.simulation(name)
    except NotFound as gone:
        return render(
            request,
            "submit.html",
            simulations=known["simulations"],
            errors=known["errors"],
            gone=gone.message,
        )
    defaults = _defaults(supervisor, simulation)
    return render(
        request,
        "submit_form.html",
        simulation=simulation,
        simulations=known["simulations"],
        fields=fields(simulation["schema"], earlier["parameters"] if earlier else None),
        earlier=earlier,
        kept=_kept(earlier, simulation, defaults),
        defaults=defaults,
    )


def _kept(earlier: Json | None, simulation: Json, defaults: Json) -> Json:
    """What the other fields take over from an earlier task: only what it was given by a person."""
    if earlier is None:
        return {
            "label": "",
            "priority": 0,
            "tags": "",
            "memory": "",
            "attempts": "",
            "timeout": "",
            "queue": "",
        }
    stated = earlier["memory"]["source"] == "task"
    attempts, timeout = earlier["max_attempts"], earlier["timeout"]
    return {
        "label": earlier["label"],
        "priority": earlier["priority"],
        "tags": ", ".join(earlier["tags"]),
        "memory": str(earlier["memory"]["claim"]) if stated else "",
        "attempts": str(attempts) if attempts != simulation["resources"]["attempts"] else "",
        "timeout": f"{timeout:g}s" if timeout != defaults["timeout"] else "",
        "queue": earlier["queue"] if earlier["queue"] != "default" else "",
    }


def _defaults(supervisor: Needs, simulation: Json) -> Json:
    """What holds for the fields that are left empty: bytes, seconds, a count."""
    values = supervisor.preferences_view()["values"]
    resources = simulation["resources"]
    learned = simulation.get("learned") or {}
    return {
        "memory": resources["memory"] or learned.get("claim") or values.get("worker_peak_memory"),
        "learned": bool(learned) and not resources["memory"],
        "declared": bool(resources["memory"]),
        "timeout": resources["timeout"]
        if resources["timeout"] is not None
        else values.get("worker_task_timeout"),
        "attempts": resources["attempts"],
        "duration": simulation.get("usual_duration"),
    }


ROUTES = [at("/submit/", get=page)]
