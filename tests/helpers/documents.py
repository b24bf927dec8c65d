"""The project's documents: their fenced blocks, links, and what a comment before a block says of it.

<!-- not run: the reason -->     the block below cannot be run by a test
<!-- exit status: 1 -->          the last command of the block below ends so
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<comment>[^\n]*?) -->\n\n?)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: ```sh, ```python, ... and the line that it begins on."""

    kind: str
    text: str
    comment: str
    line: int

    @property
    def excuse(self) -> str:
        """Why it is not run; empty if it is."""
        return self.comment.removeprefix("not run:").strip() if self.comment.startswith("not run:") else ""

    @property
    def status(self) -> int:
        """How its last command ends."""
        found = re.fullmatch(r"exit status: (\d+)", self.comment)
        return int(found[1]) if found else 0


def blocks(document: Path) -> list[Block]:
    """Every fenced block of a document, in order."""
    text = document.read_text(encoding="utf-8")
    return [
        Block(one["kind"], one["text"], one["comment"] or "", text.count("\n", 0, one.start("text")) + 1)
        for one in _BLOCK.finditer(text)
    ]


def indented(document: Path) -> list[str]:
    """Lines outside of fenced blocks that are set as code by their indent."""
    text = _BLOCK.sub("", document.read_text(encoding="utf-8"))
    return [line.strip() for line in re.findall(r"^ {4}\S.*$", text, re.MULTILINE)]


def in_sentences(document: Path) -> list[str]:
    """What stands in backticks in a sentence or table."""
    return re.findall(r"`([^`\n]+)`", _BLOCK.sub("", document.read_text(encoding="utf-8")))


def links(document: Path) -> list[str]:
    """Every link of a document that leads nowhere but into this project."""
    found = _LINK.findall(document.read_text(encoding="utf-8"))
    return [one for one in found if not re.match(r"[a-z]+:", one)]


def anchors(document: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    found = _HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}
