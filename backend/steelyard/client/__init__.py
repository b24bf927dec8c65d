"""The Python client: drives a running sidecar from scripts, notebooks and the command line.

    from steelyard.client import Client

    with Client.find() as client:
        task_id = client.submit("steel-pathway", {"carbon_price_2050": 120})
        task = client.wait(task_id)
        print(task["state"], task["result"])

Methods answer with what the server gave, as plain dictionaries (types: `answers` and `messages` here), or
with the id of what they made or changed. A refusal is raised as the SteelyardError subclass of its code
(steelyard.rules.errors), no sidecar as NoSidecar. Times are ISO-8601 in UTC, sizes bytes, durations seconds.
Nothing is asked of a proxy, whatever the environment says. AsyncClient has the same methods, awaited.

Inside: `calls` is the table of routes and `errands` what is made of them, each written once as a value or a
plan of `steps`; `client` has the two that carry them out. docs/python-client.md tells how to use it.
"""

from __future__ import annotations

from steelyard.client.client import AsyncClient, Client
from steelyard.client.errors import NoAnswer, NoSidecar, WaitTimeout

__all__ = ["AsyncClient", "Client", "NoAnswer", "NoSidecar", "WaitTimeout"]
