"""The demonstration itself, run by `start.py` with the virtual environment's Python.

Starts a sidecar (or finds the one that runs), submits twelve scenarios of the bundled simulation, starts as
many workers as are admitted, shows a live view, and ends with a table of results and the paths of files.
Whatever ends it (Ctrl-C, a closed terminal, an error), what it started is ended softly.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from rich.console import Console
from rich.live import Live

from demo import report, sidecar, sweep, view
from demo.errors import DemoError
from steelyard.cli.wording import size
from steelyard.client import Client
from steelyard.client.answers import Status, Task
from steelyard.client.errors import NoSidecar
from steelyard.machine.paths import VARIABLE, DataDirectory, data_directory
from steelyard.rules.errors import SteelyardError
from steelyard.rules.states import ENDED_TASKS

REFRESH = 0.5
"""Seconds between two looks at the sidecar."""

PLAIN_EVERY = 10.0
"""Seconds between two lines about progress where the output is no terminal."""

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every scenario succeeded, 1 when one did not, 130 when a person ended it."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=140)
    _end_softly_on_signals()
    try:
        return _run(console, options.data_dir, keep=options.keep)
    except (DemoError, SteelyardError) as error:
        console.print(f"\n{error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run_demo.py", description="Runs the demonstration.")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--data-dir", metavar="DIR")
    return parser


def _end_softly_on_signals() -> None:
    """A closed terminal or a `kill` ends the demonstration as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, interrupt)


def _run(console: Console, data_dir_option: str | None, *, keep: bool) -> int:
    place = {**os.environ, VARIABLE: data_dir_option} if data_dir_option else os.environ
    data = DataDirectory(data_directory(place))
    yard = sidecar.find(data)
    if yard is None:
        yard = sidecar.launch(data, keep=keep, phase=lambda text: console.print(f"Starting: {text} ..."))
    finished = False
    try:
        _say_where(console, yard)
        with Client(yard.url, yard.token, timeout=15) as client:
            tasks = _run_sweep(console, client, yard)
        finished = True
    except SteelyardError:
        console.print(f"\nThe sidecar's log: {data.logs / 'sidecar.log'}", soft_wrap=True, markup=False)
        raise
    except KeyboardInterrupt:
        _say_interrupted(console, yard)
        raise
    finally:
        left = [] if keep and finished else sidecar.stop(yard)
    report.show(console, tasks, list(sweep.GRID), yard.data)
    _say_end(console, yard, keep=keep, left=left)
    return 0 if all(task["state"] == "SUCCEEDED" for task in tasks) else 1


def _run_sweep(console: Console, client: Client, yard: sidecar.Sidecar) -> list[Task]:
    """Submits, starts workers, watches to the end; the ended tasks with their results."""
    began = time.monotonic()
    running = sweep.submit(client)
    count = len(running.task_ids)
    what = "Going on with" if running.resumed else "Submitted"
    differ = " · ".join(name.replace("_", " ") for name in sweep.GRID)
    console.print(f"{what} {count} scenarios of {sweep.SIMULATION} ({differ}).")
    workers = sweep.add_workers(client, count)
    console.print(
        f"Workers: {workers}. More would not fit now." if workers < count else f"Workers: {workers}."
    )
    look = _looker(client, running, yard)
    if console.is_terminal:
        _watch_live(console, look, began)
    else:
        _watch_plainly(console, look, began)
    return [client.task(task_id) for task_id in running.task_ids]


def _looker(
    client: Client, running: sweep.Sweep, yard: sidecar.Sidecar
) -> Callable[[], tuple[Status, list[Task]]]:
    """A look at the status and the sweep's tasks; it tells a sidecar that has ended from one that is slow."""

    def look() -> tuple[Status, list[Task]]:
        try:
            return client.status(), sweep.tasks_of(client, running)
        except NoSidecar as error:
            how = yard.ended()
            if how is None:
                raise
            log = yard.data.logs / "sidecar.log"
            raise DemoError(
                f"It stopped in mid-run: {how}. Its log: {log}\n{sidecar.last_words(yard)}"
            ) from error

    return look


def _watch_live(console: Console, look: Callable[[], tuple[Status, list[Task]]], began: float) -> None:
    names = list(sweep.GRID)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            status, tasks = look()
            now = time.time()
            live.update(view.draw(status, tasks, names, time.monotonic() - began, now), refresh=True)
            if view.ended(tasks):
                return
            time.sleep(REFRESH)


def _watch_plainly(console: Console, look: Callable[[], tuple[Status, list[Task]]], began: float) -> None:
    names = list(sweep.GRID)
    before: list[Task] = []
    told = began
    while True:
        status, tasks = look()
        for line in view.changes(before, tasks, names):
            console.print(line, markup=False)
        if view.ended(tasks):
            return
        if time.monotonic() - told >= PLAIN_EVERY:
            told = time.monotonic()
            console.print(_summary(status, tasks, told - began))
        before = tasks
        time.sleep(REFRESH)


def _summary(status: Status, tasks: Sequence[Task], elapsed: float) -> str:
    done = sum(task["state"] in ENDED_TASKS for task in tasks)
    left = view.all_left(tasks, time.time())
    memory = status["memory"]
    return (
        f"   {done} of {len(tasks)} ended after {view.clock(elapsed)}, about {view.clock(left)} left; "
        f"memory {size(memory['used'])} of {size(memory['total'])}"
    )


def _say_where(console: Console, yard: sidecar.Sidecar) -> None:
    console.print(f"Data directory: {yard.data.path}", soft_wrap=True, markup=False)
    if not yard.ours:
        console.print(
            f"A Steelyard already runs here (PID {yard.pid}): the scenarios go to it, and it stays."
        )
    if yard.sign_in is not None:
        console.print(f"Panel: {yard.sign_in}  (works once, within 5 minutes)", soft_wrap=True, markup=False)


def _say_interrupted(console: Console, yard: sidecar.Sidecar) -> None:
    if yard.ours:
        console.print("\nStopping: running scenarios write a last checkpoint ...")
        console.print("The next start on this data directory goes on where they were.")
    else:
        console.print("\nNo longer watching. The scenarios go on in the Steelyard that was running before.")


def _say_end(console: Console, yard: sidecar.Sidecar, *, keep: bool, left: Sequence[str]) -> None:
    if left:
        console.print(f"Had to be ended by force: {', '.join(left)}.", style="yellow", markup=False)
    if not yard.ours:
        return
    if keep:
        sidecar.leave(yard)
        console.print(f"\nSteelyard stays, with PID {yard.pid}: {yard.sign_in or yard.url}", soft_wrap=True)
        console.print(f"To end it: {'taskkill /PID' if os.name == 'nt' else 'kill'} {yard.pid}")
    else:
        console.print("\nSteelyard has ended; no process of it is left. To keep it: start.py --keep")


if __name__ == "__main__":
    sys.exit(main())
