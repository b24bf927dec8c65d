"""Says at the end of a run how many fault points were died at, the seed of the chaos, who lived longest.

tests/conftest.py enters here: only what it knows is known where tests are run by several processes.
"""

from __future__ import annotations

import pytest

from steelyard.machine.faultpoints import POINTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each, if any test of this run was about it."""
    reports = [one for how in ("passed", "failed") for one in terminalreporter.stats.get(how, [])]
    told = [(name, value) for report in reports for name, value in report.user_properties]
    reached = {value for name, value in told if name == "fault point"}
    if reached:
        count = sum(map(len, POINTS.values()))
        terminalreporter.write_line(f"fault points: {len(reached)} of {count} were reached, and died at")
    for value in dict.fromkeys(value for name, value in told if name == "chaos"):
        terminalreporter.write_line(f"chaos: {value}")
    ends = [
        (float(value), report.nodeid.partition("[")[2].rstrip("]"))
        for report in reports
        for name, value in report.user_properties
        if name == "end after"
    ]
    if ends:
        slowest, cell = max(ends)
        terminalreporter.write_line(f"orphans: {len(ends)} kills, nobody left after {slowest:.2f} s ({cell})")
