"""A yard without processes, files or time: claim, finish, lose, cancel, retry as the real rules decide.

For property tests. Every change of state goes through the tables of rules.states; a pair outside them raises.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from steelyard.rules import admission, retry, scheduling
from steelyard.rules.admission import LiveWorker, MemoryView, Source
from steelyard.rules.retry import Decision, PastAttempt
from steelyard.rules.scheduling import Candidate, Choice, Room, Running
from steelyard.rules.states import LIVE_WORKERS, Cause, TaskState, WorkerState, check_task, check_worker

Fence = tuple[str, int, str]
"""Task, attempt, worker: what a result must name to count."""


@dataclass
class Task:
    """A task with what the rules need of its row; a lower position is an earlier place."""

    task_id: str
    position: int
    claim: int
    source: Source
    priority: int
    max_attempts: int
    cores: int = 1
    state: TaskState = TaskState.READY
    passes: int = 0
    attempt: int = 0
    worker_id: str | None = None
    uses: int = 0
    backing_off: bool = False
    history: list[PastAttempt] = field(default_factory=list)
    ended: list[tuple[int, Cause]] = field(default_factory=list)

    def move(self, new: TaskState) -> None:
        """Change the state, or raise."""
        check_task(self.state, new)
        self.state = new


@dataclass
class Worker:
    """A worker: its state, and the task it holds."""

    worker_id: str
    state: WorkerState = WorkerState.STARTING
    task_id: str | None = None

    def move(self, new: WorkerState) -> None:
        """Change the state, or raise."""
        check_worker(self.state, new)
        self.state = new


class YardModel:
    """The tables of tasks and workers, one queue, and the memory between them (bytes)."""

    def __init__(self, total: int, guard: int, cores: int, cap: int, seed: int = 0) -> None:
        self.total, self.guard, self.cores, self.cap = total, guard, cores, cap
        self.foreign = 0
        self.tasks: dict[str, Task] = {}
        self.workers: dict[str, Worker] = {}
        self.rng = random.Random(seed)
        self.claims: list[Fence] = []
        self.choices: list[Choice] = []

    # What is there

    def live(self) -> list[Worker]:
        """The workers that have a process."""
        return [worker for worker in self.workers.values() if worker.state in LIVE_WORKERS]

    def idle(self) -> list[Worker]:
        """Those that may take a task."""
        return [w for w in self.live() if w.state is WorkerState.RUNNING and w.task_id is None]

    def running(self) -> list[Task]:
        """The tasks that run."""
        return [task for task in self.tasks.values() if task.state is TaskState.RUNNING]

    def queue(self) -> list[Task]:
        """The tasks that could start, in queue order."""
        ready = [t for t in self.tasks.values() if t.state is TaskState.READY and not t.backing_off]
        return sorted(ready, key=lambda task: (-task.priority, task.position))

    def memory(self) -> MemoryView:
        """Memory as a probe would see it."""
        available = self.total - self.foreign - sum(task.uses for task in self.running())
        return MemoryView(self.total, available, self.guard)

    def room(self) -> tuple[Room, list[Running]]:
        """What a task may take now, and what runs."""
        running = [Running(task.claim, task.uses, task.cores) for task in self.running()]
        free = scheduling.cores_free(self.cores, len(self.live()), running)
        headroom = admission.headroom(self.memory(), self._live_workers())
        return Room(headroom, free, not running, self.memory()), running

    def _live_workers(self) -> list[LiveWorker]:
        held = [self.tasks[w.task_id] if w.task_id else None for w in self.live()]
        return [LiveWorker(t.claim, t.uses) if t else LiveWorker(0, 0) for t in held]

    # What happens

    def submit(self, claim: int, source: Source, priority: int, max_attempts: int, cores: int = 1) -> Task:
        """A new task at the end of the queue."""
        number = len(self.tasks)
        task = Task(f"t{number}", number, claim, source, priority, max_attempts, cores)
        self.tasks[task.task_id] = task
        return task

    def add_worker(self, *, force: bool = False) -> Worker | None:
        """One more worker, if it is admitted."""
        peak = next((task.claim for task in self.queue()), self.guard)
        active = len(self.live())
        if admission.may_add(
            self.memory(), self._live_workers(), active, peak, self.cores, self.cap, force=force
        ):
            return None
        worker = Worker(f"w{len(self.workers)}")
        self.workers[worker.worker_id] = worker
        return worker

    def dispatch(self) -> list[Task]:
        """Start what may start; the tasks that did. `choices` keeps every answer of the rule."""
        begun = []
        while self.idle():
            room, running = self.room()
            candidates = [Candidate(t.task_id, t.claim, t.source, t.cores, t.passes) for t in self.queue()]
            choice = scheduling.choose(candidates, room, running)
            self.choices.append(choice)
            if choice.start is None:
                break
            for passed in choice.passed:
                self.tasks[passed].passes += 1
            begun.append(self._claim(self.tasks[choice.start.task_id], self.idle()[0]))
        return begun

    def _claim(self, task: Task, worker: Worker) -> Task:
        task.move(TaskState.RUNNING)
        task.attempt += 1
        task.passes = 0
        task.worker_id, worker.task_id = worker.worker_id, task.task_id
        task.uses = self.rng.randint(0, task.claim)
        self.claims.append((task.task_id, task.attempt, worker.worker_id))
        return task

    def finish(self, fence: Fence, attempt: PastAttempt) -> Decision | None:
        """End the attempt that holds the claim; None, and nothing changed, for any other."""
        task_id, number, worker_id = fence
        task = self.tasks[task_id]
        if task.state is not TaskState.RUNNING or (task.attempt, task.worker_id) != (number, worker_id):
            return None
        task.history.append(attempt)
        task.ended.append((number, attempt.cause))
        decision = retry.decide(
            task.history, task.max_attempts, self.rng, claim=task.claim, largest_claim=self.total - self.guard
        )
        task.move(decision.state)
        task.backing_off = decision.delay > 0
        if decision.claim is not None:
            task.claim, task.source = decision.claim, "learned"
        task.worker_id, task.uses = None, 0
        worker = self.workers[worker_id]
        worker.task_id = None
        if worker.state is WorkerState.DRAINING:
            worker.move(WorkerState.DEAD)
        return decision

    def end_worker(self, worker: Worker, new: WorkerState, cause: Cause) -> None:
        """A worker that crashed, was aborted, or went with its sidecar; its attempt ends of that cause."""
        worker.move(new)
        if worker.task_id is not None:
            self.finish(self.fence(self.tasks[worker.task_id]), PastAttempt(cause))

    def drain(self, worker: Worker) -> None:
        """No further task; an idle one goes at once."""
        worker.move(WorkerState.DRAINING)
        if worker.task_id is None:
            worker.move(WorkerState.DEAD)

    def cancel(self, task: Task) -> None:
        """The user wants it no more."""
        if task.state is TaskState.RUNNING:
            self.finish(self.fence(task), PastAttempt(Cause.CANCELLED))
        else:
            task.move(TaskState.CANCELLED)

    def retry_by_user(self, task: Task) -> None:
        """Back into the queue at its end, with a fresh budget; attempts go on counting."""
        task.move(TaskState.READY)
        task.history.clear()
        task.position = max(other.position for other in self.tasks.values()) + 1
        task.backing_off = False

    def fence(self, task: Task) -> Fence:
        """What the result of the running attempt must name."""
        assert task.worker_id is not None
        return task.task_id, task.attempt, task.worker_id
