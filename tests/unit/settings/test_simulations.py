"""settings.simulations: the catalogue over folders that change."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from steelyard.rules.errors import NotFound
from steelyard.settings import simulations as module
from steelyard.settings.simulations import BUNDLED, Catalogue


def put(folder: Path, name: str, file: str | None = None, more: str = "", title: str = "T") -> Path:
    """A simulation's file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{file or name}.toml"
    path.write_text(f'[simulation]\nname = "{name}"\ntitle = "{title}"\ncommand = ["true"]\n{more}')
    return path


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    return tmp_path / "shipped"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


@pytest.fixture
def catalogue(shipped: Path, own: Path) -> Catalogue:
    return Catalogue([shipped, own])


def test_what_is_shipped_is_sound() -> None:
    catalogue = Catalogue([BUNDLED])
    catalogue.reload()
    assert catalogue.errors == []
    assert {"command", "steel-pathway"} <= set(catalogue.simulations)


def test_folders_that_are_not_there_are_empty(catalogue: Catalogue) -> None:
    catalogue.reload()
    assert list(catalogue.simulations) == ["command"]
    assert catalogue.errors == []


def test_one_faulty_file_takes_nothing_from_the_others(catalogue: Catalogue, own: Path) -> None:
    put(own, "good")
    bad = put(own, "bad", more="[resources]\nmemory = 8GiB\n")
    catalogue.reload()
    assert set(catalogue.simulations) == {"command", "good"}
    message = "expected the end of the line (a text stands in quotes), found 'GiB'"
    assert catalogue.errors == [{"file": str(bad), "line": 6, "message": message}]
    with pytest.raises(
        NotFound, match=r"bad cannot be used: .*bad\.toml, line 6: expected the end of the line"
    ):
        catalogue.get("bad")


def test_a_number_that_no_reader_takes_hides_no_other_simulation(catalogue: Catalogue, own: Path) -> None:
    """Python refuses to read an integer of 5,000 digits, in words that are no fault of the file's syntax."""
    put(own, "good")
    bad = put(own, "bad", more=f"[resources]\ncores = {'9' * 5000}\n")
    catalogue.reload()
    assert set(catalogue.simulations) == {"command", "good"}
    [error] = catalogue.errors
    assert error["file"] == str(bad) and "integer" in str(error["message"])


def test_a_link_that_leads_to_itself_hides_no_other(catalogue: Catalogue, own: Path) -> None:
    for name in ("good", "zgood"):
        put(own, name)
    for name in ("aloop", "mloop", "zzloop"):
        (own / f"{name}.toml").symlink_to(f"{name}.toml")
    catalogue.reload()
    assert set(catalogue.simulations) == {"command", "good", "zgood"}
    assert {Path(str(one["file"])).stem for one in catalogue.errors} == {"aloop", "mloop", "zzloop"}


def test_ones_own_file_replaces_the_shipped_one(catalogue: Catalogue, shipped: Path, own: Path) -> None:
    put(shipped, "steel", title="theirs")
    mine = put(own, "steel", file="any-name", title="mine")
    catalogue.reload()
    assert catalogue.get("steel").title == "mine"
    assert catalogue.errors == []
    mine.unlink()
    catalogue.reload()
    assert catalogue.get("steel").title == "theirs"


@pytest.mark.parametrize("fault", ["cores = 5\n", "x ="])
def test_while_ones_own_is_faulty_the_shipped_one_does_not_run(
    catalogue: Catalogue, shipped: Path, own: Path, fault: str
) -> None:
    put(shipped, "steel")
    mine = put(own, "steel", file="other", more=fault)
    catalogue.reload()
    with pytest.raises(NotFound, match="steel cannot be used"):
        catalogue.get("steel")
    mine.unlink()
    catalogue.reload()
    assert catalogue.get("steel").title == "T"


def test_two_files_of_one_name_in_one_folder(catalogue: Catalogue, own: Path) -> None:
    put(own, "steel", file="a", title="first")
    second = put(own, "steel", file="b", title="second")
    catalogue.reload()
    assert catalogue.get("steel").title == "first"
    message = 'simulation.name: "steel" is the name of a.toml already'
    assert catalogue.errors == [{"file": str(second), "line": 2, "message": message}]


def test_the_built_in_one_cannot_be_replaced(catalogue: Catalogue, own: Path) -> None:
    put(own, "command")
    (own / "broken.toml").write_text('[simulation]\nname = "command"\nx =')
    catalogue.reload()
    assert catalogue.get("command").title == "Any program"
    assert {error["line"] for error in catalogue.errors} == {2, 3}


