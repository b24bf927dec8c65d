"""The program's one entry: `steelyard worker` becomes a worker, everything else goes to the command line.

A worker has to start within milliseconds, so it is told apart before anything else is imported. An embedded
sidecar takes longer, and its parent may die meanwhile.
"""

from __future__ import annotations

import sys

if sys.argv[1:2] == ["worker"]:
    from steelyard.worker.agent import main as enter
else:
    from steelyard.cli import loading

    loading.begin(sys.argv[1:])
    from steelyard.cli.app import main as enter


def main() -> int:
    """Run the program with the arguments of the process; its exit status."""
    return enter()


if __name__ == "__main__":
    sys.exit(main())
