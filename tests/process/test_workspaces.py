"""Runs side by side keep their files apart: real programs that write under fixed names."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

WRITES_AND_READS_BACK = """
echo "$1" > deck
sleep 0.2
{ cat deck; } > answer
printf '{"answer": %s}' "$(cat answer)" > "$STEELYARD_OUTPUT_DIR/result.json"
"""

BEAM = """*NODE, NSET=NALL
1,0,0,0
2,10,0,0
3,10,1,0
4,0,1,0
5,0,0,1
6,10,0,1
7,10,1,1
8,0,1,1
*ELEMENT, TYPE=C3D8, ELSET=EALL
1,1,2,3,4,5,6,7,8
*MATERIAL, NAME=STEEL
*ELASTIC
@E@,0.3
*SOLID SECTION, ELSET=EALL, MATERIAL=STEEL
*BOUNDARY
1,1,3
4,1,3
5,1,3
8,1,3
*STEP
*STATIC
*CLOAD
2,3,-1
3,3,-1
*NODE PRINT, NSET=NALL
U
*END STEP
"""
BENDS = """
sed "s/@E@/$1/" beam.tpl > beam.inp
ccx beam > ccx.log
uz=$(awk '$1 == 2 && NF == 4 {print $4}' beam.dat)
printf '{"answer": %s}' "$uz" > "$STEELYARD_OUTPUT_DIR/result.json"
"""


def simulation(data: Path, directory: Path, run: str = "") -> None:
    (data / "simulations").mkdir(parents=True, exist_ok=True)
    (data / "simulations" / "model.toml").write_text(
        f'[simulation]\nname = "model"\ncommand = ["sh", "run.sh", "{{x}}"]\ndirectory = "{directory}"\n'
        f'[resources]\nmemory = "100MiB"\n{run}[parameters]\nx = {{type = "number"}}\n'
    )


def sweep(client: httpx.Client, values: list[float]) -> list[dict[str, Any]]:
    body = {"simulation": "model", "grid": {"x": values}}
    made = client.post("/api/sweeps/", json=body).json()
    return [api.ends(client, task_id) for task_id in made["task_ids"]]


def overlapped(done: list[dict[str, Any]]) -> bool:
    """Whether any two of them ran at the same time."""
    attempts = [one["attempts"][0] for one in done]
    spans = sorted((one["started_at"], one["finished_at"]) for one in attempts)
    return any(later[0] < earlier[1] for earlier, later in pairwise(spans))


@pytest.mark.parametrize("run", ["", '[run]\nworkspace = "fresh"\n'])
def test_a_sweep_of_a_program_with_fixed_names_has_the_right_table(tmp_path: Path, run: str) -> None:
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "run.sh").write_text(WRITES_AND_READS_BACK)
    simulation(tmp_path / "data", directory, run)
    with RunningSidecar(tmp_path / "data", "--workers", "3") as sidecar, sidecar.client() as client:
        api.all_run(client, 3)
        values = [float(number) for number in range(1, 7)]
        done = sweep(client, values)
        assert [one["state"] for one in done] == ["SUCCEEDED"] * 6
        assert [one["result"]["answer"] for one in done] == values
        if run:
            assert [path.name for path in directory.iterdir()] == ["run.sh"]
            listed = client.get(f"/api/tasks/{done[0]['task_id']}/files/").json()["files"]
            assert [one["name"] for one in listed] == ["result.json", "work/answer", "work/deck"]
            deck = f"/api/tasks/{done[0]['task_id']}/files/{listed[2]['id']}"
            assert client.get(deck).text == f"{values[0]:g}.0\n"
        else:
            assert not overlapped(done)
            # Said once, on the run that showed it, as soon as its directory has been looked at.
            first = min(done, key=lambda one: one["attempts"][0]["started_at"])["task_id"]
            wrote = eventually(lambda: api.task(client, first)["attempts"][0]["remarks"])
            assert wrote[0].startswith("It wrote answer, deck into ")
            others = [api.task(client, one["task_id"]) for one in done if one["task_id"] != first]
            assert [one["attempts"][0]["remarks"] for one in others] == [[]] * 5


@pytest.mark.skipif(shutil.which("ccx") is None, reason="CalculiX (ccx) is not installed")
def test_calculix_bends_each_beam_of_a_sweep_as_it_bends_alone(tmp_path: Path) -> None:
    directory = tmp_path / "beam"
    directory.mkdir()
    (directory / "beam.tpl").write_text(BEAM)
    (directory / "run.sh").write_text(BENDS)
    simulation(tmp_path / "data", directory, '[run]\nworkspace = "fresh"\nkeep = ["beam.dat"]\n')
    with RunningSidecar(tmp_path / "data", "--workers", "2") as sidecar, sidecar.client() as client:
        api.all_run(client, 2)
        values = [70_000.0, 105_000.0, 140_000.0, 175_000.0, 210_000.0, 245_000.0, 280_000.0, 315_000.0]
        done = sweep(client, values)
        bent = [one["result"]["answer"] for one in done]
        # Half as stiff bends twice as far: the product is the same for all.
        assert [round(x * uz / (values[0] * bent[0]), 5) for x, uz in zip(values, bent, strict=True)] == [
            1.0
        ] * 8
        listed = client.get(f"/api/tasks/{done[0]['task_id']}/files/").json()["files"]
        assert [one["name"] for one in listed] == ["result.json", "work/beam.dat"]
