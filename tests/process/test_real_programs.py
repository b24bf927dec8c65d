"""Simulation programs that somebody else wrote, in a sweep, two at a time, as an analyst runs them.

Each is skipped by name where it is missing. The libraries of Python are looked for in the Python of the tests
and in the one that STEELYARD_TEST_PROGRAMS names.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import api
from tests.helpers.sidecar import RunningSidecar
from tests.helpers.waiting import eventually

LAMMPS_DECK = """units lj
lattice fcc 0.8442
region box block 0 4 0 4 0 4
create_box 1 box
create_atoms 1 box
mass 1 1.0
velocity all create @temperature@ 87287
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0 2.5
fix 1 all nve
thermo 50
dump melt all atom 50 dump.melt
run 200
"""
LAMMPS = """
sed "s/@temperature@/$1/" in.tpl > in.melt
{launcher} lmp -in in.melt > lammps.out
energy=$(awk '/^Step/ {{on = 1; next}} /^Loop/ {{on = 0}} on {{energy = $5}} END {{print energy}}' log.lammps)
printf '{{"answer": %s}}' "$energy" > "$STEELYARD_OUTPUT_DIR/result.json"
"""
OCTAVE = """
arguments = argv(); x = str2double(arguments{1});
[t, y] = ode45(@(t, y) -x * y, [0 1], 1);
csvwrite("solution.csv", [t, y]);
file = fopen([getenv("STEELYARD_OUTPUT_DIR") "/result.json"], "w");
fprintf(file, '{"answer": %.6f}', y(end)); fclose(file);
"""
R = """
x <- as.numeric(commandArgs(trailingOnly = TRUE)[1])
set.seed(x)
bar <- txtProgressBar(max = 20, style = 3)
for (i in 1:20) { setTxtProgressBar(bar, i); Sys.sleep(0.02) }
write.csv(data.frame(value = rnorm(100, x)), "sample.csv")
cat(sprintf('{"answer": %.6f}', mean(read.csv("sample.csv")$value)),
    file = file.path(Sys.getenv("STEELYARD_OUTPUT_DIR"), "result.json"))
"""
JOBLIB = """
import sys
import joblib
import steelyard_task as task

def part(number, x):
    return number * x

values = joblib.Parallel(n_jobs=2)(joblib.delayed(part)(number, float(sys.argv[1])) for number in range(20))
joblib.dump(values, "values.pkl")
task.result({"answer": sum(joblib.load("values.pkl"))})
"""
MESA = """
import csv, random, sys
import mesa
import steelyard_task as task

class Walker(mesa.Agent):
    place = 0
    def step(self):
        self.place += self.model.random.choice([-1, 1])

class Walk(mesa.Model):
    def __init__(self, seed):
        super().__init__(seed=seed)
        for _ in range(20):
            Walker(self)
    def step(self):
        self.agents.shuffle_do("step")

model = Walk(int(float(sys.argv[1])))
for _ in range(50):
    model.step()
with open("results.csv", "w", newline="") as file:
    csv.writer(file).writerows([[agent.place] for agent in model.agents])
task.result({"answer": sum(int(row[0]) for row in csv.reader(open("results.csv")))})
"""
EMA = """
import sys
import numpy
from ema_workbench import Model, RealParameter, ScalarOutcome, perform_experiments, save_results
import steelyard_task as task

def lake(x=0.0, factor=1.0):
    return {"y": factor * x}

