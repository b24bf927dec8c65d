"""Notice tasks that keep more cores busy than they claim, and say so on their pages."""

from __future__ import annotations

from steelyard.rules.core_use import sentence
from steelyard.store import claims
from steelyard.supervisor.yard import Yard


def look(yard: Yard) -> None:
    """Compare what each running task used since the last look, a minute or more ago, with its claim."""
    now = yard.clocks.awake()
    for handle in yard.handles.values():
        attempt = handle.attempt
        if attempt is None or attempt.outcome is not None:
            continue
        used = attempt.core_use.beyond(attempt.ran_for(now), attempt.cpu_seconds, attempt.cores)
        if used is not None:
            _say(yard, attempt.task_id, attempt.number, sentence(used, attempt.cores))


def _say(yard: Yard, task_id: str, number: int, text: str) -> None:
    yard.note(lambda change: claims.remark(change, task_id, number, [text]))
