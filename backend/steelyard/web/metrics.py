"""/metrics: the yard in figures, for Prometheus. The supervisor is read when somebody scrapes, and only then.

The one thing that is counted all along is how attempts end, because no moment tells that afterwards. It is
since the sidecar's start, as Prometheus expects of a counter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from steelyard.machine import loop_meter, own_process
from steelyard.rules.states import Cause, TaskState, WorkerState
from steelyard.web.describing import Answer, describe
from steelyard.web.needs import Json, Needs
from steelyard.web.queries import Query
from steelyard.web.routing import at

_PENDING = {
    TaskState.READY: "pending",
    TaskState.RUNNING: "running",
    TaskState.SUCCEEDED: "succeeded",
    TaskState.FAILED: "failed",
    TaskState.CANCELLED: "cancelled",
}
"""A task's state -> its name in the status."""


class Metrics:
    """The registry of one sidecar, and the counter behind it; it listens from open() to close()."""

    def __init__(self, supervisor: Needs) -> None:
        self._supervisor = supervisor
        self._running: set[tuple[str | None, int | None]] = set()
        self._ended: Counter[str] = Counter()
        self._deaf: Callable[[], None] | None = None
        self.registry = CollectorRegistry()
        self.registry.register(_Yard(supervisor, self._ended))
        self.registry.register(_Loop(supervisor))
        self.registry.register(_Process())

    def open(self) -> None:
        """Begin to count."""
        self._deaf = self._supervisor.listen(self._hear)

    def close(self) -> None:
        """Count no more."""
        if self._deaf is not None:
            self._deaf()
            self._deaf = None

    def _hear(self, message: Json) -> None:
        if message["type"] != "task":
            return
        task = message["task"]
        attempt = (task.get("task_id"), task.get("attempt"))
        if task.get("state") == TaskState.RUNNING:
            self._running.add(attempt)
        elif attempt in self._running:
            self._running.remove(attempt)
            self._ended[task["cause"]] += 1


class _Yard(Collector):
    """Workers, tasks and memory of the moment."""

    def __init__(self, supervisor: Needs, ended: Counter[str]) -> None:
        self._supervisor = supervisor
        self._ended = ended

    def collect(self) -> Iterator[Metric]:
        """Every figure, read now."""
        status = self._supervisor.status()
        states = Counter(worker["state"] for worker in status["workers"])
        yield _by("workers", "Listed workers.", "state", {str(one): states[one] for one in WorkerState})
        queue = status["queue"]
        yield _by("tasks", "Tasks.", "state", {str(one): queue[name] for one, name in _PENDING.items()})
        yield _gauge(
            "workers_admissible", "Workers that this machine bears now.", status["limits"]["admissible"]
        )
        memory = status["memory"]
        yield _gauge("memory_total_bytes", "Memory of the machine or its control group.", memory["total"])
        yield _gauge("memory_available_bytes", "What of it is available.", memory["available"])
        yield _gauge("memory_guard_bytes", "What is never given to workers.", memory["guard"])
        yield _gauge("event_seq", "Number of the last stored event.", status["seq"])
        ended = CounterMetricFamily(
            "steelyard_attempts_ended", "Attempts that ended since the sidecar's start.", labels=["cause"]
        )
        for cause in Cause:
            ended.add_metric([str(cause)], self._ended[cause])
        yield ended


class _Loop(Collector):
    """How long the event loop works on one thing, while every request waits."""

    def __init__(self, supervisor: Needs) -> None:
        self._supervisor = supervisor

    def collect(self) -> Iterator[Metric]:
        """Every figure, read now."""
        lag = self._supervisor.lag()
        bounds = [*map(str, loop_meter.BOUNDS), "+Inf"]
        yield HistogramMetricFamily(
            "steelyard_loop_hold_seconds",
            "How long the event loop was busy before it looked at what had come.",
            buckets=list(zip(bounds, accumulate(lag.counts), strict=True)),
            sum_value=lag.total,
        )
        yield _gauge("loop_lag_p99_seconds", "99 % of the last minute nobody waited longer.", lag.p99)
        yield _gauge("loop_lag_most_seconds", "The longest of the last minute.", lag.most)
        yield _gauge("loop_lag_most_cpu_seconds", "The most processor time in one of those.", lag.most_cpu)


class _Process(Collector):
    """The sidecar itself, under the names that every client of Prometheus uses; on every system alike."""

    def collect(self) -> Iterator[Metric]:
        """Every figure, read now."""
        own = own_process.read()
        yield GaugeMetricFamily(
            "process_resident_memory_bytes", "Resident memory of the sidecar.", own.resident
        )
        yield CounterMetricFamily("process_cpu_seconds", "CPU time of the sidecar.", own.cpu_seconds)
        yield GaugeMetricFamily("process_start_time_seconds", "Its start, Unix seconds.", own.started)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"steelyard_{name}", text, value)


def _by(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(f"steelyard_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


@describe({200: Answer(media="text/plain", text="Prometheus' text format.")})
async def scrape(request: Request) -> Response:
    """The yard in figures, for Prometheus; OpenMetrics for who asks for it in Accept."""
    Query(request)
    metrics: Metrics = request.app.state.metrics
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(metrics.registry), headers={"content-type": kind})


ROUTES = [at("/metrics", get=scrape)]
