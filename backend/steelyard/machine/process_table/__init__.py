"""What the kernel says of a process: its parent, its children, when it began, whether it still lives.

identity and containment enter here; a file a system, the same names in each:
identity(pid), entry(pid), children(pid), executable(pid), entries().
"""

from __future__ import annotations

import sys

from steelyard.machine.process_table.entry import Entry

if sys.platform == "linux":
    from steelyard.machine.process_table.linux import children, entries, entry, executable, identity
elif sys.platform == "darwin":
    from steelyard.machine.process_table.macos import children, entries, entry, executable, identity
elif sys.platform == "win32":
    from steelyard.machine.process_table.windows import children, entries, entry, executable, identity
else:
    raise ImportError(f"Steelyard knows no process table of {sys.platform}")

__all__ = ["Entry", "children", "entries", "entry", "executable", "identity"]
