"""The steel pathway as a program: its TOML, its files, and that a kill or a stop costs at most one year.

Each run is a real process, killed with a real SIGKILL, at a resolution that lets it live for a second or two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="numpy, a dependency of the steel-pathway simulation, is missing")
pytest.importorskip("scipy", reason="scipy, a dependency of the steel-pathway simulation, is missing")
pytest.importorskip(
    "matplotlib", reason="matplotlib, a dependency of the steel-pathway simulation, is missing"
)

from steelyard.simulations.steel_pathway import checkpoint  # noqa: E402
from steelyard.simulations.steel_pathway.parameters import PATHWAYS, RANGES, Parameters  # noqa: E402

MODEL = Path(checkpoint.__file__).parent / "model.py"
TOML = MODEL.parent.parent / "steel-pathway.toml"
BACKEND = MODEL.parents[3]
RESOLUTION = 4
TABLES = ("production.csv", "emissions.csv", "costs.csv", "balance.csv", "result.json")
CHARTS = ("production.png", "emissions.png", "cost.png")
STOPPED = 75
PATIENCE = 90


def environment(folder: Path) -> dict[str, str]:
    """What Steelyard gives a task, and nothing that this test's own process was given."""
    for name in ("output", "checkpoint"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    parameters = folder / "parameters.json"
    parameters.write_text(
        json.dumps({"resolution": RESOLUTION, "carbon_price_2050": 200.0}), encoding="utf-8"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STEELYARD_")}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join([str(BACKEND), inherited.get("PYTHONPATH", "")]),
        "STEELYARD_PARAMETERS": str(parameters),
        "STEELYARD_OUTPUT_DIR": str(folder / "output"),
        "STEELYARD_CHECKPOINT_DIR": str(folder / "checkpoint"),
        "STEELYARD_STOP_FILE": str(folder / "stop"),
    }


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(MODEL)],
        env=environment(folder),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, output
    return output


