"""`steelyard files`: what a task wrote into its output directory."""

from __future__ import annotations

from pathlib import Path

import click

from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import size


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
        for target in session.client.download_all(task_id, folder):
            if not session.out.as_json:
                session.out.say(str(target))
    elif not session.out.as_json:
        session.out.table(
            [Column("Name"), Column("Size", right=True), Column("Attempt", right=True), Column("Kind")],
            ([file["name"], size(file["size"]), str(file["attempt"]), file["kind"]] for file in found),
        )
