"""Functions for test_agent_reuse.py, each run several times in one process; of ours it imports the helper."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import steelyard_task as task

state: dict[str, object] = {"runs": 0}


def _runs() -> int:
    state["runs"] = int(str(state["runs"])) + 1
    return int(str(state["runs"]))


def count() -> int:
    number = _runs()
    print(f"run {number} of {os.environ['STEELYARD_TASK_ID']}")
    return number


def environment() -> None:
    names = ("TASK_ID", "ATTEMPT", "EXTRA")
    print(
        *(os.environ.get(f"STEELYARD_{name}") for name in names), os.environ.get("LEFT"), os.environ.get("L")
    )
    print(f"{os.getcwd()} stdin={sys.stdin.read()!r}")
    os.environ["LEFT"] = "x"
    os.environ.pop("STEELYARD_OUTPUT_DIR", None)
    os.putenv("L", "raw")
    os.chdir("/")
    sys.path.clear()


def imitate() -> None:
    os.write(1, b"\x1e::steelyard begin 00\n\x1e::steelyard end 00 0 0.1\n::steelyard end\n")
    os.write(1, b"\x1e::steelyard end " + b"f" * 32 + b" 9 0.0\n")
    sys.stdout.write("still here")


def fails() -> None:
    raise ArithmeticError("negative steel")


def leaves() -> None:
    sys.exit()


def leaves_with_7() -> None:
    raise SystemExit(7)


def leaves_with_words() -> None:
    sys.exit("no steel")


def leaves_with_minus_1() -> None:
    sys.exit(-1)


def exits_hard() -> None:
    print("before", flush=True)
    os._exit(3)


def interrupts_itself() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)


def closes_stdout() -> None:
    sys.stdout.close()


def closes_all_descriptors() -> None:
    os.closerange(0, 100)


def redirects() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def replaces_stdout() -> None:
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def waits() -> None:
    print("waiting", flush=True)
    time.sleep(60)


def waits_from_the_second_on() -> None:
    if _runs() > 1:
        waits()


def waits_a_moment() -> None:
    time.sleep(0.3)


def heeds() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)
    print("waiting", flush=True)
    while not task.stopping():
        time.sleep(0.01)
    task.checkpointed()
    print("stopped", task.stopping())


def is_stopping() -> None:
    print(task.stopping())


def sets_handler() -> None:
    if _runs() > 1:
        print("default", signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
        time.sleep(0.4)
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.2)


def leaves_child() -> None:
    subprocess.Popen(["sleep", "60"])


def leaves_daemon() -> None:
    subprocess.run(["sh", "-c", "setsid sleep 60 & exit 0"], check=True)


def leaves_fork_that_returns() -> None:
    if os.fork() == 0:
        return
    os.wait()
    # The child came back out of the function, and is gone all the same.
    subprocess.Popen(["sleep", "60"])


def leaves_thread() -> None:
    atexit.register(print, "atexit")
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()


def leaves_daemon_thread() -> None:
    threading.Thread(target=lambda: (time.sleep(0.3), print("late")), daemon=True).start()


def prints_without_end() -> None:
    number = _runs()
    os.write(1, b"raw %d " % number)
    sys.stdout.write(f"buffered {number} ")
    sys.stdout.flush()
    ctypes.CDLL(None).printf(b"c %d ", number)


def floods() -> None:
    print(str(_runs()) * 3_000_000, end="")


def prints_later() -> None:
    # A thread that Python does not know of, as libraries have them.
    import _thread

    _thread.start_new_thread(lambda: (time.sleep(0.2), os.write(1, b"late")), ())


def tells_progress() -> None:
    task.progress(0.75, "nearly")
    task.checkpointed()


def works() -> None:
    until = time.process_time() + float(os.environ["STEELYARD_BUSY"])
    held = bytearray(int(os.environ["STEELYARD_LARGE"]) * 1_000_000)
    while time.process_time() < until:
        held[0:1] = b"x"


def holds() -> None:
    state["held"] = bytearray(120_000_000)


def registers_atexit() -> None:
    atexit.register(lambda: open("left", "w").close())


def hangs_at_exit() -> None:
    atexit.register(time.sleep, 60)
