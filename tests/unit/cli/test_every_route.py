"""Whatever the pages and the HTTP API can do has a command: the routes of the server against the commands."""

from __future__ import annotations

import re

import click
import pytest

from steelyard.cli import app
from steelyard.web import app as web
from steelyard.web import openapi, push

COMMANDS = {
    "GET /api/workers/status/": "workers list",
    "POST /api/workers/add/": "workers add --force",
    "POST /api/workers/add-many/": "workers add --count",
    "POST /api/workers/drain/": "workers drain",
    "POST /api/workers/{worker_id}/drain/": "workers drain",
    "POST /api/workers/{worker_id}/abort/": "workers abort --yes",
    "POST /api/workers/cleanup/": "workers cleanup",
    "GET /api/workers/{worker_id}/log/": "workers log --tail",
    "GET /api/tasks/": "tasks --state --simulation --sweep --tag -q --limit --cursor",
    "POST /api/tasks/": "submit --key --label --priority --memory --timeout --attempts --queue --not-before"
    " --after --tag --force",
    "POST /api/tasks/batch/": "sweep --rows",
    "POST /api/sweeps/": "sweep --rows --base --ordered -p --name --key --label --priority --memory --timeout"
    " --attempts --queue --not-before --after --tag --force",
    "GET /api/sweeps/": "sweeps list",
    "GET /api/sweeps/{sweep_id}/": "sweeps show",
    "POST /api/sweeps/{sweep_id}/cancel/": "cancel --sweep",
    "POST /api/sweeps/{sweep_id}/retry/": "retry --sweep",
    "GET /api/tasks/{task_id}/": "task",
    "PATCH /api/tasks/{task_id}/": "edit --priority --label --memory --tag --no-tags",
    "POST /api/tasks/{task_id}/cancel/": "cancel",
    "POST /api/tasks/{task_id}/retry/": "retry --with-dependents",
    "POST /api/tasks/{task_id}/suspend/": "suspend",
    "POST /api/tasks/{task_id}/resume/": "resume",
    "GET /api/tasks/{task_id}/samples/": "task --samples",
    "GET /api/tasks/{task_id}/log/": "logs --tail -f",
    "GET /api/tasks/{task_id}/files/": "files --attempt",
    "GET /api/tasks/{task_id}/files/{file_id}": "files --to",
    "POST /api/queue/pause/": "queue pause",
    "POST /api/queue/resume/": "queue resume",
    "GET /api/simulations/": "simulations",
    "GET /api/simulations/{name}/": "simulations",
    "GET /api/startup/": "startup",
    "POST /api/startup/": "startup",
    "GET /api/events/": "events --since --kind -f",
    "GET /api/preferences/": "preferences list",
    "PATCH /api/preferences/": "preferences set",
    "GET /api/forecast/": "forecast",
    "GET /api/system/": "system",
    "POST /api/sign-in-links/": "open --print",
    # The pages: what a person sees or gets there.
    "GET /": "workers watch",
    "GET /tasks/": "tasks",
    "GET /tasks/{task_id}/": "task",
    "GET /tasks/{task_id}/output.log": "logs",
    "GET /submit/": "again -p --wait",
    "GET /sweeps/{sweep_id}/": "results",
    "GET /sweeps/{sweep_id}/table.csv": "results --csv",
    "GET /preferences/": "preferences reset --all",
    "GET /system/": "system --log",
    "GET /system/diagnostics.zip": "system --diagnostics",
}
NONE = {
    "POST /workers/tick/": "what it does is done anyway",
    "GET /healthz": "for programs that watch; `doctor` tells a person",
    "GET /metrics": "for Prometheus",
    "GET /openapi.json": "for programs that make clients",
    "GET /sign-in/{code}": "a browser opens it",
    "GET /static/{name:path}": "what the pages are made of",
    "GET /admin/": "leads to the first page",
}


def routes() -> set[str]:
    """Every route but the fragments, which the pages are made of."""
    found = openapi.operations(web.all_routes(push.Hub(None)))  # type: ignore[arg-type]
    named = {f"{method} {path}" for path, method, _ in found}
    return {one for one in named if not re.match(r"GET /htmx/", one)}


def test_every_route_has_a_command_or_a_reason() -> None:
    assert {one.replace("{name:path}", "{name}") for one in routes()} == {
        one.replace("{name:path}", "{name}") for one in COMMANDS.keys() | NONE.keys()
    }


@pytest.mark.parametrize("typed", sorted(set(COMMANDS.values())))
def test_the_commands_are_there(typed: str) -> None:
    command: click.Command = app.app
    words = [word for word in typed.split() if not word.startswith("-")]
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None, typed
        command = found
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in typed.split() if word.startswith("-")} <= known