def test_an_unknown_name_gets_a_hint(catalogue: Catalogue, own: Path) -> None:
    put(own, "steel-pathway")
    catalogue.reload()
    with pytest.raises(
        NotFound, match=r"There is no simulation 'steel-pathwya'; did you mean steel-pathway\?$"
    ):
        catalogue.get("steel-pathwya")
    with pytest.raises(NotFound) as refused:
        catalogue.get("x" * 10_000)
    assert len(refused.value.message) < 200


def test_nothing_is_read_when_nothing_has_changed(
    catalogue: Catalogue, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(own, "a")
    put(own, "b", more="x = 1\n")
    read: list[str] = []
    real = module.read_simulation
    monkeypatch.setattr(module, "read_simulation", lambda path: (read.append(path.name), real(path))[1])
    assert catalogue.reload() is True
    assert sorted(read) == ["a.toml", "b.toml"]
    assert catalogue.reload() is False
    put(own, "c")
    assert catalogue.reload() is True
    assert sorted(read) == ["a.toml", "b.toml", "c.toml"]


def test_a_change_is_seen_even_if_time_and_size_stay(catalogue: Catalogue, own: Path) -> None:
    path = put(own, "a", title="one")
    catalogue.reload()
    before = path.stat()
    # As editors save: a new file takes the old one's name.
    fresh = put(own, "a", file="fresh", title="two")
    os.replace(fresh, path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert catalogue.reload() is True
    assert catalogue.get("a").title == "two"


def test_what_is_no_simulation_file_is_left_alone(catalogue: Catalogue, own: Path) -> None:
    put(own, "good")
    for name in (".hidden.toml", "good.toml~", "notes.txt", "good.toml.bak"):
        (own / name).write_text("nonsense")
    (own / "folder.toml").mkdir()
    (own / "dangling.toml").symlink_to(own / "nowhere")
    if sys.platform != "win32":
        os.mkfifo(own / "pipe.toml")
    catalogue.reload()
    assert catalogue.errors == []


def test_a_folder_that_cannot_be_read_is_told_and_forgotten_again(catalogue: Catalogue, own: Path) -> None:
    own.write_text("a file")
    assert catalogue.reload() is True
    assert [error["file"] for error in catalogue.errors] == [str(own)]
    assert catalogue.reload() is False
    own.unlink()
    assert catalogue.reload() is True
    assert catalogue.errors == []


DIGITS = b"9" * 5_000


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b"a = 1\n[resources]\ntimeout = " + DIGITS, 3, "cannot be read"),
        (b"[resources]\ncores = 1\nmemory = 0x" + DIGITS, 3, ""),
        (b"day = 2026-02-30", 1, "Invalid date"),
        (b"a = " + b"[" * 20_000, 1, "nested too deeply"),
        (b"[" + b"a." * 20_000 + b"b]", 1, ""),
        (b"[simulation]\ntitle = 'K\xf6ln'", 2, "UTF-8"),
        (b"#" * (1 << 20) + b"#", 1, "larger than 1 MiB"),
        (b"\0" * 5_000, 1, ""),
        (b"[resources]\ntimeout = 1e400\nmemory = inf\ncores = nan\nattempts = 0x" + b"f" * 4_000, 1, ""),
    ],
)
def test_no_file_whatever_it_holds_hides_another(
    catalogue: Catalogue, own: Path, text: bytes, line: int, said: str
) -> None:
    put(own, "good")
    (own / "bad.toml").write_bytes(text)
    put(own, "zulu")
    assert catalogue.reload() is True
    assert catalogue.get("good") and catalogue.get("zulu")
    first = catalogue.errors[0]
    assert first["file"] == str(own / "bad.toml") and said in str(first["message"])
    assert first["line"] == line or not said
    assert len(str(first["message"])) < 1_000


def test_a_fault_of_ours_with_one_file_hides_no_other(
    catalogue: Catalogue, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(own, "good")
    put(own, "bad")
    read = module.read_simulation

    def breaks(path: Path) -> module.Simulation:
        if path.stem == "bad":
            raise KeyError("ours")
        return read(path)

    monkeypatch.setattr(module, "read_simulation", breaks)
    catalogue.reload()
    assert catalogue.get("good")
    assert "its log says more" in str(catalogue.errors[0]["message"])


def test_a_file_in_utf_16_is_read(catalogue: Catalogue, own: Path) -> None:
    """Windows' Notepad calls it Unicode."""
    path = put(own, "wide", title="Köln")
    path.write_bytes(path.read_text().encode("utf-16"))
    catalogue.reload()
    assert catalogue.get("wide").title == "Köln"


def test_a_link_to_a_file_elsewhere_is_followed(catalogue: Catalogue, own: Path, tmp_path: Path) -> None:
    path = put(own, "elsewhere")
    path.rename(tmp_path / "in-a-repository.toml")
    path.symlink_to(tmp_path / "in-a-repository.toml")
    catalogue.reload()
    assert catalogue.get("elsewhere")
