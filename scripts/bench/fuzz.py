"""Throws bytes that find new ways through the code at every place where strangers' bytes come in.

Atheris watches which branches are taken and keeps what takes a new one; the targets and their first examples
are those of tests/faults/fuzz_targets.py. What is found is printed with the bytes, and the exit status is not
0: `.venv/bin/python scripts/bench/fuzz.py --seconds 60 [target ...]`. Without atheris: exit status 3.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

NO_ATHERIS = 3
LONGEST_INPUT = 4096


def fuzz_one(name: str, seconds: int, runs: int) -> None:
    """Fuzz one target in this process, which atheris ends as it stands: the caller removes what is left."""
    import atheris

    with atheris.instrument_imports(include=["steelyard"], enable_loader_override=False):
        from tests.faults.fuzz_targets import SEEDS, TARGETS
    target = TARGETS[name]

    def throw(data: bytes) -> None:
        target(data)

    folder = tempfile.mkdtemp(prefix="steelyard-corpus-")
    for number, seed in enumerate(SEEDS[name]):
        Path(folder, f"seed-{number}").write_bytes(seed)
    # What is found is printed, and no file is left in the current folder.
    prefix = f"-artifact_prefix={folder}/"
    limits = [f"-max_total_time={seconds}", f"-runs={runs}", f"-max_len={LONGEST_INPUT}"]
    atheris.Setup([sys.argv[0], *limits, prefix, "-print_final_stats=1", folder], throw)
    atheris.Fuzz()


def figures(text: str) -> tuple[str, str]:
    """Runs and the branches that were reached, from what atheris prints."""
    runs = next((line.split()[-1] for line in text.splitlines() if "number_of_executed_units" in line), "0")
    covered = [part for line in text.splitlines() if " cov: " in line for part in line.split(" cov: ")[1:]]
    return runs, covered[-1].split()[0] if covered else "0"


def main() -> int:
    """Each target in a process of its own; prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", help="of tests/faults/fuzz_targets.py (all)")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--runs", type=int, default=-1, help="at most so many for each target")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: it has wheels for Linux on x86-64 only")
        return NO_ATHERIS
    del atheris
    if options.in_this_process:
        fuzz_one(options.targets[0], options.seconds, options.runs)
        return 0
    from tests.faults.fuzz_targets import TARGETS

    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    failed = 0
    for name in options.targets or TARGETS:
        began = time.monotonic()
        program = [sys.executable, __file__, name, "--in-this-process"]
        limits = ["--seconds", str(options.seconds), "--runs", str(options.runs)]
        with tempfile.TemporaryDirectory(prefix="steelyard-fuzz-") as folder:
            environment = {
                **os.environ,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'backend'}",
                "TMPDIR": folder,
            }
            done = subprocess.run(
                [*program, *limits],
                capture_output=True,
                text=True,
                errors="replace",
                env=environment,
                check=False,
            )
        said = done.stdout + done.stderr
        runs, covered = figures(said)
        fine = done.returncode == 0
        failed += not fine
        took = time.monotonic() - began
        print(f"{name:<26}{runs:>10} runs{covered:>8} branches{took:>8.1f} s   {'ok' if fine else 'FOUND'}")
        if not fine:
            print(said[-6000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
