"""The web assets are copied whole, with their licences, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

import assets


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `node_modules` with every file that is to be copied."""
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    monkeypatch.setattr(assets, "MODULES", tmp_path / "node_modules")
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "static" / "vendor")
    for path in (*assets.FILES.values(), *assets.LICENCES.values()):
        file = tmp_path / "node_modules" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"/*! {path}\n * Copyright 2020 Somebody\n */\n/*# sourceMappingURL=x.map */")
    return tmp_path / "node_modules"


def test_files_and_licences_are_copied_without_pointers_to_maps(modules: Path) -> None:
    assert not assets.complete()
    assets.copy()
    assert assets.complete()
    assert all(b"sourceMappingURL" not in file.read_bytes() for file in assets.VENDOR.iterdir())
    assert "Copyright 2020 Somebody" in (assets.VENDOR / assets.TABLER_LICENCE).read_text()


def test_a_missing_file_is_named_and_the_old_folder_stays(modules: Path) -> None:
    assets.copy()
    (modules / assets.FILES["htmx.min.js"]).unlink()
    with pytest.raises(assets.AssetsError, match=r"htmx\.org/dist/htmx\.min\.js"):
        assets.copy()
    assert assets.complete()


def test_a_file_that_is_no_longer_wanted_goes(modules: Path) -> None:
    assets.copy()
    (assets.VENDOR / "old.js").write_text("old")
    assets.copy()
    assert not (assets.VENDOR / "old.js").exists()