model = Model("lake", function=lake)
model.uncertainties = [RealParameter("x", 0.1, 10)]
model.constants = []
model.outcomes = [ScalarOutcome("y")]
numpy.random.seed(int(float(sys.argv[1])))
results = perform_experiments(model, 20)
save_results(results, "results.tar.gz")
experiments, outcomes = results
assert numpy.allclose(experiments["x"], outcomes["y"])
task.result({"answer": float(len(outcomes["y"])) * float(sys.argv[1])})
"""


@dataclass(frozen=True)
class Program:
    """A program, the files of its model, and how it is started with the value of `x`."""

    name: str
    files: dict[str, str]
    command: list[str]
    needs: tuple[str, ...] = ()
    module: str | None = None
    wrote: tuple[str, ...] = ()
    """Files that each run leaves in its own folder."""
    environment: dict[str, str] = field(default_factory=dict)


MPIRUN = "mpirun --allow-run-as-root --oversubscribe -n 2"
PROGRAMS = [
    Program(
        "lammps",
        {"in.tpl": LAMMPS_DECK, "run.sh": LAMMPS.format(launcher="")},
        ["sh", "run.sh", "{x}"],
        ("lmp",),
        wrote=("dump.melt", "log.lammps"),
    ),
    Program(
        "lammps-under-openmpi",
        {"in.tpl": LAMMPS_DECK, "run.sh": LAMMPS.format(launcher=MPIRUN)},
        ["sh", "run.sh", "{x}"],
        ("lmp", "mpirun"),
        wrote=("dump.melt", "log.lammps"),
    ),
    Program(
        "octave",
        {"model.m": OCTAVE},
        ["octave-cli", "--no-gui", "--quiet", "model.m", "{x}"],
        ("octave-cli",),
        wrote=("solution.csv",),
    ),
    Program("r", {"model.R": R}, ["Rscript", "model.R", "{x}"], ("Rscript",), wrote=("sample.csv",)),
    Program(
        "joblib",
        {"model.py": JOBLIB},
        ["{python}", "model.py", "{x}"],
        module="joblib",
        wrote=("values.pkl",),
    ),
    Program(
        "mesa", {"model.py": MESA}, ["{python}", "model.py", "{x}"], module="mesa", wrote=("results.csv",)
    ),
    Program(
        "ema-workbench",
        {"model.py": EMA},
        ["{python}", "model.py", "{x}"],
        module="ema_workbench",
        wrote=("results.tar.gz",),
    ),
]


@functools.cache
def python_with(module: str) -> str | None:
    """A Python that can import a library."""
    for python in (sys.executable, os.environ.get("STEELYARD_TEST_PROGRAMS")):
        if python and not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            return python
    return None


def missing(program: Program) -> str | None:
    """What of it is not here."""
    for name in program.needs:
        if shutil.which(name) is None:
            return name
    return program.module if program.module and python_with(program.module) is None else None


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.name for program in PROGRAMS])
def test_a_sweep_has_the_figures_and_files_of_runs_alone(tmp_path: Path, program: Program) -> None:
    lacks = missing(program)
    if lacks is not None:
        pytest.skip(f"{lacks} is not installed")
    directory = tmp_path / "model"
    directory.mkdir()
    for name, text in program.files.items():
        (directory / name).write_text(text)
    folder = tmp_path / "data" / "simulations"
    folder.mkdir(parents=True)
    python = f'python = "{python_with(program.module)}"\n' if program.module else ""
    for name in ("side-by-side", "alone"):
        (folder / f"{name}.toml").write_text(
            f'[simulation]\nname = "{name}"\ncommand = {program.command!r}\n'
            f'directory = "{directory}"\n{python}'
            '[resources]\nmemory = "100MiB"\n[run]\nworkspace = "fresh"\n'
            '[parameters]\nx = {type = "number"}\n'
        )
    with RunningSidecar(tmp_path / "data", "--workers", "2") as sidecar, sidecar.client() as client:
        api.all_run(client, 2)
        values = [1.5, 2.5, 3.5, 4.5]
        body = {"simulation": "side-by-side", "grid": {"x": values}}
        made = client.post("/api/sweeps/", json=body).json()["task_ids"]
        done = [api.ends(client, task_id) for task_id in made]
        assert [one["state"] for one in done] == ["SUCCEEDED"] * 4, [api.log(client, one) for one in made]
        found = [one["result"]["answer"] for one in done]
        for x, answer in zip(values, found, strict=True):
            assert answer == pytest.approx(alone(client, x), rel=1e-6)
        assert len(set(found)) == 4
        for task_id in made:
            names = {one["name"] for one in client.get(f"/api/tasks/{task_id}/files/").json()["files"]}
            assert names >= {f"work/{name}" for name in program.wrote}
        assert sorted(path.name for path in directory.iterdir()) == sorted(program.files)


def alone(client: Any, x: float) -> float:
    """The figure of a run beside which no other goes."""
    body = {"simulation": "alone", "parameters": {"x": x}}
    done = api.ends(client, client.post("/api/tasks/", json=body).json()["task_id"])
    answer: float = done["result"]["answer"]
    return answer


WATER = """#include "oplsaa.ff/forcefield.itp"
#include "oplsaa.ff/spc.itp"
[ system ]
water
[ molecules ]
SOL 216
"""
DYNAMICS = """integrator = {integrator}
dt = 0.002
nsteps = {steps}
cutoff-scheme = Verlet
coulombtype = PME
rcoulomb = 0.8
rvdw = 0.8
"""
GROMACS = """
state="$STEELYARD_CHECKPOINT_DIR/state.cpt"
exec gmx mdrun -v -nt 1 -ntmpi 1 -ntomp 1 -pin off -s run.tpr -deffnm out \\
    -cpt 0.02 -cpi "$state" -cpo "$state" -noappend
