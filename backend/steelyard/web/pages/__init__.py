"""Pages and fragments for people: each is the same data as the API has, drawn by a template.

One module a page; `ROUTES` is all that app.py knows of them. A new page adds its routes here and its line to
`navigation.ENTRIES`.
"""

from __future__ import annotations

from steelyard.web.pages import (
    forecast,
    latest_tasks,
    notices,
    preferences,
    start,
    startup_question,
    storage,
    submit,
    sweep,
    system,
    system_diagnostics,
    task,
    task_files,
    task_output,
    task_wording,
    tasks,
    wording,
    worker_dialogs,
    worker_status,
)
from steelyard.web.rendering import environment

wording.register(environment)
task_wording.register(environment)
storage.register(environment)

ROUTES = [
    *start.ROUTES,
    *worker_status.ROUTES,
    *worker_dialogs.ROUTES,
    *forecast.ROUTES,
    *startup_question.ROUTES,
    *latest_tasks.ROUTES,
    *notices.ROUTES,
    *storage.ROUTES,
    *tasks.ROUTES,
    *task.ROUTES,
    *task_files.ROUTES,
    *task_output.ROUTES,
    *submit.ROUTES,
    *sweep.ROUTES,
    *preferences.ROUTES,
    *system.ROUTES,
    *system_diagnostics.ROUTES,
]
