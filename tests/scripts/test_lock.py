"""The locks are those of today's pyproject.toml, complete, in agreement, and name no registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lock

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; (.+?))? \\$", re.MULTILINE)


def pins(name: str) -> dict[str, set[str]]:
    """Package -> the versions that a lock holds of it (several, where Pythons or systems differ)."""
    found: dict[str, set[str]] = {}
    for package, version, _ in PINNED.findall(lock.path_of(name).read_text(encoding="utf-8")):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


def asked_for(name: str) -> list[Requirement]:
    """What pyproject.toml asks for under this name."""
    declared = tomllib.loads((lock.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = declared["project"]
    if name == lock.BASE:
        return [
            Requirement(each) for each in (*project["dependencies"], *declared["build-system"]["requires"])
        ]
    return [Requirement(each) for each in project["optional-dependencies"][name]]


@pytest.mark.parametrize("name", lock.names())
def test_a_lock_is_of_what_is_asked_for_today(name: str) -> None:
    text = lock.path_of(name).read_text(encoding="utf-8")
    assert lock.digest() in text.splitlines()[0], "run python3 scripts/lock.py"
    held = pins(name)
    for requirement in asked_for(name):
        versions = held[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("name", lock.names())
def test_every_package_carries_its_digests_and_no_registry(name: str) -> None:
    text = lock.path_of(name).read_text(encoding="utf-8")
    entries = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(entries) == len(PINNED.findall(text)) > 10
    assert len(re.findall(r"^    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)) >= len(entries)
    assert "://" not in text and "index" not in text


def test_the_locks_agree() -> None:
    together: dict[str, set[str]] = {}
    for name in lock.names():
        for package, versions in pins(name).items():
            assert together.setdefault(package, versions) == versions, package


def test_another_pyproject_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, before = (lock.ROOT / "pyproject.toml").read_text(encoding="utf-8"), lock.digest()
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    for changed, same in (("line-length = 110", True), ('"click~=8.5"', False), ("hatchling>=1.27", False)):
        assert changed in text
        (tmp_path / "pyproject.toml").write_text(
            text.replace(changed, changed.replace("1", "2").replace("8", "9"))
        )
        assert (lock.digest() == before) is same, changed
