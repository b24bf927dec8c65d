"""What is said of a parameter that names a file here, and none where its run will look for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.answers import task
from tests.fakes.sidecar import FakeSidecar
from tests.unit.cli.conftest import Steelyard

ID = "0123456789ab"


@pytest.fixture
def here(sidecar: FakeSidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a person is, with some files; the simulation works elsewhere and has one of them too."""
    model, folder = tmp_path / "model", tmp_path / "inputs"
    (folder / "maps" / "north").mkdir(parents=True)
    (folder / "word").mkdir()
    model.mkdir()
    for path in (folder / "load_a.csv", folder / "load_b.csv", folder / "both.csv", model / "both.csv"):
        path.write_text("x")
    sidecar.simulation_directory = str(model)
    monkeypatch.chdir(folder)
    return folder


def test_a_file_that_is_only_here_is_said_with_the_path_to_write(
    here: Path, sidecar: FakeSidecar, steelyard: Steelyard
) -> None:
    said = (
        f"case: load_a.csv is here, but a run looks for it in {sidecar.simulation_directory}, where it is "
        f"not. If you mean this one, write case={here}/load_a.csv\n"
    )
    given = ("-p", "year=2030", "-p", "case=load_a.csv")
    assert steelyard("submit", "demo", *given) == (0, f"{ID}\n", said)
    (here / "case.json").write_text('{"year": 2030, "case": "load_a.csv"}')
    assert steelyard("submit", "demo", "--parameters", "case.json").err == said
    assert steelyard("sweep", "demo", *given).err == said
    (here / "rows.csv").write_text("year,case\n2030,load_a.csv\n2040,load_a.csv\n2040,both.csv\n")
    assert steelyard("sweep", "demo", "--rows", "rows.csv").err == said
    sidecar.tasks[ID] = task(ID)
    assert steelyard("again", ID, "-p", "case=load_a.csv").err == said


@pytest.mark.parametrize(
    "value", ["both.csv", "none.csv", "word", ".", "", "/etc/passwd", "2030", "x" * 5000, "a: b\nc"]
)
@pytest.mark.usefixtures("here")
def test_anything_else_is_no_matter(steelyard: Steelyard, value: str) -> None:
    assert steelyard("submit", "demo", "-p", "year=2030", "-p", f"case={value}").err == ""


@pytest.mark.usefixtures("here")
def test_a_folder_counts_where_it_is_written_as_a_path(steelyard: Steelyard) -> None:
    assert "maps/north is here" in steelyard("submit", "demo", "-p", "year=2030", "-p", "case=maps/north").err


def test_of_many_the_first_are_named(here: Path, steelyard: Steelyard) -> None:
    for number in range(5):
        (here / f"{number}.csv").write_text("")
    grid = "case=" + ",".join(f"{number}.csv" for number in range(5))
    err = steelyard("sweep", "demo", "-p", "year=2030", "-p", grid).err
    assert err.count("is here") == 3 and "So are 2 more values." in err
