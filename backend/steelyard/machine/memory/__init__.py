"""How much memory there is and how much is free: probe(), the same on every system.

One file a system; only this one knows which it is. What the figures are used for is rules' business.
"""

from __future__ import annotations

import sys

from steelyard.machine.memory.reading import MemoryReading, Pressure

if sys.platform == "win32":
    from steelyard.machine.memory.windows import probe
elif sys.platform == "darwin":
    from steelyard.machine.memory.macos import probe
else:
    from steelyard.machine.memory.linux import probe

__all__ = ["MemoryReading", "Pressure", "probe"]
