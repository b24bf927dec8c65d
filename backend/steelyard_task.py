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
what it returns, unless None, is the result. With `--serve` before the function it does so again and again,
once for each line on standard input: see _Serving, and docs/simulations.md, "One process for many runs".
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable

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
        self.forget_stop()

    def forget_stop(self) -> None:
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
    """Say how far the simulation is: fraction 0 to 1 (None: only words are new), message one short line."""
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
    """Whether the simulation is asked to stop: write a checkpoint and end. Cheap: ask at every step.

    From the first question on, SIGTERM (which comes with every request to stop, and by default ends a
    program in
    the midst of whatever it does) only counts as such a request, unless the simulation handles it itself.
    """
    if _state.stop_seen:
        return True
    path = os.environ.get("STEELYARD_STOP_FILE")
    if not path:
        return False
    now = time.monotonic()
    if now - _state.stop_looked >= _STOP_CACHE:
        _state.stop_looked = now
        _hold_sigterm()
        _state.stop_seen = os.path.exists(path)
    return _state.stop_seen


def _hold_sigterm() -> None:
    # ValueError: only the main thread may, and it will when it asks.
    with contextlib.suppress(ValueError):
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _note_stop)


def _note_stop(number: int, frame: object) -> None:
    _state.stop_seen = True


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


def _call(name: str) -> None:
    """Call module:function with the parameters; its return value, unless None, becomes the result."""
    function = _find(name)
    value = function(**parameters())
    if value is not None:
        result(value)


def _find(name: str) -> Callable[..., object]:
    module_name, _, function_name = name.partition(":")
    first, *rest = function_name.split(".")
    function = getattr(importlib.import_module(module_name), first)
    for each in rest:
        function = getattr(function, each)
    return function  # type: ignore[no-any-return]


class _Serving:
    """One process for many runs, one after the other: what was imported stays, all else is as in a fresh one.

    A request is a line {"nonce", "environment"}. Before the run a begin mark is written to the first
    standard output, after it an end mark with exit status and CPU seconds; the nonce in them is no run's to
    know. A run that leaves behind what only the end of a process clears away (threads, a redirected output)
    ends this one, in Python's usual way and with the run's status, without an end mark.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pid = os.getpid()
        self._environment = dict(os.environ)
        self._directory = os.getcwd()
        # Standard input is empty for a run, as it always is; its children inherit neither copy.
        self._requests = os.fdopen(os.dup(0), encoding="utf-8")
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        self._stamps: dict[str, object] = {}

    def serve(self) -> int:
        """Until end of file, or until a module's file is no longer what was imported."""
        status = 2
        for line in self._requests:
            if not line.endswith("\n") or self._is_outdated():
                break
            request = json.loads(line)
            self._prepare(request["environment"])
            self._mark("begin %s" % request["nonce"])
            began = time.time_ns()
            status = self._run()
            # A child that the run forked, and that came back out of it, is nobody who takes requests.
            if self._kept is None or not self._kept.is_restored() or os.getpid() != self._pid:
                return status
            self._note_modules(began)
            # What the run no longer needs is not to count for the next one.
            gc.collect()
            if not self._mark("end %s %d %.6f" % (request["nonce"], status, _cpu_seconds())):
                return status
        # Nobody reads it, unless nobody asked for anything.
        return status

    def close(self) -> None:
        """Take no more requests."""
        with contextlib.suppress(OSError):
            self._requests.close()

    def _prepare(self, environment: dict[str, str]) -> None:
        os.environ.clear()
        os.environ.update(self._environment)
        os.environ.update(environment)
        os.chdir(self._directory)
        _state.forget_stop()
        self._kept: _Kept | None = None

    def _run(self) -> int:
        """The exit status that a process of its own would have had; what it would have printed is printed."""
        try:
            _find(self._name)
            # What the import itself changed (a wrapped sys.stdout, a handler) is there to stay.
            self._kept = _Kept()
            _call(self._name)
        except SystemExit as leaving:
            if leaving.code is None:
                return 0
            if isinstance(leaving.code, int):
                return leaving.code & (0xFFFFFFFF if os.name == "nt" else 0xFF)
            with contextlib.suppress(Exception):
                sys.stderr.write("%s\n" % leaving.code)
            return 1
        except Exception:
            self._kept = self._kept or _Kept()
            sys.excepthook(*sys.exc_info())
            return 1
        return 0

    def _mark(self, text: str) -> bool:
        """One write, so that nothing comes between; False if a run has closed even this descriptor."""
        try:
            os.write(_state.out, b"\x1e%s%s\n" % (_PREFIX.encode(), text.encode()))
        except OSError:
            return False
        return True

    def _is_outdated(self) -> bool:
        """Whether a module was edited since it was imported: a fresh process would run the new text."""
        return any(_stamp(path) != stamp for path, stamp in self._stamps.items())

    def _note_modules(self, began: int) -> None:
        for module in list(sys.modules.values()):
            path = getattr(module, "__dict__", {}).get("__file__")
            if isinstance(path, str) and path not in self._stamps:
                stamp = _stamp(path)
                # Written while the run was under way: before or after it was imported? Nobody can tell.
                self._stamps[path] = stamp if stamp is None or stamp[0] < began else "written meanwhile"


