"""From a command line to a simulation's file, and back through the reader of such files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from steelyard.settings.draft import draft, text_of
from steelyard.settings.simulation import Simulation
from steelyard.settings.simulation_file import simulation_of


def read(*argv: str, **stated: Any) -> Simulation:
    """What the reader makes of a file that was written for this command line."""
    fields: dict[str, Any] = {
        "name": "demo", "title": "Demo", "directory": "/models", "python": None, "memory": None, **stated
    }  # fmt: skip
    return simulation_of(Path("/simulations/demo.toml"), text_of(draft(argv), **fields))


def command(simulation: Simulation, **parameters: Any) -> list[str]:
    """The argv of a run."""
    return simulation.launch(simulation.complete(parameters), "/usr/bin/python3").argv


def test_placeholders_become_parameters_and_a_default_says_the_type() -> None:
    found = read("solve", "{years=30}", "--rate={rate=0.02}", "{fast=true}", "{case=base}", "{E}", "{years}")
    assert found.parameters == {
        "years": {"type": "integer", "default": 30},
        "rate": {"type": "number", "default": 0.02},
        "fast": {"type": "boolean", "default": True},
        "case": {"type": "string", "default": "base"},
        "E": {"type": "string"},
    }
    assert command(found, E="1e5") == ["solve", "30", "--rate=0.02", "true", "base", "1e5", "30"]


@pytest.mark.parametrize(
    "text", ["", "007", "NaN", "1e999", "null", "[1]", "9" * 5000, "a=b", 'a "b" \\c\x7f']
)
def test_a_default_that_is_no_number_is_text_as_it_was_typed(text: str) -> None:
    assert command(read("solve", f"{{x={text}}}")) == ["solve", text]


@pytest.mark.parametrize(
    "argument",
    ["{print $1}", "${HOME}", "${HOME=/tmp}", '{"a": {"b": 1}}', "a{", "}b", "{}", "{1}", "C:\\new\\\x7fä\n"],
)
def test_other_braces_stay_what_they_are(argument: str) -> None:
    found = read("sh", "-c", argument)
    assert found.parameters == {} and command(found) == ["sh", "-c", argument]


def test_a_placeholder_stands_anywhere_also_in_json() -> None:
    assert command(read("echo", '{"a": {"b": {x=1}}}'), x=2) == ["echo", '{"a": {"b": 2}}']


def test_python_and_cores_are_filled_in_unless_cores_has_a_default() -> None:
    found = read("{python}", "-n", "{cores}")
    assert found.parameters == {} and command(found) == ["/usr/bin/python3", "-n", "1"]
    assert read("solve", "{cores=4}", "{cores}").parameters == {"cores": {"type": "integer", "default": 4}}


@pytest.mark.parametrize("argv", [("{python=3}",), ("{x=1}", "{x=2}")])
def test_what_contradicts_is_refused(argv: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"python|two defaults"):
        draft(argv)


def test_each_run_has_its_own_folder_and_what_is_stated_is_in_the_file() -> None:
    found = read("{python}", "m.py", python="C:\\Program Files\\py.exe", memory="1.25GiB", title='A "b"')
    assert (found.run.fresh, found.memory, found.title) == (True, 5 * 2**28, 'A "b"')
    assert found.python is not None and found.python.endswith("C:\\Program Files\\py.exe")


def test_the_commented_keys_are_keys_of_a_file() -> None:
    text = text_of(draft(["solve"]), name="demo", title="Demo", directory=".", python=None, memory=None)
    head, _, rest = text.partition("[simulation]")
    text = "[simulation]" + rest.replace("\n# ", "\n")
    assert {"copy", "link", "keep"} < tomllib.loads(text)["run"].keys()
    found = simulation_of(Path("/simulations/demo.toml"), text)
    assert found.memory == 8 * 2**30 and found.attempts == 3 and "price" in found.parameters and head
