"""Says at the end of a run how many fault points were died at."""

from __future__ import annotations

import pytest

from steelyard.machine.faultpoints import POINTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line, if any test of this run was about them."""
    passed = terminalreporter.stats.get("passed", [])
    reached = {value for report in passed for name, value in report.user_properties if name == "fault point"}
    if reached:
        count = sum(map(len, POINTS.values()))
        terminalreporter.write_line(f"fault points: {len(reached)} of {count} were reached, and died at")
