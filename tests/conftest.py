"""What holds for every test: marks by folder, and an account of what was skipped.

A test that cannot run on a machine is skipped with the reason. Where `STEELYARD_CI=1` is set (`.ci/run`
does), a skip that `tests/allowed_skips.txt` does not name is a failure: no test falls silent unnoticed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.helpers.summary import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

TESTS = Path(__file__).parent
FOLDER_MARKS = ("browser", "faults", "desktop", "frozen")
ONE_PLACE = ("desktop", "frozen")
"""Folders whose tests share one build, or one display."""
ALLOWED_SKIPS = TESTS / "allowed_skips.txt"


def pytest_configure(config: pytest.Config) -> None:
    """Reads the list once; a list that cannot be read ends the run."""
    strict = os.environ.get("STEELYARD_CI") == "1"
    # A shell that runs the tests in the background hands an ignored Ctrl-C down to all that they start.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # What CI says must not depend on the day: elsewhere every run tries other examples.
    settings.register_profile("ci", derandomize=True, deadline=None)
    if strict:
        settings.load_profile("ci")
    config.stash[_ALLOWED] = read_allowed(ALLOWED_SKIPS.read_text(encoding="utf-8")) if strict else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test under `tests/browser` carries the mark `browser`, and so on."""
    for item in items:
        if item.path.is_relative_to(TESTS):
            folder = item.path.relative_to(TESTS).parts[0]
            if folder in FOLDER_MARKS:
                item.add_marker(folder)


class ByPlace(LoadScopeScheduling):
    """Which tests one of several processes runs after each other: those of a file, which share what is dear
    to make, and those of a folder in ONE_PLACE, which share even more.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.removeprefix("tests/").partition("/")[0]
        return folder if folder in ONE_PLACE else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPlace:
    """With `-n`, in place of what `--dist` says."""
    return ByPlace(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skip that is not allowed into a failure of that test."""
    report = yield
    _forbid_unlisted_skip(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file, as `pytest.importorskip` skips it."""
    report = yield
    _forbid_unlisted_skip(collector.config, report)
    return report


def read_allowed(text: str) -> list[tuple[str, str]]:
    """The pairs (node id, part of the reason) of the list: `node id | part of the reason`, `#` for comments.

    A node id that ends in `*` stands for all that begin so. Raises UsageError for a line of another form.
    """
    allowed = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        node, separator, reason = (part.strip() for part in entry.partition(" | "))
        if not (node and separator and reason):
            raise pytest.UsageError(f"allowed_skips.txt, line {number}: expected `node id | reason`: {entry}")
        allowed.append((node, reason))
    return allowed


def is_allowed(allowed: Sequence[tuple[str, str]], node: str, reason: str) -> bool:
    """Whether a line of the list names this test and this reason."""
    return any(
        part in reason and (node == name or (name.endswith("*") and node.startswith(name[:-1])))
        for name, part in allowed
    )


_ALLOWED = pytest.StashKey[list[tuple[str, str]] | None]()


def _forbid_unlisted_skip(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    allowed = config.stash[_ALLOWED]
    if allowed is None or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not is_allowed(allowed, report.nodeid, reason):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped and allowed_skips.txt does not name it: {reason}"
