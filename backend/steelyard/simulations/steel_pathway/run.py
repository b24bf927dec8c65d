"""One run from start to end: the years in order, a checkpoint after each, then tables, charts and the result.

This is the only module that speaks to Steelyard (through `steelyard_task`); the model below it knows
nothing of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import checkpoint
from .charts import draw_charts
from .data import FIRST_YEAR, LAST_YEAR, YEARS
from .parameters import BadParameter, Parameters, checked, from_command_line
from .pathway import Pathway
from .problem import NoSolution
from .records import summary, write_tables

try:
    import steelyard_task
except ImportError:
    # Run by hand from the source tree: the helper lies in backend/. Under Steelyard it is on PYTHONPATH.
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    import steelyard_task

STOPPED = 75
"""Exit code of a run that was asked to stop and can be resumed (EX_TEMPFAIL of sysexits.h)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one scenario; returns the exit code: 0 done, 75 stopped, 2 a wrong parameter, 1 no solution."""
    given, output = from_command_line(sys.argv[1:] if arguments is None else arguments)
    if output is not None:
        os.environ["STEELYARD_OUTPUT_DIR"] = str(Path(output).resolve())
        os.environ["STEELYARD_CHECKPOINT_DIR"] = str(Path(output).resolve() / "checkpoint")
    directory = Path(os.environ.get("STEELYARD_OUTPUT_DIR", "."))
    directory.mkdir(parents=True, exist_ok=True)
    Path(os.environ.get("STEELYARD_CHECKPOINT_DIR", ".")).mkdir(parents=True, exist_ok=True)
    try:
        parameters = checked({**steelyard_task.parameters(), **given})
        return _run(parameters, directory)
    except (BadParameter, NoSolution, checkpoint.WrongCheckpoint) as error:
        print(f"steel-pathway: {error}", file=sys.stderr, flush=True)
        return 2 if isinstance(error, BadParameter) else 1


def _run(parameters: Parameters, directory: Path) -> int:
    pathway = Pathway(parameters)
    problem = pathway.problem
    print(f"{problem.rows} rows, {problem.columns} columns, {problem.nonzeros} non-zeros a year", flush=True)
    kept = Path(steelyard_task.checkpoint_dir())
    identity: dict[str, object] = dict(parameters.as_dict())
    found = checkpoint.load(kept, identity)
    first = FIRST_YEAR
    if found is not None:
        first, arrays = found
        pathway.restore(arrays)
        print(f"resuming at {first}", flush=True)
    for year in range(first, LAST_YEAR + 1):
        if steelyard_task.stopping():
            print(f"asked to stop: {year} is next, the checkpoint is written", flush=True)
            return STOPPED
        steelyard_task.progress((year - FIRST_YEAR) / len(YEARS), f"year {year} of {LAST_YEAR}")
        pathway.advance(year)
        checkpoint.save(kept, identity, year + 1, pathway.state())
        steelyard_task.checkpointed()
    steelyard_task.progress(1.0, "tables and charts")
    write_tables(pathway.records, pathway.areas, pathway.table, directory)
    draw_charts(pathway.records, pathway.table, parameters, directory)
    numbers: dict[str, object] = dict(summary(pathway.records, pathway.table))
    size = {"rows": problem.rows, "columns": problem.columns, "nonzeros": problem.nonzeros}
    steelyard_task.result({**numbers, **size})
    return 0
