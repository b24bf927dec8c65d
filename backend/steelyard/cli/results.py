"""`steelyard results`: what came of a sweep."""

from __future__ import annotations

import click

from steelyard.cli import completing, result_table, sweep_ids
from steelyard.cli.session import Session, connected
from steelyard.client.answers import Result
from steelyard.rules import figures


@click.command(short_help="Show what came of a sweep: parameters against results.")
@click.argument("sweep_id", metavar="SWEEP_ID", shell_complete=completing.sweeps)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: every parameter, every number.")
@connected
def results(session: Session, sweep_id: str, as_csv: bool) -> None:
    """Show what came of a sweep: the parameters that differ against the numbers of each result.json.

    Tasks that have not ended are in it too, without numbers.

    \b
    Examples:
      steelyard results 9f2c41aa03de
      steelyard results 9f2c41aa03de --csv > results.csv
    """
    sweep_id = sweep_ids.resolve(session.client, sweep_id)
    found = session.client.results(sweep_id)
    if session.out.as_json:
        session.out.document({"sweep_id": sweep_id, "results": [_as_json(one) for one in found]})
    elif as_csv:
        session.out.text(result_table.as_csv(found))
    else:
        result_table.show(session, found)
        waiting = _waiting(found)
        if waiting:
            session.out.hint(f"{waiting} have not ended: steelyard sweeps show {sweep_id} --wait")


def _as_json(one: Result) -> dict[str, object]:
    """JSON has no digits for NaN and infinities: null among the numbers; `result` spells them."""
    return {**one, "numbers": {name: figures.finite(value) for name, value in one["numbers"].items()}}


def _waiting(found: list[Result]) -> int:
    return sum(one["state"] in ("READY", "RUNNING") for one in found)
