"""`steelyard queue ...`: let waiting tasks wait, or start again."""

from __future__ import annotations

import click

from steelyard.cli.session import Session, connected


@click.group(short_help="Pause and resume the queue.")
def queue() -> None:
    """Pause and resume the queue. While it is paused, running tasks go on and nothing new starts.

    \b
    Examples:
      steelyard queue pause
      steelyard queue resume
    """


@queue.command(short_help="Let nothing new start.")
@connected
def pause(session: Session) -> None:
    """Let nothing new start until the queue is resumed, also after a restart.

    \b
    Example:
      steelyard queue pause
    """
    session.client.pause_queue()
    _tell(session, "the queue is paused")


@queue.command()
@connected
def resume(session: Session) -> None:
    """Let waiting tasks start again, on a low battery too.

    \b
    Example:
      steelyard queue resume
    """
    session.client.resume_queue()
    _tell(session, "the queue goes on")


def _tell(session: Session, words: str) -> None:
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(words)
