"""Random orders of events over the tables of tasks and workers, with the real rules deciding.

No pair outside the tables, no attempt counted twice, a fence that no late finisher passes, memory never
promised twice, and the promise to the head of the queue kept.
"""

from __future__ import annotations

import copy
from collections import Counter

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from steelyard.rules.retry import COUNTED, PastAttempt
from steelyard.rules.scheduling import Candidate, Room, Running, choose
from steelyard.rules.states import Cause, TaskState, WorkerState
from tests.fakes.yard_model import Fence, Task, Worker, YardModel

ENDS = [cause for cause in Cause if cause not in (Cause.REJECTED, Cause.ABORTED)]
PASSES = 2

claims = st.sampled_from([1, 2, 3, 4, 5, 7, 10, 14, 18, 24, 30, 34])
"""Of 32, less a guard of 2: the last never fits."""


class Flow(RuleBasedStateMachine):
    """Tasks come and end; each step ends with a dispatch, as the supervisor's turn does."""

    def __init__(self) -> None:
        super().__init__()
        self.model = YardModel(total=32, guard=2, cores=4, cap=5)
        self.free_passes: dict[str, list[Fence]] = {}
        self.counted: Counter[str] = Counter()

    # Events

    @initialize(workers=st.integers(2, 5), backlog=st.lists(claims, min_size=6, max_size=20))
    def begin(self, workers: int, backlog: list[int]) -> None:
        for _ in range(workers):
            worker = self.model.add_worker(force=True)
            assert worker is not None
            worker.move(WorkerState.RUNNING)
        for claim in backlog:
            self.model.submit(claim, "task", 0, 3)
        self.turn()

    @rule(
        claim=claims,
        default=st.booleans(),
        priority=st.sampled_from([0, 0, 0, 1]),
        attempts=st.integers(1, 3),
        cores=st.integers(1, 3),
    )
    def submit(self, claim: int, default: bool, priority: int, attempts: int, cores: int) -> None:
        self.model.submit(claim, "default" if default else "task", priority, attempts, cores)
        self.turn()

    @precondition(lambda self: self.model.running())
    @rule(
        data=st.data(),
        cause=st.sampled_from(ENDS) | st.just(Cause.SUCCEEDED),
        checkpointed=st.booleans(),
        duration=st.sampled_from([1.0, 4000.0]),
        progressed=st.booleans(),
        peak=st.none() | st.integers(1, 24),
    )
    def finish(
        self,
        data: st.DataObject,
        cause: Cause,
        checkpointed: bool,
        duration: float,
        progressed: bool,
        peak: int | None,
    ) -> None:
        task = data.draw(st.sampled_from(self.model.running()))
        fence = self.model.fence(task)
        attempt = PastAttempt(cause, checkpointed, duration, progressed, peak)
        decision = self.model.finish(fence, attempt)
        assert decision is not None
        self.counted[task.task_id] += decision.counted
        self.turn()
        assert self.model.finish(fence, attempt) is None

    # The supervisor's turn

    def turn(self) -> None:
        """Dispatch, and note which starts passed the head of the queue uncounted."""
        self.model.choices.clear()
        place = {task.task_id: n for n, task in enumerate(self.model.queue())}
        before = self.model.room()[0].headroom
        begun = self.model.dispatch()
        assert sum(task.claim for task in begun) <= max(0, before) or len(self.model.running()) == 1
        for task, choice in zip(begun, self.model.choices, strict=False):
            self.free_passes.pop(task.task_id, None)
            for waits in list(self.free_passes):
                # Who comes before it in the queue owes it nothing, and upsets what was reckoned; so does a
                # pass that was counted.
                if waits not in place or place[task.task_id] < place[waits] or waits in choice.passed:
                    del self.free_passes[waits]
            head = next((name for name, why in choice.why.items() if why.reason in ("memory", "cores")), None)
            if head is not None and head not in choice.passed:
                self.free_passes.setdefault(head, []).append(self.model.fence(task))
        self.check_promise()

    def check_promise(self) -> None:
        """If a task would start but for those that passed it as if they could not delay it, it must start."""
        if not self.model.idle():
            return
        running = {self.model.fence(task): task for task in self.model.running()}
        for task_id, fences in self.free_passes.items():
            held = self.model.tasks[task_id]
            if held.state is not TaskState.READY or held.backing_off:
                continue
            passing = [running[fence] for fence in fences if fence in running]
            if passing:
                assert not self.would_start(held, passing), f"{passing} delay {held}"

    def would_start(self, held: Task, passing: list[Task]) -> bool:
        """Whether this turn would start a task if those that passed it did not run."""
        room, _ = self.model.room()
        others = [task for task in self.model.running() if task not in passing]
        running = [Running(task.claim, task.uses, task.cores) for task in others]
        headroom = room.headroom + sum(max(task.claim, task.uses) for task in passing)
        cores = room.cores_free + sum(task.cores for task in passing)
        queue = [Candidate(t.task_id, t.claim, t.source, t.cores, t.passes) for t in self.model.queue()]
        # Whoever comes before it in the queue starts before it, and takes room as well.
        for _ in range(len(self.model.idle()) + len(passing)):
            choice = choose(queue, Room(headroom, cores, not running, room.memory), running)
            if choice.start is None or choice.start.task_id == held.task_id:
                return choice.start is not None
            queue.remove(choice.start)
            running.append(Running(choice.start.claim, 0, choice.start.cores))
            headroom, cores = headroom - choice.start.claim, cores - choice.start.cores
        return False

    # What always holds

    @invariant()
    def every_running_task_has_one_worker_and_every_worker_at_most_one_task(self) -> None:
        held = {task.worker_id: task.task_id for task in self.model.running()}
        assert len(held) == len(self.model.running())
        assert held == {w.worker_id: w.task_id for w in self.model.workers.values() if w.task_id is not None}
        assert all(worker_id in {w.worker_id for w in self.model.live()} for worker_id in held)

    @invariant()
    def no_attempt_is_counted_twice(self) -> None:
        for task in self.model.tasks.values():
            numbers = [number for number, _ in task.ended]
            assert numbers == sorted(set(numbers))
            ended = task.attempt - (task.state is TaskState.RUNNING)
            assert numbers == list(range(1, ended + 1))
            spent = sum(attempt.cause in COUNTED for attempt in task.history)
            assert spent == self.counted[task.task_id] <= task.max_attempts
            if spent == task.max_attempts:
                assert task.state in (TaskState.FAILED, TaskState.CANCELLED)
        assert len(self.model.claims) == len(set(self.model.claims))

    @invariant()
    def nobody_is_passed_more_than_twice(self) -> None:
        assert all(task.passes <= PASSES for task in self.model.tasks.values())

    @invariant()
    def a_machine_without_tasks_starts_what_fits(self) -> None:
        if not self.model.running() and self.model.idle():
            room, _ = self.model.room()
            assert not [task for task in self.model.queue() if task.claim <= room.headroom]

    def in_state(self, *states: WorkerState) -> list[Worker]:
        return [worker for worker in self.model.workers.values() if worker.state in states]

    def tasks_in(self, *states: TaskState) -> list[Task]:
        return [task for task in self.model.tasks.values() if task.state in states]


