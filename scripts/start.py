"""From nothing to a finished sweep: `python3 scripts/start.py`.

Sets up what is not yet there (see `setup_steps`), then hands over to `run_demo.py` in the virtual
environment: the sidecar, its workers, twelve scenarios of the bundled simulation, a live view and the
results. Works from any directory, on Linux, macOS and Windows. Standard library only.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python is what this is for
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit("Steelyard needs Python 3.11 or later; this is Python " + found + ".")

import argparse
import os
import signal
import subprocess
from collections.abc import Sequence

import setup_steps


def main(arguments: Sequence[str] | None = None) -> int:
    """Sets up and runs the demonstration; the exit status is the demonstration's."""
    options = _parser().parse_args(arguments)
    try:
        setup_steps.set_up(setup_steps.RUN_EXTRAS)
    except setup_steps.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The next start goes on where this one ended.", file=sys.stderr)
        return 130
    if options.setup_only:
        command = setup_steps.venv_python().with_name("steelyard")
        print(f"Set up. The command is {command}.")
        return 0
    demo = [str(setup_steps.venv_python()), str(setup_steps.ROOT / "scripts" / "run_demo.py")]
    if options.keep:
        demo.append("--keep")
    if options.data_dir is not None:
        demo += ["--data-dir", options.data_dir]
    return _hand_over(demo)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="start.py",
        description="Sets Steelyard up and runs twelve scenarios of the bundled steel simulation.",
    )
    parser.add_argument("--setup-only", action="store_true", help="install what is needed and stop there")
    parser.add_argument("--keep", action="store_true", help="leave Steelyard running, and print its address")
    parser.add_argument("--data-dir", metavar="DIR", help="where its database and results are kept")
    return parser


def _hand_over(command: list[str]) -> int:
    """Becomes the command where a process can do that, so that nothing stands between it and the terminal."""
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(command[0], command)
    # Ctrl-C reaches the child as well, and it is the child that ends softly; a handler (not SIG_IGN,
    # which children inherit) keeps this process waiting for it.
    signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
