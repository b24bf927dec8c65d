"""settings.run_needs: cores that a parameter says, and the section [environment]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from steelyard.rules.errors import InvalidParameters
from steelyard.settings.simulation import Simulation
from steelyard.settings.simulation_file import Faulty, read_simulation

FILE = """\
[simulation]
name = "waves"
command = ["mpirun", "-n", "{cores}", "waves"]
[resources]
cores = CORES
[environment]
VARIABLE
[parameters]
ranks = {type = "integer", default = 2}
case = {type = "string", default = "a"}
share = {type = "number", default = 0.5}
few = {enum = [1, 2, 4], default = 4}
"""


def read(folder: Path, cores: str = '"{ranks}"', variable: str = 'A = "1"') -> Simulation:
    file = folder / "waves.toml"
    file.write_text(FILE.replace("CORES", cores).replace("VARIABLE", variable))
    return read_simulation(file)


def faults(folder: Path, **changes: str) -> list[Any]:
    with pytest.raises(Faulty) as found:
        read(folder, **changes)
    return [tuple(fault) for fault in found.value.faults]


def test_a_parameter_says_the_cores(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.cores, found.cores_from) == (2, "ranks")
    assert found.view()["resources"]["cores_from"] == "ranks"
    given = found.complete({"ranks": 8})
    assert found.cores_of(given) == 8
    assert found.launch(given, "python").argv == ["mpirun", "-n", "8", "waves"]
    assert read(tmp_path, cores='"{few}"').cores_of({"few": 1}) == 1


@pytest.mark.parametrize("ranks", [0, -1, 1025])
def test_cores_that_no_machine_has_are_refused_at_submit(tmp_path: Path, ranks: int) -> None:
    with pytest.raises(InvalidParameters) as refused:
        read(tmp_path).complete({"ranks": ranks})
    message = f"expected 1 to 1024, the cores that a run claims, found {ranks}"
    assert refused.value.detail["errors"] == [{"path": "ranks", "message": message}]


@pytest.mark.parametrize(
    ("cores", "message"),
    [
        ('"{rank}"', "resources.cores: {rank} is no parameter; did you mean ranks?"),
        ('"{cores}"', "resources.cores: {cores} is no parameter"),
        ('"{python}"', "resources.cores: {python} is no parameter"),
        ('"{case}"', 'resources.cores: expected a parameter of type "integer", and case is none'),
        ('"{share}"', 'resources.cores: expected a parameter of type "integer", and share is none'),
        (
            '"2"',
            'resources.cores: expected a whole number from 1 to 1024, found "2"; '
            'a parameter stands in braces: "{ranks}"',
        ),
    ],
)
def test_wrong_cores_are_told_with_their_line(tmp_path: Path, cores: str, message: str) -> None:
    assert faults(tmp_path, cores=cores) == [(5, message)]


def test_a_default_that_is_no_number_of_cores_is_told(tmp_path: Path) -> None:
    file = tmp_path / "waves.toml"
    file.write_text(FILE.replace("CORES", '"{ranks}"').replace("VARIABLE", "").replace("= 2}", "= 0}"))
    with pytest.raises(Faulty, match=r"expected ranks from 1 to 1024, and it may be 0"):
        read_simulation(file)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ('A = "{cores}"', "8"),
        ('A = "{ranks} of {case} at {share}"', "8 of b at 0.5"),
        ('A = "{{literally}}"', "{literally}"),
        ('A = "$HOME `id`"', "$HOME `id`"),
        ("A = 4", "4"),
        ('A = "{python}"', "/ours"),
        ('A = ""', ""),
    ],
)
def test_placeholders_are_filled_in_plainly(tmp_path: Path, variable: str, value: str) -> None:
    found = read(tmp_path, variable=variable)
    launch = found.launch(found.complete({"ranks": 8, "case": "b"}), "/ours")
    assert launch.environment == {"A": value}


def test_the_cores_are_those_that_the_task_claims(tmp_path: Path) -> None:
    found = read(tmp_path, cores="3", variable='A = "{cores}"')
    assert found.launch(found.complete({}), "", 5).environment == {"A": "5"}


def test_a_parameter_that_is_called_cores_goes_before(tmp_path: Path) -> None:
    file = tmp_path / "waves.toml"
    text = FILE.replace("CORES", '"{cores}"').replace("VARIABLE", 'A = "{cores}"')
    file.write_text(text.replace("ranks =", "cores ="))
    found = read_simulation(file)
    assert found.launch(found.complete({"cores": 6}), "").environment == {"A": "6"}


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ('A = "{rank}"', "environment.A: {rank} is no parameter; did you mean {ranks}?"),
        ('A = "{"', 'environment.A: a single { in "{"; write {{ for one'),
        ("A = true", "environment.A: expected a text, found true"),
        ("A = [1]", "environment.A: expected a text, found [1]"),
        ('"A=B" = "1"', "environment.A=B: a variable's name is 1 to 256 characters without = and control"),
        ('"" = "1"', "environment.: a variable's name is"),
        ('A = "a\\u0000"', "environment.A: a variable's value has at most 32767 characters and no NUL"),
        ('STEELYARD_TASK_ID = "x"', "environment.STEELYARD_TASK_ID: names that begin with STEELYARD_"),
    ],
)
def test_a_wrong_variable_is_told_with_its_line(tmp_path: Path, variable: str, message: str) -> None:
    [(line, told)] = faults(tmp_path, variable=variable)
    # A name that needs quotes is not found in the file by its plain spelling: then its section is.
    assert line in (6, 7) and told.startswith(message)