class Yard(Flow):
    """One sidecar's life as the rules see it: workers come, crash and drain, users change their minds."""

    @precondition(lambda self: self.model.claims)
    @rule(data=st.data())
    def finish_late(self, data: st.DataObject) -> None:
        fence = data.draw(st.sampled_from(self.model.claims))
        if fence in {self.model.fence(task) for task in self.model.running()}:
            return
        before = copy.deepcopy((self.model.tasks, self.model.workers))
        assert self.model.finish(fence, PastAttempt(Cause.SUCCEEDED)) is None
        assert (self.model.tasks, self.model.workers) == before

    @rule(force=st.booleans())
    def add_worker(self, force: bool) -> None:
        before = len(self.model.live())
        self.model.add_worker(force=force)
        assert len(self.model.live()) <= max(before, self.model.cap)

    @precondition(lambda self: self.in_state(WorkerState.STARTING))
    @rule(data=st.data())
    def worker_is_ready(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.in_state(WorkerState.STARTING))).move(WorkerState.RUNNING)
        self.turn()

    @precondition(lambda self: self.model.live())
    @rule(data=st.data(), end=st.sampled_from(["crash", "abort", "sidecar"]))
    def end_worker(self, data: st.DataObject, end: str) -> None:
        state, cause = {
            "crash": (WorkerState.FAILED, Cause.WORKER_LOST),
            "abort": (WorkerState.DEAD, Cause.ABORTED),
            "sidecar": (WorkerState.DEAD, Cause.SIDECAR_LOST),
        }[end]
        live = self.model.live()
        for worker in live if end == "sidecar" else [data.draw(st.sampled_from(live))]:
            self.model.end_worker(worker, state, cause)
        self.turn()

    @precondition(lambda self: self.in_state(WorkerState.RUNNING, WorkerState.STARTING))
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        self.model.drain(data.draw(st.sampled_from(self.in_state(WorkerState.RUNNING, WorkerState.STARTING))))

    @precondition(lambda self: self.tasks_in(TaskState.READY, TaskState.RUNNING))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.model.cancel(data.draw(st.sampled_from(self.tasks_in(TaskState.READY, TaskState.RUNNING))))
        self.turn()

    @precondition(lambda self: self.tasks_in(TaskState.FAILED, TaskState.CANCELLED))
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(self.tasks_in(TaskState.FAILED, TaskState.CANCELLED)))
        self.model.retry_by_user(task)
        self.counted[task.task_id] = 0
        self.turn()

    @rule()
    def back_off_is_over(self) -> None:
        for task in self.model.tasks.values():
            task.backing_off = False
        self.turn()

    @rule(foreign=st.integers(0, 32))
    def other_programs_take_memory(self, foreign: int) -> None:
        self.model.foreign = foreign
        # What they take or give back, no promise could know.
        self.free_passes.clear()
        self.turn()


# Without shrinking: a run of forty steps takes minutes to shrink, longer than a test may take.
SETTINGS = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
TestFlow = Flow.TestCase
TestFlow.settings = SETTINGS
TestYard = Yard.TestCase
TestYard.settings = SETTINGS
