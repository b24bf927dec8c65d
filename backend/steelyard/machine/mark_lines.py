"""Lines by which a program tells how far it is, which people may leave out of its output.

Worker and web enter here.
"""

from __future__ import annotations

import re

_BEGIN = "::steelyard "
# What static/terminal.js leaves out on the task's page.
_LINE = re.compile(
    r"(?:^|(?<=\r))[ \t]*::steelyard (?:progress|checkpointed)\b[^\r\n]*(?:\r?\n|\Z)", re.MULTILINE
)


def without_marks(text: str) -> str:
    """The text without the lines `::steelyard progress ...` and `::steelyard checkpointed`."""
    return _LINE.sub("", text) if _BEGIN in text else text


def begun_mark(text: str) -> int:
    """Bytes at the end of a text that may be the beginning of such a line, of which the rest is to come."""
    last = text[max(text.rfind("\n"), text.rfind("\r")) + 1 :]
    start = last.lstrip(" \t")
    begins = start.startswith(_BEGIN) or (start != "" and _BEGIN.startswith(start))
    return len(last.encode()) if begins else 0
