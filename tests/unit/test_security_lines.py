"""Every line of the security rules has a test that names it.

The lines 1 to 37 are those that docs/security.md and docs/desktop.md refer to; a test carries the number of
its line in its name, `test_security_<number>_...` or, for the desktop program, `test_<number>_...`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LINES = range(1, 38)
NAMED = re.compile(r"def test_(?:security_)?(\d\d)_")


def numbered() -> dict[int, list[str]]:
    """Line -> the files that have a test of it."""
    found: dict[int, list[str]] = {}
    for file in sorted(TESTS.rglob("test_security_*.py")):
        for number in NAMED.findall(file.read_text(encoding="utf-8")):
            found.setdefault(int(number), []).append(file.name)
    return found


@pytest.mark.parametrize("line", LINES)
def test_a_line_has_a_test(line: int) -> None:
    assert numbered().get(line), f"no test names line {line}"


def test_no_test_names_a_line_that_is_none() -> None:
    assert set(numbered()) <= set(LINES)


def test_the_document_names_every_line_of_server_worker_and_files() -> None:
    text = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
    told = {int(number) for group in re.findall(r"\(([\d, ]+)\)", text) for number in group.split(",")}
    assert set(range(1, 29)) <= told
