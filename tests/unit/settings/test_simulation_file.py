"""settings.simulation_file: what a TOML file may say, and what a person is told who mistyped something."""

from __future__ import annotations

from pathlib import Path

import pytest

from steelyard.rules.errors import InvalidParameters
from steelyard.settings.simulation import Simulation
from steelyard.settings.simulation_file import Faulty, read_simulation

FULL = r"""
[simulation]
name = "steel-pathway"
title = "Steel pathway"
description = "World steel"
command = ["{python}", "model.py", "--scenario", "{scenario}"]
python = "envs/steel/python"
directory = "sub folder"
[resources]
memory = "8GiB"
cores = 2
timeout = "48h"
attempts = 5
reuse = false
[progress]
pattern = 'year (\d+) of (\d+)'
[parameters]
scenario = {enum = ["reference", "net-zero"], default = "reference"}
price = {type = "number", minimum = 0, unit = "USD/t", x-order = 1}
"""
SMALL = '[simulation]\nname = "small"\ncommand = ["true"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "steel.toml"


def read(file: Path, text: str) -> Simulation:
    """The simulation of this text."""
    file.write_text(text, encoding="utf-8")
    return read_simulation(file)


def faults(file: Path, text: str) -> list[tuple[int, str]]:
    """(line, message) of everything that is wrong with this text."""
    with pytest.raises(Faulty) as found:
        read(file, text)
    return [tuple(fault) for fault in found.value.faults]


def test_every_key_arrives(file: Path) -> None:
    simulation = read(file, FULL)
    assert (simulation.name, simulation.title) == ("steel-pathway", "Steel pathway")
    assert simulation.description == "World steel"
    assert simulation.command == ("{python}", "model.py", "--scenario", "{scenario}")
    assert simulation.python == str(file.parent / "envs/steel/python")
    assert simulation.directory == file.parent / "sub folder"
    assert (simulation.memory, simulation.cores, simulation.timeout) == (8 * 2**30, 2, 172800.0)
    assert (simulation.attempts, simulation.reuse) == (5, False)
    assert simulation.pattern == r"year (\d+) of (\d+)"
    assert list(simulation.parameters) == ["scenario", "price"]
    assert simulation.file == file


def test_what_is_left_out_has_a_default(file: Path) -> None:
    simulation = read(file, SMALL)
    assert (simulation.title, simulation.directory) == ("small", file.parent)
    assert (simulation.memory, simulation.cores, simulation.timeout) == (None, 1, None)
    assert (simulation.attempts, simulation.reuse, simulation.pattern) == (3, False, None)


def test_a_bare_interpreter_is_looked_up_on_the_path(file: Path) -> None:
    assert read(file, SMALL + 'python = "python3.9"\n').python == "python3.9"


@pytest.mark.parametrize("text", ["\ufeff" + SMALL, SMALL.replace("\n", "\r\n")])
def test_what_windows_editors_write_is_read(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    assert read_simulation(file).name == "small"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("memory = 8GiB", "expected the end of the line (a text stands in quotes), found 'GiB'"),
        ('memory = "8GiB', "expected the closing quote of a text"),
        ("memory = ", "expected a text in quotes, a number, true, false, a [list] or a {table}"),
        ("memory: 8", "Expected '=' after a key"),
        ("cores = 1\ncores = 2", "Cannot overwrite a value"),
    ],
)
def test_a_slip_of_syntax_is_told_with_its_line(file: Path, line: str, message: str) -> None:
    found = faults(file, f"{SMALL}[resources]\n{line}\n")
    assert len(found) == 1
    assert found[0][0] == 5 + line.count("\n")
    assert message in found[0][1]


def test_a_file_that_ends_too_soon_names_its_last_line(file: Path) -> None:
    assert faults(file, SMALL + 'description = """x\ny\n')[0][0] == 5


def test_what_is_no_utf_8_names_its_line(file: Path) -> None:
    file.write_bytes(SMALL.encode() + b'title = "Gr\xf6\xdfe"\n')
    with pytest.raises(Faulty) as found:
        read_simulation(file)
    assert found.value.faults == [(4, "expected UTF-8 text")]


