"""`steelyard events`: what has happened, and happens."""

from __future__ import annotations

import click

from steelyard.cli.session import Session, connected
from steelyard.cli.wording import plain
from steelyard.client.answers import Event

_LATEST = 50


@click.command(short_help="Show what has happened, and happens.")
@click.option("-f", "--follow", "follows", is_flag=True, help="Go on with whatever happens next.")
@click.option("--since", type=click.IntRange(min=0), help="From the one after this number on; 0 is all.")
@click.option("--kind", type=click.Choice(["task", "worker", "prompt"]), help="Only these.")
@connected
def events(session: Session, follows: bool, since: int | None, kind: str | None) -> None:
    """Show the event log, oldest first: the latest 50 changes, or all after the one with a number.

    With --json each is one line of NDJSON, with the whole task or worker as it was then.

    \b
    Examples:
      steelyard events --since 0 --kind worker
      steelyard events -f
    """
    seq = max(0, session.client.status()["seq"] - _LATEST) if since is None else since
    seq = _show(session, seq, kind)
    if not follows:
        return
    # The push only rings; the log has the moment of each, and whatever is too large to be pushed.
    for message in session.client.events(since=seq):
        if message["seq"] > seq:
            seq = _show(session, seq, kind)


def _show(session: Session, since: int, kind: str | None) -> int:
    """Print what came after `since`; the number of the last."""
    for event in session.client.event_log(since):
        since = event["seq"]
        if kind not in (None, event["kind"]):
            continue
        if session.out.as_json:
            session.out.line(event)
        else:
            session.out.say(f"{event['seq']:>6}  {event['at']}  {event['kind']:<6}  {_words(event)}")
    return since


def _words(event: Event) -> str:
    """What changed, as one line."""
    data = event["data"]
    if event["kind"] == "prompt":
        return plain(data.get("text", ""))
    words = [event["subject"], str(data.get("state", ""))]
    if event["kind"] == "task":
        words += [f"({data['cause']})"] if data.get("cause") not in (None, "succeeded") else []
        words += [f"attempt {data['attempt']}"] if data.get("attempt") else []
        words.append(plain(data.get("label") or data.get("simulation") or ""))
    elif data.get("reason"):
        words.append(plain(data["reason"]))
    return "  ".join(word for word in words if word)
