"""The frozen program's main script: what `steelyard` is from source, with the user's environment restored.

PyInstaller runs its own start-up scripts before this one; a worker never gets here (worker_first.py).
"""

from __future__ import annotations

import os
import sys

if sys.argv[1:2] == ["--multiprocessing-fork"]:
    # A child that some library's multiprocessing spawned: without this it would start the program again,
    # and again. We spawn none ourselves, and the import costs a command 10 ms.
    from multiprocessing import freeze_support

    freeze_support()

from steelyard.__main__ import main
from steelyard.machine.programs import external_environment

# The linker has read where our libraries lie. From here on whatever is started (a browser, a tool of the
# system) gets the environment that the user gave us; a worker's loader sets it up again for itself.
given = external_environment(dict(os.environ))
for name in set(os.environ) - set(given):
    del os.environ[name]
os.environ.update(given)

if __name__ == "__main__":
    sys.exit(main())