@pytest.mark.parametrize(
    ("section", "line", "message"),
    [
        ("simulation", 'nmae = "x"', "simulation.nmae: there is no key of this name; did you mean name?"),
        ("simulation", 'function = "a:b"', "simulation.function: expected command or function, found both"),
        ("simulation", "title = 5", "simulation.title: expected a text, found 5"),
        ("resources", "memory = 8.5", 'resources.memory: expected a size like "8GiB", found 8.5'),
        ("resources", 'memory = "8e9"', 'resources.memory: expected a size like "8GiB", found "8e9"'),
        ("resources", "memory = 0", 'resources.memory: expected a size like "8GiB", found 0'),
        ("resources", "memory = true", 'resources.memory: expected a size like "8GiB", found true'),
        ("resources", 'timeout = "2 weeks"', "resources.timeout: expected seconds or a text like"),
        ("resources", "timeout = -1", "resources.timeout: expected seconds or a text like"),
        ("resources", "timeout = inf", "resources.timeout: expected seconds or a text like"),
        ("resources", 'cores = "2"', 'resources.cores: expected a whole number from 1 to 1024, found "2"'),
        ("resources", "cores = true", "resources.cores: expected a whole number from 1 to 1024, found true"),
        ("resources", "attempts = 0", "resources.attempts: expected a whole number from 1 to 100, found 0"),
        ("resources", "reuse = true", "resources.reuse: expected false: only runs of a function can share"),
        ("resources", 'reuse = "no"', 'resources.reuse: expected true or false, found "no"'),
        ("resources", "cors = 1", "resources.cors: there is no key of this name; did you mean cores?"),
        ("progress", "pattern = '('", "progress.pattern: expected a regular expression"),
        ("progress", "pattern = 'x'", "progress.pattern: expected one group"),
        ("progress", "patern = '(x)'", "did you mean pattern?"),
        ("resourses", "cores = 1", "resourses: there is no section of this name; did you mean resources?"),
        ("parameters", 'price = {type = "numbr"}', 'found "numbr"; did you mean number?'),
        ("parameters", 'price = {type = "number", minimun = 0}', "did you mean minimum?"),
        ("parameters", "price = {minimum = 0}", 'parameters.price: expected type (like type = "number")'),
        ("parameters", 'price = "number"', "parameters.price: expected a JSON Schema"),
        ("parameters", 'price = {type = "number", default = "5"}', "default: it does not fit its own schema"),
        ("parameters", 'price = {type = "number", default = nan}', "expected a finite number"),
        ("parameters", 'price = {type = "number", minimum = "0"}', "parameters.price.minimum"),
        (
            "parameters",
            'price = {type = "string", pattern = "("}',
            "parameters.price.pattern: expected a regular",
        ),
        (
            "parameters",
            'price = {type = "number", required = true}',
            "without default is required; leave this out",
        ),
        ("parameters", 'price = {"$ref" = "http://x/"}', "JSON Schema has no such word here"),
        ("parameters", "price = {enum = []}", "parameters.price.enum"),
        (
            "parameters",
            'price = {type = "string", default = 2020-01-01}',
            "expected text, a number, true, false",
        ),
        ("parameters", 'python = {type = "string"}', "{python} is filled in by Steelyard"),
        ("parameters", '"a b" = {type = "string"}', "expected a name of letters, digits"),
        (
            "parameters",
            'p = {type = "array", items = {type = "object", properties = {a = {tipe = 1}}}}',
            "tipe",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_line_and_what_was_expected(
    file: Path, section: str, line: str, message: str
) -> None:
    text = f"{SMALL}{line}\n" if section == "simulation" else f"{SMALL}\n[{section}]\n# a comment\n{line}\n"
    number = 4 if section == "simulation" else 5 if section == "resourses" else 7
    found = faults(file, text)
    assert len(found) == 1, found
    assert found[0][0] == number
    assert message in found[0][1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("pattern = '(x)'\ntotal = '{stps}'", "{stps} is no parameter; did you mean steps?"),
        ("pattern = '(x)'\ntotal = '{deep}'", "expected a parameter that is a number, found boolean {deep}"),
        ("pattern = '(x)'\ntotal = 0", "expected a number above 0"),
        ("pattern = '(x)'\ntotal = 'many'", "expected a number above 0"),
        ("pattern = '(x)'\ntotal = true", "expected a number above 0"),
        ("pattern = '(x) (y)'\ntotal = 5", "expected a pattern of one group"),
        ("total = 5", "expected a pattern of one group"),
    ],
)
def test_a_wrong_total_of_a_pattern(file: Path, lines: str, message: str) -> None:
    parameters = "[parameters]\nsteps = {type = 'integer'}\ndeep = {type = 'boolean'}\n"
    found = faults(file, f"{SMALL}{parameters}[progress]\n{lines}\n")
    assert len(found) == 1 and found[0][0] == 8 + lines.count("\n")
    assert found[0][1].startswith(f"progress.total: {message}")


def test_the_total_of_a_pattern_may_be_a_parameter(file: Path) -> None:
    steps = 'steps = {enum = [400, "1e6", 0, -5, "many", true, [3]], default = 400}'
    text = f"{SMALL}[parameters]\n{steps}\n[progress]\npattern = '(x)'\ntotal = "
    assert read(file, text + "2500").progress_total({}) == 2500
    simulation = read(file, text + "'{steps}'")
    assert simulation.progress_total(simulation.complete({})) == 400
    assert simulation.progress_total(simulation.complete({"steps": "1e6"})) == 1e6
    for wrong in (0, -5, "many", True, [3]):
        with pytest.raises(InvalidParameters) as error:
            simulation.complete({"steps": wrong})
        assert error.value.detail["errors"][0]["path"] == "steps"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ('"python model.py"', 'expected a list like ["program", "argument"], found one text'),
        ("[]", "expected a list of texts"),
        ('[""]', "expected a list of texts"),
        ('["a", 5]', "expected a list of texts"),
        ('["a\\u0000"]', "expected a list of texts"),
        ('["a", "{scenrio}"]', "{scenrio} is no parameter; did you mean {scenario}?"),
        ('["a", "{}"]', "{} is no parameter"),
        ('["a", "{ scenario }"]', "{ scenario } is no parameter; did you mean {scenario}?"),
        ('["a", "{scenario.x}"]', "{scenario.x} is no parameter"),
        ('["a", "{scenario!r:>9}"]', "is no parameter"),
        ('["a", "x{"]', 'a single { in "x{"; write {{ for one'),
        ('["a", "}"]', 'a single } in "}"; write }} for one'),
    ],
)
def test_a_wrong_command_is_told(file: Path, command: str, message: str) -> None:
    text = f'[simulation]\nname = "x"\ncommand = {command}\n[parameters.scenario]\ntype = "string"\n'
    found = faults(file, text)
    assert len(found) == 1, found
    assert found[0][0] == 3
    assert message in found[0][1]