"""


def water(folder: Path, steps: int) -> None:
    """The input of a run of GROMACS: a box of water, as Debian's package brings it, at rest."""
    box = "/usr/share/gromacs/top/spc216.gro"
    if shutil.which("gmx") is None or not os.path.exists(box):
        pytest.skip("gmx is not installed")
    (folder / "water.top").write_text(WATER)
    for name, integrator, count in (("rest", "steep", 50), ("run", "md", steps)):
        (folder / f"{name}.mdp").write_text(DYNAMICS.format(integrator=integrator, steps=count))
        files = ["-f", f"{name}.mdp", "-c", box, "-p", "water.top", "-o", f"{name}.tpr"]
        subprocess.run(
            ["gmx", "grompp", *files, "-maxwarn", "5"], cwd=folder, check=True, capture_output=True
        )
        if name == "rest":
            rest = ["mdrun", "-nt", "1", "-ntmpi", "1", "-pin", "off", "-deffnm", "rest"]
            subprocess.run(["gmx", *rest], cwd=folder, check=True, capture_output=True)
            box = "rest.gro"


def test_gromacs_tells_its_progress_and_goes_on_after_the_end_of_the_sidecar(tmp_path: Path) -> None:
    """It ends a step after SIGTERM, with a checkpoint, and the next attempt has it beside a fresh folder."""
    water(tmp_path, 6_000)
    directory = tmp_path / "model"
    directory.mkdir()
    shutil.copy(tmp_path / "run.tpr", directory)
    (directory / "run.sh").write_text(GROMACS)
    simulations = tmp_path / "data" / "simulations"
    simulations.mkdir(parents=True)
    (simulations / "water.toml").write_text(
        f'[simulation]\nname = "water"\ncommand = ["sh", "run.sh"]\ndirectory = "{directory}"\n'
        '[resources]\nmemory = "300MiB"\n[run]\nworkspace = "fresh"\n'
    )
    seen: list[float] = []

    def reached(client: Any, task_id: str, attempt: int, least: float) -> bool:
        now = api.task(client, task_id)
        if now["attempt"] == attempt and now["progress"] is not None:
            seen.append(now["progress"])
        return bool(seen) and seen[-1] > least

    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        made = client.post("/api/tasks/", json={"simulation": "water", "parameters": {}}).json()
        task_id = made["task_id"]
        eventually(lambda: reached(client, task_id, 1, 0.3), within=60)
        assert seen == sorted(seen) and seen[0] > 0
        assert sidecar.terminate() == 0
    stopped = seen[-1]
    seen.clear()
    with RunningSidecar(tmp_path / "data", "--workers", "1") as sidecar, sidecar.client() as client:
        eventually(lambda: reached(client, task_id, 2, 0.0), within=60)
        assert seen[0] > stopped / 2  # not from the beginning
        done = eventually(lambda: api.ends(client, task_id), within=60)
        assert [one["cause"] for one in done["attempts"]] == ["sidecar_lost", "succeeded"]
        listed = client.get(f"/api/tasks/{task_id}/files/").json()["files"]
        assert {(one["attempt"], one["name"]) for one in listed} >= {
            (1, "work/out.part0001.log"),
            (2, "work/out.part0002.log"),
            (2, "work/out.part0002.gro"),
        }
