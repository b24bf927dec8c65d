"""What Waiter.wait() can say of a key.

bytes            a reader got these
END (None)       a reader's pipe is at its end, or a writer's has lost its reader
WRITABLE (-1)    a writer that had taken less than it was given takes more now
a pid            the watched process has ended; nobody has read its status yet
(CHILDREN, 0)    some child changed its state: perhaps an adopted orphan is to be reaped
"""

from __future__ import annotations

END = None
WRITABLE = -1
CHILDREN = "children"
