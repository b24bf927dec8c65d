"""What a resolution of the steel pathway costs: size of the year's linear program, seconds, peak memory.

    python scripts/bench/steel_pathway.py              resolutions that take seconds
    python scripts/bench/steel_pathway.py --all        the large ones too: gigabytes, and tens of minutes
    python scripts/bench/steel_pathway.py 10 20 --years 5

Each line is one run of the program as Steelyard starts it, alone, in a process of its own. Its peak is
the operating system's figure for that process, so it is known on Linux and macOS only. Of a large
resolution only the first years are run (`years`); it is then asked to stop, as Steelyard does. Needs
numpy, scipy and matplotlib in the interpreter.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BACKEND = Path(__file__).resolve().parents[2] / "backend"
MODEL = BACKEND / "steelyard" / "simulations" / "steel_pathway" / "model.py"
ALL_YEARS = 31
QUICK = {1: ALL_YEARS, 4: ALL_YEARS, 8: ALL_YEARS, 12: ALL_YEARS}
LARGE = {16: ALL_YEARS, 24: 10, 32: 5, 48: 2, 64: 1}
"""Years run at each resolution."""


@dataclass(frozen=True)
class Measured:
    """One run. Seconds include start, checkpoints and, when all years ran, tables and charts; peak in MB
    (10^6 bytes)."""

    rows: int
    columns: int
    nonzeros: int
    seconds: float
    seconds_a_year: float
    peak_mb: float | None


def measure(resolution: int, years: int) -> Measured:
    """Runs the program for `years` years from 2020. Raises RuntimeError with its output if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        stop = Path(folder, "stop")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STEELYARD_")}
        environment["STEELYARD_STOP_FILE"] = str(stop)
        environment["PYTHONPATH"] = os.pathsep.join([str(BACKEND), environment.get("PYTHONPATH", "")])
        command = [
            sys.executable,
            str(MODEL),
            "--resolution",
            str(resolution),
            "--output",
            str(Path(folder, "out")),
        ]
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        lines, per_year = follow(process.stdout, stop, years)
        peak = wait(process)
        seconds = time.perf_counter() - begun
    size = re.search(r"(\d+) rows, (\d+) columns, (\d+) non-zeros", "".join(lines))
    if size is None or process.returncode not in (0, 75):
        raise RuntimeError("".join(lines))
    rows, columns, nonzeros = map(int, size.groups())
    return Measured(rows, columns, nonzeros, seconds, per_year, peak)


def follow(output: Iterable[str], stop: Path, years: int) -> tuple[list[str], float]:
    """Reads to the end; asks for the stop when the last wanted year begins. Also the mean seconds of a
    year."""
    lines, begun = [], None
    ended = time.perf_counter()
    for line in output:
        lines.append(line)
        year = re.search(r"year (\d+) of", line)
        if year is not None:
            begun = begun or time.perf_counter()
            if int(year[1]) - 2020 == years - 1 and years < ALL_YEARS:
                stop.touch()
        if year is None and begun is not None and ("asked to stop" in line or "tables and charts" in line):
            ended = time.perf_counter()
    return lines, (ended - begun) / years if begun is not None else 0.0


def wait(process: subprocess.Popen[str]) -> float | None:
    """Waits for the end; the peak resident memory in MB, or None where the system does not tell."""
    if sys.platform == "win32":
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    """Prints one line as each run ends."""
    parser = argparse.ArgumentParser(description="Size, time and memory of the steel pathway by resolution.")
    parser.add_argument("resolutions", nargs="*", type=int)
    parser.add_argument("--years", type=int, default=ALL_YEARS, help="for resolutions given by hand")
    parser.add_argument("--all", action="store_true", help="the large ones too")
    wanted = parser.parse_args()
    plan = QUICK | (LARGE if wanted.all else {})
    if wanted.resolutions:
        plan = {resolution: wanted.years for resolution in wanted.resolutions}
    print("resolution      rows    columns  non-zeros  years   seconds  s a year  peak MB")
    for resolution, years in plan.items():
        run = measure(resolution, years)
        peak = "unknown" if run.peak_mb is None else f"{run.peak_mb:.0f}"
        print(
            f"{resolution:10}{run.rows:10}{run.columns:11}{run.nonzeros:11}{years:7}"
            f"{run.seconds:10.1f}{run.seconds_a_year:10.2f}{peak:>9}",
            flush=True,
        )


if __name__ == "__main__":
    main()
