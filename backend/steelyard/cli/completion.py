"""`steelyard completion`: what makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM, VARIABLE = "steelyard", "_STEELYARD_COMPLETE"


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands and options. It needs no sidecar.

    \b
    Examples:
      eval "$(steelyard completion bash)"      in ~/.bashrc; zsh in ~/.zshrc
      steelyard completion fish > ~/.config/fish/completions/steelyard.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source())