def next_year(folder: Path) -> int:
    """The year that the checkpoint says is next; 0 if there is none yet."""
    path = folder / "checkpoint" / checkpoint.NAME
    if not path.exists():
        return 0
    with np.load(path) as stored:
        return int(json.loads(str(stored["about"]))["next_year"])


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def contents(folder: Path, names: tuple[str, ...] = TABLES) -> dict[str, bytes]:
    return {name: (folder / "output" / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    (folder / "log").write_text(finish(start(folder)), encoding="utf-8")
    return folder


def test_a_run_writes_its_tables_charts_and_result(unbroken: Path) -> None:
    assert {path.name for path in (unbroken / "output").iterdir()} == {*TABLES, *CHARTS}
    for name in CHARTS:
        chart = (unbroken / "output" / name).read_bytes()
        assert chart.startswith(b"\x89PNG")
        assert int.from_bytes(chart[16:20]) == 1600
    header, *rows = (unbroken / "output" / "production.csv").read_text(encoding="utf-8").splitlines()
    assert header.startswith("year,region,route,production_mt,capacity_mt")
    assert len(rows) == 31 * 11 * 5
    result = json.loads((unbroken / "output" / "result.json").read_text(encoding="utf-8"))
    assert result["production_2020_mt"] == pytest.approx(1880.4)
    shares = [value for name, value in result.items() if name.startswith("share_")]
    assert sum(shares) == pytest.approx(1.0)
    assert 50 < result["cumulative_emissions_gt"] < 130


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL exists on POSIX systems only")
def test_a_run_killed_twice_and_resumed_equals_an_unbroken_one(unbroken: Path, tmp_path: Path) -> None:
    """SIGKILL at two moments; the files are then the same bytes, the charts too."""
    for year in (2023, 2031):
        process = start(tmp_path)
        eventually(lambda year=year: next_year(tmp_path) >= year)
        process.kill()
        process.communicate()
        assert process.returncode == -9
        assert not (tmp_path / "output" / "production.csv").exists()
    reached = next_year(tmp_path)
    assert 2031 <= reached <= 2051

    output = finish(start(tmp_path))

    assert f"resuming at {reached}" in output
    assert contents(tmp_path, TABLES + CHARTS) == contents(unbroken, TABLES + CHARTS)


def test_a_stopped_run_says_so_and_resumes(unbroken: Path, tmp_path: Path) -> None:
    process = start(tmp_path)
    eventually(lambda: next_year(tmp_path) >= 2022)
    (tmp_path / "stop").touch()
    output = finish(process, STOPPED)
    reached = next_year(tmp_path)
    assert f"asked to stop: {reached} is next" in output
    assert not (tmp_path / "output" / "production.csv").exists()

    (tmp_path / "stop").unlink()
    finish(start(tmp_path))

    assert contents(tmp_path) == contents(unbroken)


def test_progress_is_told_by_year(unbroken: Path) -> None:
    output = (unbroken / "log").read_text(encoding="utf-8")
    places = [output.index(f"year {year} of 2050") for year in range(2020, 2051)]
    assert places == sorted(places)


def test_a_half_written_checkpoint_is_not_mistaken_for_one(tmp_path: Path) -> None:
    """A kill during the write leaves a `.part` beside the last whole one."""
    (tmp_path / f"{checkpoint.NAME}.part").write_bytes(b"PK\x03\x04 cut off")
    assert checkpoint.load(tmp_path, {}) is None
    checkpoint.save(tmp_path, {}, 2031, {"values": np.ones(2)})
    (tmp_path / f"{checkpoint.NAME}.part").write_bytes(b"PK\x03\x04 cut off")
    found = checkpoint.load(tmp_path, {})
    assert found is not None
    assert found[0] == 2031


def test_an_unreadable_checkpoint_is_kept_aside_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / checkpoint.NAME).write_bytes(b"not a checkpoint")
    assert checkpoint.load(tmp_path, {}) is None
    assert "could not be read" in capsys.readouterr().out
    assert (tmp_path / "steel-pathway.unreadable").read_bytes() == b"not a checkpoint"


def test_a_checkpoint_of_another_scenario_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, {"pathway": "reference"}, 2030, {"values": np.zeros(3)})
    found = checkpoint.load(tmp_path, {"pathway": "reference"})
    assert found is not None
    assert found[0] == 2030
    with pytest.raises(checkpoint.WrongCheckpoint, match="another scenario"):
        checkpoint.load(tmp_path, {"pathway": "high-circularity"})


def test_it_runs_by_hand_with_options(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STEELYARD_")}
    command = [sys.executable, str(MODEL), "--resolution", "1", "--pathway", "high-circularity"]
    command += ["--output", str(tmp_path / "by hand")]
    subprocess.run(command, env=environ, cwd=tmp_path, check=True, capture_output=True, timeout=PATIENCE)
    assert {path.name for path in (tmp_path / "by hand").iterdir()} == {*TABLES, *CHARTS, "checkpoint"}


def test_a_wrong_parameter_ends_with_code_2_and_its_name(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    Path(environ["STEELYARD_PARAMETERS"]).write_text('{"discount_rate": 3}', encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(MODEL)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2
    assert "discount_rate is 3; expected 0 to 0.2" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_toml_says_what_the_model_takes() -> None:
    declared: dict[str, Any] = tomllib.loads(TOML.read_text(encoding="utf-8"))
    assert declared["simulation"]["name"] == "steel-pathway"
    assert (TOML.parent / declared["simulation"]["directory"] / declared["simulation"]["command"][1]).exists()
    schemas = declared["parameters"]
    assert {name: schema["default"] for name, schema in schemas.items()} == Parameters().as_dict()
    assert tuple(schemas["pathway"]["enum"]) == PATHWAYS
    for name, limits in RANGES.items():
        assert (schemas[name]["minimum"], schemas[name]["maximum"]) == limits
        assert schemas[name]["unit"]
    assert all(schema["title"] and schema["description"] for schema in schemas.values())
