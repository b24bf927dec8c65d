"""`steelyard logs`: what a task has printed, and prints."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

import click

from steelyard.cli import completing
from steelyard.cli.session import Session, connected, goes_on
from steelyard.client.answers import LogText
from steelyard.rules.quantities import format_size

_FIRST_WINDOW = 10_000
_WIDEST_WINDOW = 1_000_000
"""Characters asked for to find the last lines; the widest is what the API gives at most."""


@click.command(short_help="Show what a task has printed.")
@click.argument("task_id", metavar="ID", shell_complete=completing.tasks)
@click.option("-f", "--follow", "follows", is_flag=True, help="Go on until the task has ended.")
@click.option("--tail", type=click.IntRange(min=0), help="Only the last so many lines.")
@connected
def logs(session: Session, task_id: str, follows: bool, tail: int | None) -> None:
    """Show the output of a task's last attempt, as it was printed.

    With --json each piece is one line of NDJSON. Ctrl-C ends the showing, never the task.

    \b
    Examples:
      steelyard logs 3f9a --tail 20
      steelyard logs -f 3f9a
    """
    task_id = session.client.resolve(task_id)
    with goes_on(f"task {task_id}", f"steelyard cancel {task_id}"):
        if tail is None and not follows and session.out.as_json:
            session.out.document(session.client.log(task_id, tail=_WIDEST_WINDOW))
            return
        start, attempt = 0, None
        if tail is not None:
            last = last_lines(session, task_id, tail)
            if session.out.as_json:
                session.out.line(last)
            else:
                session.out.text(last["text"])
            start, attempt = last["size"], last["attempt"]
        if tail is None or follows:
            _pieces(session, task_id, start, attempt, follows)


def _pieces(session: Session, task_id: str, offset: int, attempt: int | None, follows: bool) -> None:
    follow = session.client.follow
    raw = session.out.raw
    if follows:
        pieces: Iterable[LogText] = follow(task_id, offset=offset, attempt=attempt, raw=raw)
    else:
        pieces = whole(session, task_id, raw)
    if session.out.as_json:
        for piece in pieces:
            session.out.line(piece)
    else:
        show(session, pieces, offset)


def show(session: Session, pieces: Iterable[LogText], offset: int = 0) -> None:
    """The text of pieces that begin at byte `offset`, and a note wherever output was not kept."""
    attempt = None
    for piece in pieces:
        if attempt not in (None, piece["attempt"]):
            offset = 0
        attempt = piece["attempt"]
        if piece["offset"] > offset:
            session.out.note(f"... {format_size(piece['offset'] - offset)} of output were not kept ...")
        if "base64" in piece:
            session.out.bytes(base64.b64decode(piece["base64"]))
        else:
            session.out.text(piece["text"])
        offset = piece.get("next", offset)


def whole(session: Session, task_id: str, raw: bool = False) -> Iterator[LogText]:
    """All that an attempt has printed until now, piece by piece."""
    offset = 0
    while True:
        piece = session.client.log(task_id, offset=offset, raw=raw or None)
        yield piece
        if piece.get("next", offset) <= offset:
            return
        offset = piece["next"]


def last_lines(session: Session, task_id: str, count: int) -> LogText:
    """The last lines, in a window that grows until they are in it."""
    window = _FIRST_WINDOW
    while True:
        piece = session.client.log(task_id, tail=window)
        lines = piece["text"].splitlines(keepends=True)
        if len(lines) > count or piece["offset"] == 0 or window >= _WIDEST_WINDOW:
            piece["text"] = "".join(lines[-count:] if count else [])
            return piece
        window = min(window * 10, _WIDEST_WINDOW)
