"""What process trees use, how many cores there are, and which programs hold the memory.

The supervisor and the doctor enter here; the worker does not (its start-up cannot afford psutil). One file
reads /proc, one asks psutil; only this one knows which system it is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from steelyard.machine.processes import tree
from steelyard.machine.processes.cores import physical_cores
from steelyard.machine.processes.programs import largest_programs
from steelyard.machine.processes.use import ProcessReader, TreeUse

if sys.platform == "linux":
    from steelyard.machine.processes.linux import Processes
else:
    from steelyard.machine.processes.portable import Processes

__all__ = ["TreeSampler", "TreeUse", "largest_programs", "physical_cores"]


class TreeSampler(tree.TreeSampler):
    """The sampler over this machine's own processes and clock."""

    def __init__(
        self, processes: ProcessReader | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(processes or Processes(), monotonic)