def test_a_placeholder_in_a_long_list_has_its_own_line(file: Path) -> None:
    text = '[simulation]\nname = "x"\ncommand = [\n  "a",\n  "--b", "{b}",\n]\n'
    assert faults(file, text) == [
        (5, "simulation.command: {b} is no parameter; write {{ and }} for braces"),
    ]


@pytest.mark.parametrize("function", ["run", "a.b", ":run", "a:b:c", "a b:c", "a:1", "a:b()"])
def test_a_wrong_function_is_told(file: Path, function: str) -> None:
    text = f'[simulation]\nname = "x"\nfunction = "{function}"\n'
    assert faults(file, text) == [(3, f'simulation.function: expected "module:function", found "{function}"')]


@pytest.mark.parametrize("name", ["", "Steel", "a b", "ä", "a_b", "x" * 65, "command"])
def test_a_wrong_name_is_told(file: Path, name: str) -> None:
    found = faults(file, f'[simulation]\nname = "{name}"\ncommand = ["a"]\n')
    assert [line for line, _ in found] == [2]


def test_a_line_of_a_long_text_is_not_taken_for_the_key(file: Path) -> None:
    text = '[simulation]\nname = "Bad"\ncommand = ["a"]\ndescription = """\nname = "x"\n"""\n'
    assert [line for line, _ in faults(file, text)] == [2]


def test_neither_command_nor_function_nor_name(file: Path) -> None:
    assert [message for _, message in faults(file, "[simulation]\n")] == [
        "simulation.name: name is missing",
        'simulation: expected command = ["program", "argument"] or function = "module:function"',
    ]
    assert len(faults(file, "")) == 2
    assert "expected a section [resources]" in faults(file, "resources = 5\n" + SMALL)[0][1]


def test_everything_wrong_is_told_at_once_in_the_order_of_the_lines(file: Path) -> None:
    found = faults(file, SMALL.replace("small", "Small") + "[resources]\ncores = 0\nmemory = 'x'\n")
    assert [line for line, _ in found] == [2, 5, 6]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Faulty, match="is not there"):
        read_simulation(tmp_path / "missing.toml")
    huge = tmp_path / "huge.toml"
    huge.write_text("#" * (2**20 + 1))
    with pytest.raises(Faulty, match="larger than"):
        read_simulation(huge)
    deep = tmp_path / "deep.toml"
    deep.write_text("a = " + "[" * 100_000)
    with pytest.raises(Faulty):
        read_simulation(deep)