class _Kept:
    """What a run finds and has to leave as it was; what can be put back is."""

    def __init__(self) -> None:
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._files = [_file(number) for number in range(3)]
        self._copies = [_copy(number) for number in range(3)]
        self._path, self._argv = list(sys.path), list(sys.argv)
        self._signals = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def is_restored(self) -> bool:
        """False if something is left that only the end of the process puts right."""
        # tqdm's monitor lives on after the first bar, and only redraws bars that are there.
        others = [each for each in threading.enumerate() if each is not threading.current_thread()]
        if any(type(each).__module__ != "tqdm._monitor" for each in others):
            return False
        multiprocessing = sys.modules.get("multiprocessing")
        if multiprocessing is not None and multiprocessing.active_children():
            return False
        if (sys.stdin, sys.stdout, sys.stderr) != self._streams:
            return False
        try:
            for stream in self._streams[1:]:
                stream.flush()
            _flush_c()
            if [_file(number) for number in range(3)] != self._files or self._streams[0].closed:
                return False
            if not self._put_back():
                return False
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in self._signals.items():
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)
        except (AttributeError, OSError, ValueError):
            return False
        sys.path[:], sys.argv[:] = self._path, self._argv
        return True

    def _put_back(self) -> bool:
        """Lead the standard descriptors where they led before, since Windows tells no pipe from another."""
        for number, copy in enumerate(self._copies):
            if copy is None:
                continue
            if _file(copy) != self._files[number]:
                return False
            os.dup2(copy, number)
            os.close(copy)
        return True


def _copy(number: int) -> int | None:
    """Another descriptor of the same; None if it is closed."""
    try:
        return os.dup(number)
    except OSError:
        return None


def _file(number: int) -> tuple[int, int] | None:
    """What a descriptor leads to; None if it is closed."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _cpu_seconds() -> float:
    """Of this process and of the children it has waited for, since its start."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _flush_c() -> None:
    """What a library printed through C's stdio, which a process writes out when it ends."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        # Not every Python has it, and only here is it needed.
        import ctypes

        ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush(None)


def _main(arguments: list[str]) -> int:
    serving = arguments[:1] == ["--serve"]
    names = arguments[serving:]
    module_name, colon, function_name = names[0].partition(":") if len(names) == 1 else ("", "", "")
    if not (module_name and colon and function_name):
        sys.stderr.write("usage: python -m steelyard_task [--serve] module:function\n")
        return 2
    # The module is looked for as `python file.py` would: the working directory first.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    # Under -m this file is __main__: a simulation that imports it by name shall meet the same module.
    sys.modules.setdefault("steelyard_task", sys.modules[__name__])
    if serving:
        many = _Serving(names[0])
        try:
            return many.serve()
        finally:
            many.close()
    _call(names[0])
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
