"""/metrics: figures that Prometheus can read, those of the moment, and how attempts ended."""

from __future__ import annotations

import os

import httpx
import psutil
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from steelyard.rules.states import Cause
from tests.helpers.edge import Edge

GIB = 2**30


def figures(api: httpx.Client) -> dict[str, float]:
    """Every sample, as name or name{value of its label}."""
    answer = api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in plain(answer.text)
        for sample in family.samples
    }


def test_the_yard_of_this_moment(api: httpx.Client, server: Edge) -> None:
    before = figures(api)
    assert before["steelyard_workers{RUNNING}"] == 0
    api.post("/api/workers/add/")
    api.post("/api/tasks/", json={"simulation": "command", "parameters": {"argv": ["x"]}})
    now = figures(api)
    assert now["steelyard_workers{RUNNING}"] == 1 and now["steelyard_workers{FAILED}"] == 0
    assert now["steelyard_tasks{READY}"] == 1 and now["steelyard_tasks{RUNNING}"] == 0
    assert now["steelyard_workers_admissible"] == 4
    assert now["steelyard_memory_total_bytes"] == 64 * GIB
    assert now["steelyard_memory_available_bytes"] == 40 * GIB
    assert now["steelyard_memory_guard_bytes"] == 6 * GIB
    assert now["steelyard_event_seq"] == server.supervisor.last_seq() == 2


def test_every_end_of_an_attempt_counts_once(api: httpx.Client, server: Edge) -> None:
    before = figures(api)
    assert {f"steelyard_attempts_ended_total{{{cause}}}" for cause in Cause} <= before.keys()

    def say(state: str, attempt: int, cause: str | None) -> None:
        task = {"task_id": "t", "state": state, "attempt": attempt, "cause": cause}
        server.say("task", task=task)

    say("READY", 0, None)
    say("CANCELLED", 0, "rejected")  # without an attempt none ended
    say("RUNNING", 1, None)
    say("RUNNING", 1, None)  # edited meanwhile
    say("READY", 1, "error")
    say("READY", 1, "error")  # edited again
    say("RUNNING", 2, None)
    say("SUCCEEDED", 2, "succeeded")
    say("SUCCEEDED", 2, "succeeded")
    now = figures(api)
    more = {
        name: now[name] - before[name] for name in now if name.startswith("steelyard_attempts_ended_total")
    }
    assert {name: count for name, count in more.items() if count} == {
        "steelyard_attempts_ended_total{error}": 1,
        "steelyard_attempts_ended_total{succeeded}": 1,
    }


def test_the_sidecar_itself(api: httpx.Client) -> None:
    own, now = psutil.Process(os.getpid()), figures(api)
    assert 0.5 < now["process_resident_memory_bytes"] / own.memory_info().rss < 2
    assert 0 < now["process_cpu_seconds_total"] <= sum(own.cpu_times()[:2])
    assert abs(now["process_start_time_seconds"] - own.create_time()) < 2


def test_openmetrics_for_who_asks(api: httpx.Client) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3"
    answer = api.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert {family.name for family in openmetrics(answer.text)} >= {
        "steelyard_attempts_ended",
        "steelyard_tasks",
    }


def test_it_is_for_those_who_are_let_in(server: Edge) -> None:
    with server.client() as nobody:
        assert nobody.get("/metrics").status_code == 401
    with server.client(**server.bearer) as client:
        assert client.post("/metrics").status_code == 405
        assert client.get("/metrics", params={"x": "1"}).status_code == 400
        assert client.head("/metrics").content == b""


def test_scraping_changes_nothing(api: httpx.Client, server: Edge) -> None:
    api.get("/metrics")
    assert set(server.supervisor.calls) == {"status"}


def test_how_long_the_loop_was_busy_at_one_go(api: httpx.Client) -> None:
    now = figures(api)
    assert now["steelyard_loop_hold_seconds_bucket{0.001}"] == 90
    assert now["steelyard_loop_hold_seconds_bucket{0.1}"] == 94
    assert now["steelyard_loop_hold_seconds_bucket{+Inf}"] == now["steelyard_loop_hold_seconds_count"] == 100
    assert now["steelyard_loop_hold_seconds_sum"] == 1.5
    assert now["steelyard_loop_lag_p99_seconds"] == 0.005
    assert now["steelyard_loop_lag_most_seconds"] == 0.12
    assert now["steelyard_loop_lag_most_cpu_seconds"] == 0.1
