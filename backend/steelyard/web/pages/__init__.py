"""Pages and fragments for people: each is the same data as the API has, drawn by a template.

One module a page; `ROUTES` is all that app.py knows of them. A new page adds its routes here and its line to
`navigation.ENTRIES`.
"""

from __future__ import annotations

from steelyard.web.pages import latest_tasks, start, startup_question, wording, worker_dialogs, worker_status
from steelyard.web.rendering import environment

wording.register(environment)

ROUTES = [
    *start.ROUTES,
    *worker_status.ROUTES,
    *worker_dialogs.ROUTES,
    *startup_question.ROUTES,
    *latest_tasks.ROUTES,
]
