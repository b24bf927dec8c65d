"""settings.simulation, parameters and builtin: from parameters to a command. SECURITY 25 lives here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from steelyard.rules.errors import InvalidParameters
from steelyard.settings.builtin import COMMAND
from steelyard.settings.parameters import Parameters
from steelyard.settings.simulation import Simulation


def simulation(**given: Any) -> Simulation:
    """A simulation of which only what matters is said."""
    usual: dict[str, Any] = {"name": "x", "title": "X", "directory": Path("/here"), "parameters": {}}
    return Simulation(**{**usual, **given})


def errors(parameters: Parameters | Simulation, given: dict[str, Any]) -> dict[str, str]:
    """Path to message of every wrong parameter."""
    with pytest.raises(InvalidParameters) as refused:
        parameters.complete(given)
    return {error["path"]: error["message"] for error in refused.value.detail["errors"]}


SCHEMAS: dict[str, Any] = {
    "scenario": {"enum": ["reference", "net-zero"], "default": "reference"},
    "price": {"type": "number", "minimum": 0, "maximum": 500},
    "steps": {"type": "integer", "default": 3},
    "regions": {"type": "array", "items": {"type": "string"}, "default": ["eu"]},
}


def test_defaults_fill_what_is_left_out_in_the_order_of_the_file() -> None:
    found = Parameters(SCHEMAS).complete({"price": 1})
    assert list(found.items()) == [("scenario", "reference"), ("price", 1), ("steps", 3), ("regions", ["eu"])]


def test_a_default_is_never_shared() -> None:
    parameters = Parameters(SCHEMAS)
    parameters.complete({"price": 1})["regions"].append("us")
    assert parameters.complete({"price": 1})["regions"] == ["eu"]


@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        ({}, "price", "it is required"),
        ({"price": "5"}, "price", 'expected number, found "5"'),
        ({"price": True}, "price", "expected number, found true"),
        ({"price": None}, "price", "expected number, found null"),
        ({"price": -1}, "price", "expected at least 0, found -1"),
        ({"price": 501}, "price", "expected at most 500, found 501"),
        ({"price": math.nan}, "price", "expected a finite number, found nan"),
        ({"price": math.inf}, "price", "expected a finite number, found inf"),
        ({"price": 1, "steps": 1.5}, "steps", "expected integer, found 1.5"),
        ({"price": 1, "scenario": "x"}, "scenario", 'expected one of "reference", "net-zero", found "x"'),
        ({"price": 1, "regions": "eu"}, "regions", 'expected array, found "eu"'),
        ({"price": 1, "regions": ["eu", 5]}, "regions.1", "expected string, found 5"),
        ({"price": 1, "regions": ["a\0"]}, "regions.0", "a text cannot hold NUL"),
        ({"price": 1, "regions": ["\ud800"]}, "regions.0", "a text cannot hold half a surrogate pair"),
        ({"price": 1, "pric": 2}, "pric", "there is no such parameter; did you mean price?"),
    ],
)
def test_a_wrong_parameter_is_named(given: dict[str, Any], path: str, message: str) -> None:
    assert errors(Parameters(SCHEMAS), given) == {path: message}


def test_all_wrong_parameters_are_named_at_once() -> None:
    assert set(errors(Parameters(SCHEMAS), {"steps": "x", "unknown": 1})) == {"price", "steps", "unknown"}


def test_a_bound_that_is_no_value_itself() -> None:
    parameters = Parameters({"share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}})
    assert errors(parameters, {"share": 0}) == {"share": "expected more than 0, found 0"}
    assert errors(parameters, {"share": 1}) == {"share": "expected less than 1, found 1"}


def test_a_value_that_passed_says_nothing_of_its_equals() -> None:
    parameters = Parameters({"n": {"type": "integer"}})
    assert parameters.complete({"n": 1}) == {"n": 1}
    assert errors(parameters, {"n": True}) == {"n": "expected integer, found true"}
    found = parameters.complete({"n": 1.0})["n"]
    assert (found, type(found)) == (1, int)


def test_a_huge_or_deep_value_makes_no_huge_message() -> None:
    parameters = Parameters({"n": {"type": "integer"}, "t": {"type": "array", "default": []}})
    assert len(errors(parameters, {"n": "x" * 10**6})["n"]) < 400
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert any("nested deeper" in message for message in errors(parameters, {"n": 1, "t": deep}).values())
    assert len(errors(parameters, {"n": 1, "y" * 10**6: 1})) == 1


def test_the_schema_draws_and_validates() -> None:
    schema = simulation(parameters=SCHEMAS).schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert not list(validator.iter_errors({"price": 5}))
    for wrong in ({}, {"price": "5"}, {"price": 5, "x": 1}):
        assert list(validator.iter_errors(wrong))
    assert list(schema["properties"]) == list(SCHEMAS)


# --- the command ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("element", "value", "expected"),
    [
        ("{v}", "net-zero", "net-zero"),
        ("--v={v}", "a b", "--v=a b"),
        ("{v}{v}", "x", "xx"),
        ("{{v}}", "x", "{v}"),
        ("{{{v}}}", "x", "{x}"),
        ("{v}", True, "true"),
        ("{v}", None, "null"),
        ("{v}", 0.1, "0.1"),
        ("{v}", 5, "5"),
        ("{v}", 10**20, "100000000000000000000"),
        ("{v}", ["a", 1], '["a", 1]'),
        ("{v}", {"ä": "b"}, '{"ä": "b"}'),
        ("{v}", "{python} {v} {{", "{python} {v} {{"),
        ("{v}", "", ""),
    ],
)
def test_a_placeholder_is_replaced_inside_its_element(element: str, value: object, expected: str) -> None:
    assert simulation(command=("prog", element)).launch({"v": value}, "py").argv == ["prog", expected]


HOSTILE = [
    "; rm -rf /",
    "$(id)",
    "`id`",
    "a b\tc\nd",
    "'\"",
    "--help",
    "&& x",
    "| x",
    "> x",
    "%PATH%",
    "*",
    "~",
    "\\",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_security_25_a_value_is_never_split_nor_read_by_a_shell(value: str) -> None:
    found = simulation(command=("prog", "--x", "{v}", "last")).launch({"v": value}, "py").argv
    assert found == ["prog", "--x", value, "last"]


@given(st.lists(st.text(), min_size=1, max_size=4), st.text())
def test_security_25_the_number_of_elements_is_that_of_the_file(pieces: list[str], value: str) -> None:
    literal = tuple(piece.replace("{", "{{").replace("}", "}}") for piece in pieces)
    command = (*literal, "{v}")
    assert simulation(command=command).launch({"v": value}, "py").argv == [*pieces, value]


def test_security_25_parameters_are_validated_before_they_are_substituted() -> None:
    strict = simulation(command=("prog", "{v}"), parameters={"v": {"enum": ["a"]}})
    assert errors(strict, {"v": "--evil"}) == {"v": 'expected one of "a", found "--evil"'}


def test_the_interpreter_is_the_files_else_ours() -> None:
    command = ("{python}", "model.py")
    assert simulation(command=command).launch({}, "/ours").argv == ["/ours", "model.py"]
    assert simulation(command=command, python="/theirs").launch({}, "/ours").argv == ["/theirs", "model.py"]


def test_a_function_is_called_by_the_helper() -> None:
    launch = simulation(function="a.b:run").launch({}, "/ours")
    assert launch.argv == ["/ours", "-m", "steelyard_task", "a.b:run"]
    assert (launch.directory, launch.environment) == (str(Path("/here")), {})


# --- the built-in one -----------------------------------------------------------------------------------


def test_command_runs_what_it_is_given_untouched() -> None:
    argv = ["prog", "{python}", "{{", "", "a b"]
    launch = COMMAND.launch(COMMAND.complete({"argv": argv}), "/ours")
    assert (launch.argv, launch.directory, launch.environment) == (argv, str(Path.home()), {})


def test_command_takes_folder_and_environment(tmp_path: Path) -> None:
    given = {"argv": ["a"], "directory": str(tmp_path), "environment": {"A": "1", "B": None}}
    launch = COMMAND.launch(COMMAND.complete(given), "/ours")
    assert (launch.directory, launch.environment) == (str(tmp_path), {"A": "1", "B": None})


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "argv"),
        ({"argv": "ls -l"}, "argv"),
        ({"argv": []}, "argv"),
        ({"argv": [""]}, "argv.0"),
        ({"argv": ["ls", 5]}, "argv.1"),
        ({"argv": ["ls", "a\0b"]}, "argv.1"),
        ({"argv": ["ls"], "directory": "here"}, "directory"),
        ({"argv": ["ls"], "directory": ""}, "directory"),
        ({"argv": ["ls"], "directory": "/a\0"}, "directory"),
        ({"argv": ["ls"], "environment": {"A": 1}}, "environment.A"),
        ({"argv": ["ls"], "environment": {"A=B": "1"}}, "environment"),
        ({"argv": ["ls"], "environment": {"": "1"}}, "environment"),
        ({"argv": ["ls"], "environment": {"A": "\0"}}, "environment.A"),
        ({"argv": ["ls"], "shell": True}, "shell"),
    ],
)
def test_command_refuses_what_is_no_command(given: dict[str, Any], path: str) -> None:
    assert list(errors(COMMAND, given)) == [path]
