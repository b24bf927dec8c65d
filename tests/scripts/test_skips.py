"""A skip that the list does not name is a failure where `STEELYARD_CI=1` is set, and only there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"

TESTS = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no display here")
def test_skipped():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_known_to_fail():
    assert False
"""


def run(folder: Path, allowed: str, strict: bool) -> subprocess.CompletedProcess[str]:
    """pytest in a folder of its own, with this project's conftest."""
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "allowed_skips.txt").write_text(allowed)
    (folder / "test_it.py").write_text(TESTS)
    (folder / "test_file.py").write_text("import pytest\npytest.importorskip('not_there_at_all')\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if name != "STEELYARD_CI"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["PYTHONPATH"] = str(CONFTEST.parents[1])
    if strict:
        environment["STEELYARD_CI"] = "1"
    command = [sys.executable, "-m", "pytest", "--continue-on-collection-errors", "-p", "no:cacheprovider"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    done = run(tmp_path, "", strict=False)
    assert done.returncode == 0
    assert "1 passed, 2 skipped, 1 xfailed" in done.stdout


def test_an_unlisted_skip_fails_by_name(tmp_path: Path) -> None:
    done = run(tmp_path, "# nothing is allowed\n", strict=True)
    assert done.returncode == 1
    assert "test_it.py::test_skipped was skipped" in done.stdout
    assert "no display here" in done.stdout
    assert "test_file.py was skipped" in done.stdout


def test_a_listed_skip_is_allowed(tmp_path: Path) -> None:
    done = run(tmp_path, "test_it.py::test_skipped | no display\ntest_file.py | could not import\n", True)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 skipped, 1 xfailed" in done.stdout


@pytest.mark.parametrize(
    "listed", ["test_it.py::test_skipped | another reason", "test_it.py::te | no display"]
)
def test_both_name_and_reason_must_fit(tmp_path: Path, listed: str) -> None:
    assert run(tmp_path, f"{listed}\ntest_file.py | could not import\n", True).returncode == 1


def test_a_star_stands_for_all_that_begin_so(tmp_path: Path) -> None:
    assert run(tmp_path, "test_* | no display\ntest_file.py | could not import\n", True).returncode == 0


def test_a_line_of_another_form_ends_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, "test_it.py::test_skipped\n", strict=True)
    assert done.returncode == 4
    assert "line 1" in done.stderr
