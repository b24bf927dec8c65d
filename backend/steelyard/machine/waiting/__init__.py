"""One place where a single thread waits for everything at once: pipes, processes, signals, a time-out.

The worker's agent enters here; a file a system, the same Waiter in each.
"""

from __future__ import annotations

import sys

from steelyard.machine.waiting.events import CHILDREN, END, WRITABLE

if sys.platform == "win32":
    from steelyard.machine.waiting.windows import Waiter
else:
    from steelyard.machine.waiting.posix import Waiter

__all__ = ["CHILDREN", "END", "WRITABLE", "Waiter"]
