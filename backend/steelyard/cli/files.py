"""`steelyard files`: what a task wrote into its output directory."""

from __future__ import annotations

from pathlib import Path

import click

from steelyard.cli import completing
from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import size
from steelyard.rules.errors import NotFound


@click.command(short_help="List or download the files that a task wrote.")
@click.argument("task_id", metavar="ID", shell_complete=completing.tasks)
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Download them into this folder, below which they have their names.",
)
@click.option(
    "--attempt", type=click.IntRange(min=1), help="Only those of this one; --to: else of the last with any."
)
@connected
def files(
    session: Session, task_id: str, names: tuple[str, ...], folder: Path | None, attempt: int | None
) -> None:
    """List the files of all attempts, or download those of the last one that left any. With NAME only these.

    \b
    Examples:
      steelyard files 3f9a
      steelyard files 3f9a --to results/
      steelyard files 3f9a result.json --attempt 1 --to .
    """
    task_id = session.client.resolve(task_id)
    listed = session.client.files(task_id, names=names or None)
    found = [file for file in listed if attempt in (None, file["attempt"])]
    missing = sorted(set(names) - {file["name"] for file in found})
    if missing or (attempt is not None and not found):
        of = "" if attempt is None else f" of attempt {attempt}"
        raise NotFound(f"There is no file {', '.join(missing)}{of}." if missing else f"There is no file{of}.")
    if session.out.as_json:
        session.out.document({"files": found, "total": listed.total, "truncated": listed.truncated})
    if folder is not None:
        for target in session.client.download_all(task_id, folder, attempt=attempt, names=names or None):
            if not session.out.as_json:
                session.out.say(str(target))
    elif not found and not session.out.as_json:
        session.out.hint("It has left no files.")
    elif not session.out.as_json:
        session.out.table(
            [Column("Name"), Column("Size", right=True), Column("Attempt", right=True), Column("Kind")],
            ([file["name"], size(file["size"]), str(file["attempt"]), file["kind"]] for file in found),
        )
    if listed.truncated and folder is None:
        session.out.note(
            f"{len(listed)} files are listed, of at least {listed.total}. Any other is had by its name: "
            f"steelyard files {task_id} NAME --to FOLDER"
        )
