"""`steelyard simulations new`: from a command, or a folder with a model, to a file that works."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from steelyard.cli import checks, exit_codes, model_folder
from steelyard.cli.output import Output
from steelyard.cli.session import data_dir_option, told
from steelyard.cli.task_options import Size
from steelyard.client import Client
from steelyard.client.errors import NoSidecar
from steelyard.machine.paths import DataDirectory, data_directory
from steelyard.rules.errors import Conflict, InvalidRequest
from steelyard.settings import environment
from steelyard.settings.draft import Draft, draft, text_of
from steelyard.settings.simulation_file import Faulty, simulation_of
from steelyard.settings.simulations import BUNDLED, Catalogue

_LISTED = 8
"""Programs of a folder that are named when it is not clear which one is meant."""


@dataclass(frozen=True)
class _Place:
    """Where simulations lie, and the PATH of tasks; None: no sidecar runs that could say."""

    simulations: Path
    path: str | None


@click.command(short_help="Write the file of a new simulation.")
@click.argument("name")
@click.argument("program", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the model; without it, where you are now.",
)
@click.option("--title", help="What people call it.")
@click.option("--memory", metavar="SIZE", help="Expected peak of a run, as 8GiB.")
@click.option(
    "--to",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder for the file, in place of that of all simulations.",
)
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_context
def new(
    ctx: click.Context,
    name: str,
    program: tuple[str, ...],
    directory: Path | None,
    title: str | None,
    memory: str | None,
    to: Path | None,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Write the file of a new simulation: NAME.toml, ready to be submitted.

    What stands behind -- is how the model is started, as you would type it. {price} in it is a parameter,
    {price=100} one with a default. Without a program the folder is looked at for one. Each run then works
    in a folder of its own; nothing that is there already is changed.

    \b
    Examples:
      steelyard simulations new growth -- python growth.py --rate {rate=0.02}
      steelyard simulations new beam --directory ~/models/beam
    """
    if memory is not None:
        Size().convert(memory, next(one for one in ctx.command.params if one.name == "memory"), ctx)
    here = Path.cwd()
    folder = here if directory is None else here / directory
    folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise click.BadParameter(f"{folder} is no folder.", ctx, param_hint="--directory")
    with told(as_json, data_dir):
        place = _place(data_dir)
        argv = program or (_program_in(folder, name),)
        command = model_folder.command_of(argv, folder, here)
        needs_python = "{python}" in command
        python = model_folder.python_of(argv, folder, here, os.environ) if needs_python else None
        command[0] = _as_the_shell_finds_it(command[0], place.path)
        try:
            drafted = draft(command)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from None
        target = (here / to if to is not None else place.simulations) / f"{name}.toml"
        stated = "." if target.parent == folder else str(folder)
        text = text_of(
            drafted,
            name=name,
            title=title or name.replace("-", " ").capitalize(),
            directory=stated,
            python=python,
            memory=memory,
        )
        _write(target, name, text)
    notes = [*_doubts(drafted, folder), *_elsewhere(target, place.simulations)]
    _tell(Output(as_json), target, name, drafted, notes)
    return exit_codes.OK


def _place(data_dir: Path | None) -> _Place:
    """Where the sidecar looks for simulations; without one, where the next will. StartError."""
    try:
        with Client.find(data_dir) as client:
            system = client.system()
            path = system["task_environment"]["programs"].get("PATH")
            return _Place(Path(system["simulations_dir"]), path)
    except NoSidecar:
        data = DataDirectory(data_directory(os.environ) if data_dir is None else data_dir.absolute())
        folder = environment.load(os.environ, checks.preferences(data)).simulations_dir
        if folder is None:
            data.prepare()
        return _Place(folder or data.simulations, None)


def _program_in(folder: Path, name: str) -> str:
    """The program of a model's folder. InvalidRequest: there is none, or it is not clear which."""
    found = model_folder.programs_in(folder)
    chosen = model_folder.likely(found, name, folder)
    if chosen is not None:
        return chosen
    how = f"Say how it is started: steelyard simulations new {name} -- PROGRAM ARGUMENTS"
    if not found:
        raise InvalidRequest(f"No program was found in {folder}. {how}")
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise InvalidRequest(f"{folder} has several programs: {', '.join(found[:_LISTED])}{more}. {how}")


def _as_the_shell_finds_it(program: str, path_of_tasks: str | None) -> str:
    """The program by its path where tasks would find another one or none, else as it was typed."""
    found = shutil.which(program) if os.path.basename(program) == program else None
    if found is None:
        return program
    other = path_of_tasks is not None and shutil.which(program, path=path_of_tasks) != found
    environments = (os.environ.get(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX"))
    own = any(one and Path(one) in Path(found).parents for one in environments)
    return found if other or own else program


def _write(target: Path, name: str, text: str) -> None:
    """Write the file once the reader of simulations takes it. Conflict, InvalidRequest, OSError."""
    try:
        text.encode()
        simulation_of(target, text)
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The command or the folder's name holds bytes that are no text in UTF-8, and a simulation's file "
            "is text. Rename the file that is meant, or start it from a script."
        ) from None
    except Faulty as faulty:
        raise InvalidRequest("; ".join(fault.message for fault in faulty.faults) + ".") from None
    catalogue = Catalogue([BUNDLED, target.parent])
    catalogue.reload()
    if name in catalogue.simulations:
        there = catalogue.simulations[name].file
        raise Conflict(f"There is a simulation {name} already: {there}. Choose another name.")
    try:
        with open(target, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"{target} is there already, and stays as it is. Choose another name.") from None
    except OSError as error:
        target.unlink(missing_ok=True)  # half of a file is none
        raise OSError(error.errno, error.strerror, str(target)) from error


def _doubts(drafted: Draft, folder: Path) -> Iterator[str]:
    """What may be meant otherwise."""
    program, *rest = drafted.command
    script = rest[0] if program == "{python}" and rest else None
    if script is not None and script.endswith(".py") and not (folder / script).is_file():
        yield f"There is no {script} in {folder}: the runs will fail until it is there."
    elif "{" not in program and not any(shutil.which(one) for one in (folder / program, program)):
        yield f"{program} was not found: the runs will fail until it is on the PATH or in {folder}."
    if folder in (Path.home(), Path(folder.anchor)):
        yield (
            f"Each run gets what lies in {folder}, which is much: put the model into a folder of its own, or "
            "name what a run needs in copy and link."
        )
    texts = [name for name, schema in drafted.parameters.items() if "default" not in schema]
    if texts:
        one = texts[0]
        yield (
            f"{', '.join(texts)}: taken for text. A default says what it is ({{{one}=0.5}}: a number), or "
            "change type in the file."
        )


def _elsewhere(target: Path, simulations: Path) -> Iterator[str]:
    if target.parent.resolve() != simulations.resolve():
        yield f"Simulations are read from {simulations}: put the file, or a link to it, there."


def _tell(out: Output, target: Path, name: str, drafted: Draft, notes: Sequence[str]) -> None:
    if out.as_json:
        out.document(
            {
                "name": name,
                "file": str(target),
                "command": list(drafted.command),
                "parameters": {key: dict(schema) for key, schema in drafted.parameters.items()},
                "notes": list(notes),
            }
        )
        return
    out.say(str(target))
    for note in notes:
        out.note(note)
    shown = shlex.join(drafted.command)
    out.hint(f"Each run starts {shown} in a folder of its own.")
    out.hint("Try it with: " + " ".join(["steelyard submit", name, *_needed(drafted.parameters), "--wait"]))


def _needed(parameters: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [f"-p {name}=VALUE" for name, schema in parameters.items() if "default" not in schema]
