"""What the memory guard did, each step in a sentence or two that a person would say."""

from __future__ import annotations

from steelyard.rules.quantities import format_duration, format_size
from steelyard.rules.weighing import Look, Step, Weighed


def held(look: Look) -> Step:
    """Nothing starts."""
    text = (
        f"Memory is short: {format_size(look.signs.available)} are free, less than the "
        f"{format_size(look.signs.guard)} that are kept. No task starts until there is more."
    )
    return Step("hold", None, text, look.figures())


def released(look: Look) -> Step:
    """Tasks start again."""
    text = f"Memory is free again ({format_size(look.signs.available)}); tasks start as before."
    return Step("release", None, text, look.figures())


def suspended(look: Look, task: Weighed, left: int) -> Step:
    """It stands still. left: how many go on beside it."""
    over = f", more than its claim of {format_size(task.claim)}," if task.over else ""
    free = format_size(look.signs.available)
    if left:
        others = "the other one" if left == 1 else f"the other {left}"
        why = f"is suspended so that {others} can finish"
        after = "Its memory stays taken; it goes on when there is room."
    else:
        why = "stands still for a moment"
        after = "It loses nothing by that, and goes on when there is room."
    text = (
        f"{_named(task)} {why}: it uses {format_size(task.uses)}{over} and grows by "
        f"{format_size(int(task.growth))} a second, and {free} are free. {after}"
    )
    return Step("suspend", task.task_id, text, _figures(look, task, task_growth=round(task.growth)))


def suspended_alone(look: Look, task: Weighed) -> Step:
    """It stands still until other programs give memory back."""
    text = (
        f"{_named(task)} is suspended: it is alone, uses {format_size(task.uses)} and still grows, and only "
        f"{format_size(look.signs.available)} are free. It goes on when other programs have given memory "
        "back. Close some, or cancel it."
    )
    return Step("suspend", task.task_id, text, _figures(look, task))


def resumed(look: Look, task: Weighed, *, calm: float | None = None) -> Step:
    """It goes on. calm: seconds that it waited, where that is why, and not that all it may need is free."""
    free = format_size(look.signs.available)
    text = f"{_named(task)} goes on: {free} are free."
    if calm is not None:
        text = (
            f"{_named(task)} goes on: {free} are free, and nothing was short for {format_duration(calm)}. "
            "Should it be too much, it stands still again."
        )
    return Step("resume", task.task_id, text, _figures(look, task))


def ended(look: Look, task: Weighed, grace: float) -> Step:
    """It ends. What becomes of it then is decided when it has ended, and said after this."""
    used, free = f"it used {format_size(task.uses)}", format_size(look.signs.available)
    if len(look.tasks) == 1:
        most = format_size(max(0, look.signs.total - look.signs.guard))
        why = f"was ended: {used}, more than the {most} that this machine can give a task."
    else:
        why = f"was ended to free {format_size(task.uses)}: only {free} were free"
        lost = f"{format_duration(task.unsaved)} of work"
        if task.over:
            why += f", and {used}, more than its claim of {format_size(task.claim)}. It loses {lost}."
        else:
            why += f". It loses {lost}, the least that could be lost."
    text = f"{_named(task)} {why}"
    return Step("end", task.task_id, text, _figures(look, task, unsaved=round(task.unsaved, 1)), grace)


def _figures(look: Look, task: Weighed, **more: float) -> dict[str, object]:
    return look.figures(uses=task.uses, claim=task.claim, **more)


def _named(task: Weighed) -> str:
    return f"Task {task.name or task.task_id}"
