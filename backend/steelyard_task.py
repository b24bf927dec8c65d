"""What a simulation may say to Steelyard, and ask of it. One file, standard library only, any Python from 3.8
on.

    import steelyard_task as task

    parameters = task.parameters()
    for year in range(2020, 2051):
        ...
        task.progress((year - 2019) / 31, f"year {year}")
        if task.stopping():
            save(task.checkpoint_dir())
            task.checkpointed()
            raise SystemExit(0)
    task.result({"cost": 1.5})

Outside Steelyard the same program runs as well: no parameters but those of a JSON object in the file that
STEELYARD_PARAMETERS names (if it is set), progress on standard output, the current directory for output and
checkpoints, and never a reason to stop.

`python -m steelyard_task package.module:function` calls a function with the parameters as keyword arguments;
what it returns, unless None, is the result.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pathlib
import sys
import time

__all__ = [
    "checkpoint_dir",
    "checkpointed",
    "output_dir",
    "parameters",
    "progress",
    "result",
    "stopping",
]

_PREFIX = "::steelyard "
# Shorter than PIPE_BUF (512 bytes is the least that POSIX allows, 4096 is usual): one write, never
# interleaved.
_LONGEST = 480
_STOP_CACHE = 0.05


class _State:
    def __init__(self) -> None:
        # A copy of the first standard output: a simulation may redirect or close its own.
        try:
            self.out = os.dup(1)
        except OSError:
            self.out = -1
        self.stop_seen = False
        self.stop_looked = -_STOP_CACHE


_state = _State()


def parameters() -> dict[str, object]:
    """The parameters of this task, a dict. ValueError if the file holds no JSON object."""
    path = os.environ.get("STEELYARD_PARAMETERS")
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    if not isinstance(found, dict):
        raise ValueError("%s does not hold a JSON object" % path)
    return found


def progress(fraction: float | None, message: str = "") -> None:
    """Say how far the simulation is: fraction 0 to 1 (None: only the message is new), message one short
    line."""
    if fraction is None:
        shown = "-"
    else:
        fraction = float(fraction)
        if not 0.0 <= fraction <= 1.0:
            # Also where it is NaN. A rounding error is no reason to end a run of hours.
            fraction = min(1.0, max(0.0, fraction)) if fraction == fraction else 0.0
        shown = "%.6f" % fraction
    text = " ".join(str(message).split())
    _say("progress %s %s" % (shown, text))


def checkpoint_dir() -> pathlib.Path:
    """The folder for checkpoints, kept across the attempts of a task; made if it is not there."""
    return _folder("STEELYARD_CHECKPOINT_DIR")


def output_dir() -> pathlib.Path:
    """The folder whose files are this attempt's results; made if it is not there."""
    return _folder("STEELYARD_OUTPUT_DIR")


def checkpointed() -> None:
    """Say that a checkpoint is complete on the disk: a later attempt can go on from it."""
    _say("checkpointed")


def stopping() -> bool:
    """Whether Steelyard wants the simulation to stop soon: write a checkpoint and end. Cheap enough for every
    step."""
    if _state.stop_seen:
        return True
    path = os.environ.get("STEELYARD_STOP_FILE")
    if not path:
        return False
    now = time.monotonic()
    if now - _state.stop_looked >= _STOP_CACHE:
        _state.stop_looked = now
        _state.stop_seen = os.path.exists(path)
    return _state.stop_seen


def result(value: object) -> None:
    """Keep a JSON value as the task's result (result.json in the output folder, written whole or not at all).

    ValueError for NaN and infinity, which JSON lacks; TypeError for what is no JSON value. Nothing is written
    then.
    """
    try:
        text = json.dumps(value, allow_nan=False, indent=1)
    except ValueError as error:
        raise ValueError(
            "the result holds NaN or infinity (or itself), which JSON cannot say: %s" % error
        ) from None
    path = os.path.join(output_dir(), "result.json")
    scratch = "%s.%d.part" % (path, os.getpid())
    try:
        with open(scratch, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        if os.path.exists(scratch):
            os.unlink(scratch)
        raise


def _folder(variable: str) -> pathlib.Path:
    path = pathlib.Path(os.environ.get(variable) or os.getcwd())
    path.mkdir(parents=True, exist_ok=True)
    return path


def _say(text: str) -> None:
    line = (_PREFIX + text).encode("utf-8", "replace")[:_LONGEST]
    # Not half a character at the cut.
    line = line.decode("utf-8", "ignore").rstrip().encode("utf-8") + b"\n"
    with contextlib.suppress(AttributeError, OSError, ValueError):
        # What the simulation printed before comes before.
        sys.stdout.flush()
    # Nobody reads it any more: that is no reason to end a simulation.
    with contextlib.suppress(OSError):
        os.write(_state.out, line)


def _main(arguments: list[str]) -> int:
    """Call module:function with the parameters; its return value, unless None, becomes the result."""
    module_name, colon, function_name = arguments[0].partition(":") if len(arguments) == 1 else ("", "", "")
    if not (module_name and colon and function_name):
        sys.stderr.write("usage: python -m steelyard_task module:function\n")
        return 2
    # The module is looked for as `python file.py` would: the working directory first.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    # Under -m this file is __main__: a simulation that imports it by name shall meet the same module.
    sys.modules.setdefault("steelyard_task", sys.modules[__name__])
    first, *rest = function_name.split(".")
    function = getattr(importlib.import_module(module_name), first)
    for name in rest:
        function = getattr(function, name)
    value = function(**parameters())
    if value is not None:
        result(value)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
