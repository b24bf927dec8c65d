"""Whether runs may go side by side, the sentences about it, and the patterns of [run]."""

from __future__ import annotations

import pytest

from steelyard.rules import workspace
from steelyard.rules.workspace import Known, Manner


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, Manner.FIRST),
        (Known("older", wrote=True), Manner.FIRST),
        (Known("now", wrote=False), Manner.FREE),
        (Known("now", wrote=True), Manner.SINGLE),
        (Known("now", wrote=False, whole=False), Manner.SINGLE),
    ],
)
def test_what_earlier_runs_showed_decides(known: Known | None, expected: Manner) -> None:
    assert workspace.manner(True, "now", known) is expected
    assert workspace.manner(False, "now", known) is Manner.FREE


@pytest.mark.parametrize("how", [Manner.FIRST, Manner.SINGLE])
def test_whoever_waits_is_told_why_and_what_to_state(how: Manner) -> None:
    told = workspace.why(how, "beam", "/models", "beam.toml", Known("now", True, ("beam.dat", "beam.frd")))
    assert told is not None and "/models" in told
    assert '[run] in beam.toml: workspace = "fresh"' in told and 'workspace = "shared"' in told
    assert ("beam.dat, beam.frd" in told) is (how is Manner.SINGLE)
    assert workspace.why(Manner.FREE, "beam", "/models", "beam.toml", None) is None


def test_a_long_list_is_cut_and_counted() -> None:
    assert workspace.listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.dat", "beam.dat", True),
        ("*.dat", "deep/er/beam.dat", True),
        ("*.dat", "beam.data", False),
        ("out/*.dat", "out/beam.dat", True),
        ("out/*.dat", "beam.dat", False),
        ("scratch", "scratch/a/b", True),
        ("a/scratch", "a/scratch/b", True),
        ("[ab].txt", "a.txt", True),
        ("./out/*", "out/x", True),
    ],
)
def test_a_pattern_selects(pattern: str, path: str, expected: bool) -> None:
    assert workspace.selects(pattern, path) is expected


@pytest.mark.parametrize("pattern", ["", ".", "/etc/*", "~/x", "../x", "a/../b", "C:/x", "a**/b", "a\0"])
def test_a_pattern_that_leaves_the_directory_is_refused(pattern: str) -> None:
    assert workspace.pattern_fault(pattern) is not None


@pytest.mark.parametrize("pattern", ["*.dat", "data/**", "data/**/*.csv", "in.melt", ".hidden"])
def test_a_pattern_inside_is_taken(pattern: str) -> None:
    assert workspace.pattern_fault(pattern) is None
