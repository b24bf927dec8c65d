"""`steelyard open`: the pages, in a browser."""

from __future__ import annotations

import webbrowser

import click

from steelyard.cli.session import Session, connected


@click.command(short_help="Open the pages in a browser, signed in.")
@click.option("--print", "prints", is_flag=True, help="Only print the link.")
@connected
def open(session: Session, prints: bool) -> None:
    """Open the pages in a browser with a new sign-in link. It works once, for 5 minutes.

    Without a terminal, without a browser, and with --print the link is printed instead.

    \b
    Examples:
      steelyard open
      steelyard open --print
    """
    link = session.client.new_sign_in_link()
    if session.out.as_json:
        session.out.document(session.answer())
    elif prints or not session.out.watched or not webbrowser.open(link):
        session.out.say(link)
    else:
        session.out.note("The pages are open in your browser.")
