"""`steelyard edit`: what may still be changed of a task."""

from __future__ import annotations

import click

from steelyard.cli import completing
from steelyard.cli.session import Session, connected
from steelyard.cli.task_options import Size


@click.command(short_help="Change priority, label, memory or tags of a task.")
@click.argument("task_id", metavar="ID", shell_complete=completing.tasks)
@click.option("--priority", type=click.IntRange(-100, 100), help="-100 to 100; higher goes first.")
@click.option("--label", help="A name that tells it from others.")
@click.option("--memory", type=Size(), help="Expected peak, as 8GiB: the task starts only when that fits.")
@click.option("--tag", "tags", multiple=True, help="Tag, in the place of those it has; repeatable.")
@click.option("--no-tags", is_flag=True, help="Take all tags away.")
@connected
def edit(
    session: Session,
    task_id: str,
    priority: int | None,
    label: str | None,
    memory: int | None,
    tags: tuple[str, ...],
    no_tags: bool,
) -> None:
    """Change priority, label, memory or tags of a task.

    \b
    Examples:
      steelyard edit 3f9a --priority 50
      steelyard edit 3f9a --memory 12GiB --label "fine grid" --tag nightly
    """
    if tags and no_tags:
        raise click.UsageError("--tag and --no-tags cannot go together")
    if (priority, label, memory, tags, no_tags) == (None, None, None, (), False):
        raise click.UsageError("say what to change: --priority, --label, --memory, --tag or --no-tags")
    edited = session.client.edit(
        session.client.resolve(task_id),
        priority=priority,
        label=label,
        memory=memory,
        tags=list(tags) if tags or no_tags else None,
    )
    if session.out.as_json:
        session.out.document(session.answer())
    else:
        session.out.say(f"{edited} changed")
