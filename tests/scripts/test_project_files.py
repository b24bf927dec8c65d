"""What the project's own files promise: every dependency is explained, and the lock names no host."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import assets

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXPLAINED = set(re.findall(r"`([^`]+)`", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")))
LOCK = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[~<>=!\[ ]", requirement, maxsplit=1)[0] for requirement in requirements}


def test_every_python_dependency_is_explained() -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = names(PROJECT["project"]["dependencies"]).union(*map(names, extras))
    assert wanted - EXPLAINED == set()


def test_every_node_dependency_is_explained() -> None:
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert {*package["dependencies"], *package["devDependencies"]} - EXPLAINED == set()


def test_the_ranges_in_the_page_are_those_of_the_project() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| `([\w-]+)` \| ~= ([\d.]+) \|", page, re.MULTILINE))
    assert {f"{name}~={version}" for name, version in stated.items()} == set(
        PROJECT["project"]["dependencies"]
    )


def test_the_lock_holds_checksums_and_no_host() -> None:
    packages = {name: entry for name, entry in LOCK["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_every_copied_file_is_explained() -> None:
    assert set(assets.FILES) - EXPLAINED == set()
