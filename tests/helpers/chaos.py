"""Random blows to a yard at work, one round after the other, and what they cost.

tests/faults/test_chaos.py and scripts/bench/chaos.py enter here. In a round somebody is killed, stopped or
asked to end, and then what ended with him has to run again. After so many rounds the yard comes to rest,
and all of tests/helpers/invariants.py must hold. Who is hit, and how, follows from the seed.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from tests.helpers.busy_yard import PATIENCE, Attempt, BusyYard, Process
from tests.helpers.invariants import ENDED
from tests.helpers.waiting import eventually

VICTIMS = {"main": 1, "sidecar": 2, "worker": 3, "task": 3, "grandchild": 2, "sidecar and worker": 1}
"""Who is hit -> how often, relative to the others."""
DEEDS = {"kill": 4, "stop, then kill": 1, "stop, then continue": 1, "terminate": 2}
SIGNALS = {
    "kill": signal.SIGKILL,
    "stop, then kill": signal.SIGKILL,
    "stop, then continue": signal.SIGCONT,
    "terminate": signal.SIGTERM,
}
NEVER = -1.0
"""In place of a moment: there is nothing that would have to run again."""


class Blow(NamedTuple):
    """What a round will do, drawn before anything is looked at, so that it depends on the seed alone."""

    victim: str
    deed: str
    after: float
    """Seconds until it falls."""
    pause: float
    """Seconds that somebody stands still who is stopped."""
    choice: float
    """Which one of several: 0 to 1."""


class Chaos:
    """The hand that strikes, and the figures."""

    def __init__(self, yard: BusyYard, seed: int) -> None:
        self._yard = yard
        self._rng = random.Random(seed)
        self.blows: Counter[tuple[str, str]] = Counter()
        self.recoveries: dict[tuple[str, str], list[float]] = defaultdict(list)
        """(victim, deed) -> seconds from the blow until what ran with him runs again: one a task."""
        self.endings: dict[str, list[float]] = defaultdict(list)
        """Victim -> seconds from a kill until nothing of what has to end with him lives."""
        self._killed: list[tuple[Attempt, float]] = []
        self.looks = 0
        self.complaints: Counter[str] = Counter()
        """Invariant -> how much was wrong, over all looks."""
        self.words: list[str] = []

    def run(self, rounds: int, look_every: int, told: Callable[[int], object] = lambda number: None) -> None:
        """So many rounds; at every look_every-th, and at the end, everything is judged, and told hears so."""
        for number in range(1, rounds + 1):
            blow = self._draw()
            while not self._strike(blow):
                pass
            self.blows[blow.victim, blow.deed] += 1
            if number % look_every == 0 or number == rounds:
                self._look()
                told(number)

    def comebacks(self) -> list[float]:
        """Seconds until a task that was hit itself ran again, with its back-off and the queue before it."""
        begun = [(self._yard.begun(attempt.task_id, attempt.number + 1), at) for attempt, at in self._killed]
        return [moment - at for moment, at in begun if moment is not None]

    def _draw(self) -> Blow:
        rng = self._rng
        victim = rng.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        deed = rng.choices(list(DEEDS), list(DEEDS.values()))[0]
        after, pause, choice = rng.uniform(0.0, 0.2), rng.uniform(0.05, 0.5), rng.random()
        return Blow(victim, "kill" if victim == "sidecar and worker" else deed, after, pause, choice)

    def _look(self) -> None:
        self.looks += 1
        for name, wrong in self._yard.judge().items():
            self.complaints[name] += len(wrong)
            self.words += [f"{name}: {text}" for text in wrong]

    def _strike(self, blow: Blow) -> bool:
        """Hit somebody, and wait until all is as it was; False if there was nobody to be hit."""
        running = self._yard.running()
        time.sleep(blow.after)  # not to wait for anything: a blow comes at any moment
        found = self._find(blow, running)
        if found is None:
            return False
        hit, affected, doomed = found
        if blow.deed.startswith("stop"):
            _send(hit, signal.SIGSTOP)
            time.sleep(blow.pause)
        at = time.monotonic()
        _send(hit, SIGNALS[blow.deed])
        if blow.deed == "stop, then continue":
            return True
        if blow.deed != "terminate":
            eventually(lambda: not any(one.lives for one in doomed), within=PATIENCE, every=0.002)
            self.endings[blow.victim].append(time.monotonic() - at)
        if blow.victim == "main":
            self._yard.start_main()
        if blow.victim == "task":
            self._killed.append((affected[0], at))
        for attempt in affected:
            again = self._again_of_worker if blow.victim == "task" else self._again
            back = eventually(lambda a=attempt, of=again: of(a, at), within=PATIENCE, every=0.005)  # type: ignore[misc]
            if back != NEVER:
                self.recoveries[blow.victim, blow.deed].append(back - at)
        return True

    def _find(
        self, blow: Blow, running: list[Attempt]
    ) -> tuple[list[Process], list[Attempt], set[Process]] | None:
        """Whom to hit, the attempts that end with him and come again, and all processes that end with him."""
        main, sidecar = self._yard.main, self._yard.sidecar
        one = running[int(blow.choice * len(running))]
        if main is None or sidecar is None or not one.task.lives:
            return None
        if blow.victim == "main":
            return [main], running, self._yard.everybody()
        if blow.victim == "sidecar":
            return [sidecar], running, self._yard.everybody() - {main}
        if blow.victim == "sidecar and worker":
            # Children of this worker's task that have left its session come up to nobody: see heirs.py.
            return [sidecar, one.agent], running, self._yard.everybody() - {main}
        if blow.victim == "worker":
            return [one.agent], [one], {one.agent, *one.tree}
        if blow.victim == "task":
            return [one.task], [one], set(one.tree)
        children = sorted(one.tree - {one.task})
        child = children[int(blow.choice * len(children))] if children else None
        return None if child is None else ([child], [], {child})

    def _again(self, attempt: Attempt, struck_at: float) -> float | None:
        """When the next attempt of a task began; None: not yet; NEVER: it ended before the blow."""
        self._yard.keep_busy()
        begun = self._yard.begun(attempt.task_id, attempt.number + 1)
        [task] = self._yard.query("SELECT state FROM task WHERE id = ?", attempt.task_id)
        return NEVER if begun is None and task["state"] in ENDED else begun

    def _again_of_worker(self, attempt: Attempt, struck_at: float) -> float | None:
        """When the worker of a killed task ran its next one, whichever that was.

        The task itself waits for its back-off, as the table of retries says; that is no time of recovery.
        """
        self._yard.keep_busy()
        sql = "SELECT task_id, number FROM attempt WHERE worker_id = ? ORDER BY started_at DESC LIMIT 1"
        [last] = self._yard.query(sql, attempt.worker_id)
        if (last["task_id"], last["number"]) == (attempt.task_id, attempt.number):
            return None
        begun = self._yard.begun(last["task_id"], last["number"])
        return NEVER if begun is not None and begun < struck_at else begun


def _send(processes: list[Process], number: signal.Signals) -> None:
    for process in processes:
        process.send(number)
