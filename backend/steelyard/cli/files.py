"""`steelyard files`: what a task wrote into its output directory."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import click

from steelyard.answers import File
from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import plain, size
from steelyard.rules.errors import InvalidRequest


@click.command(short_help="List or download the files that a task wrote.")
@click.argument("task_id", metavar="ID")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Download those of the last attempt.",
)
@connected
def files(session: Session, task_id: str, folder: Path | None) -> None:
    """List the files of all attempts, or download those of the last one that left any.

    \b
    Examples:
      steelyard files 3f9a
      steelyard files 3f9a --to results/
    """
    task_id = session.client.resolve(task_id)
    found = session.client.files(task_id)
    if session.out.as_json:
        session.out.document(session.answer())
    if folder is not None:
        last = max((file["attempt"] for file in found), default=0)
        for file in found:
            if file["attempt"] == last:
                target = session.client.download(task_id, file["id"], inside(folder, file))
                if not session.out.as_json:
                    session.out.say(str(target))
    elif not session.out.as_json:
        session.out.table(
            [Column("Name"), Column("Size", right=True), Column("Attempt", right=True), Column("Kind")],
            ([file["name"], size(file["size"]), str(file["attempt"]), file["kind"]] for file in found),
        )


def inside(folder: Path, file: File) -> Path:
    """Where a file goes below folder. A task chose its name: one that leads out is refused."""
    name = PurePosixPath(file["name"])
    parts = [part for part in name.parts if part != "."]
    if name.is_absolute() or not parts or any(part == ".." or set(part) & set("\\:\0") for part in parts):
        raise InvalidRequest(f"the name {plain(file['name'])!r} leads out of {folder}")
    return folder.joinpath(*parts)
