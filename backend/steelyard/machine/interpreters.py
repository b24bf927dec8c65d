"""Which Python runs a simulation that names none.

Apart from programs.py, which a worker loads at every start.
"""

from __future__ import annotations

import shutil
import sys

from steelyard.machine.programs import is_frozen


def default_python() -> str:
    """Our own interpreter; frozen there is none of ours, so the first one on the PATH."""
    if not is_frozen():
        return sys.executable
    return shutil.which("python3") or shutil.which("python") or "python3"
