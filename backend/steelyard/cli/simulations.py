"""`steelyard simulations ...`: what can be submitted, with which parameters, and a way to something new."""

from __future__ import annotations

import json
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.text import Text

from steelyard.cli import completing
from steelyard.cli.new_simulation import new
from steelyard.cli.output import Column
from steelyard.cli.session import Session, connected
from steelyard.cli.wording import NOTHING, duration, plain, size
from steelyard.client.answers import Run, Simulation


class _Simulations(click.Group):
    """A group whose commands may be left out: what is no command names a simulation to show."""

    left_out = "show"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does it, with the command in front that was left out."""
        completes = ctx.resilient_parsing and not args
        if not completes and (not args or args[0] not in (*self.commands, *ctx.help_option_names)):
            args = [self.left_out, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, and the names of simulations."""
        named = completing.simulations(ctx, self.commands[self.left_out].params[0], incomplete)
        return super().shell_complete(ctx, incomplete) + named


@click.group(cls=_Simulations, short_help="List, show and make simulations.")
def simulations() -> None:
    """List simulations, show the parameters of one, or write the file of a new one.

    \b
    Examples:
      steelyard simulations
      steelyard simulations steel-pathway
      steelyard simulations new growth -- python growth.py --rate {rate=0.02}
    """


simulations.add_command(new)


@simulations.command(short_help="List simulations, or show the parameters of one.")
@click.argument("name", required=False, shell_complete=completing.simulations)
@connected
def show(session: Session, name: str | None) -> None:
    """List simulations, or show the parameters of the one called NAME. The word show may be left out.

    \b
    Examples:
      steelyard simulations
      steelyard simulations show steel-pathway
    """
    if name is not None:
        _one(session, session.client.simulation(name))
        return
    found = session.client.simulations()
    answer = session.answer()
    if session.out.as_json:
        session.out.document(answer)
        return
    session.out.table(
        [Column("Name", fixed=True), Column("Title", wraps=True)],
        ([one["name"], one["title"]] for one in found),
    )
    for wrong in answer.get("errors") or ():
        session.out.note(f"{wrong['file']}, line {wrong['line']}: {plain(wrong['message'])}")


def _one(session: Session, simulation: Simulation) -> None:
    if session.out.as_json:
        session.out.document(simulation)
        return
    resources, usual = simulation["resources"], simulation.get("usual_duration")
    session.out.pairs(
        [
            ("Simulation", simulation["name"]),
            ("Title", simulation["title"]),
            ("Description", simulation["description"] or NOTHING),
            *([("Directory", directory)] if (directory := simulation.get("directory")) else []),
            ("Memory", _memory(simulation)),
            *([] if usual is None else [("Usually takes", duration(usual))]),
            ("Time limit", _limit(resources["timeout"])),
            ("Attempts", str(resources["attempts"])),
            *([("Runs", _runs(run))] if (run := simulation.get("run")) else []),
        ]
    )
    schema = simulation["schema"]
    required = set(schema.get("required") or ())
    session.out.say("")
    session.out.table(
        [
            Column("Parameter", fixed=True),
            Column("Values", wraps=True),
            Column("Default"),
            Column("Meaning", wraps=True),
        ],
        (_row(name, rule, name in required) for name, rule in (schema.get("properties") or {}).items()),
    )


def _memory(simulation: Simulation) -> str:
    """What the file states, and what was seen."""
    stated, learned = simulation["resources"]["memory"], simulation.get("learned")
    words = size(stated) if stated else "not stated"
    if not learned:
        return words
    runs = "the run" if learned["runs"] == 1 else f"the {learned['runs']} runs"
    return f"{words}; {runs} seen took {size(learned['peak'])} at most"


def _runs(run: Run) -> str:
    """Whether its runs go side by side, and in which folder they work."""
    where = {"fresh": ", each in a folder of its own", "shared": ", all in one folder"}
    return run["why"] or run["manner"] + where.get(run["workspace"] or "", "")


def _limit(seconds: float | None) -> str:
    if seconds is None:
        return "that of the settings"
    return duration(seconds) if seconds else "none"


def _row(name: str, rule: dict[str, Any], required: bool) -> list[str | Text]:
    default = json.dumps(rule["default"], ensure_ascii=False) if "default" in rule else NOTHING
    meaning = rule.get("description") or rule.get("title") or ""
    unit = rule.get("unit")
    values = allowed(rule) + (f" {unit}" if unit and unit != "1" else "")
    return [name, values, "required" if required and "default" not in rule else default, meaning]


def allowed(rule: dict[str, Any]) -> str:
    """What a parameter may be, in words: "reference, net-zero", "number, 0 to 500"."""
    if "enum" in rule:
        return ", ".join(choice if isinstance(choice, str) else json.dumps(choice) for choice in rule["enum"])
    kind = rule.get("type", "any")
    words = kind if isinstance(kind, str) else " or ".join(kind)
    low, high = (
        next((rule[key] for key in keys if key in rule), None)
        for keys in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
    )
    if low is not None and high is not None:
        return f"{words}, {low:g} to {high:g}"
    if low is not None:
        return f"{words}, {low:g} or more"
    return f"{words}, at most {high:g}" if high is not None else words
