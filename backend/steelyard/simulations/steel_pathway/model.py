"""The entry point: `python model.py`, under Steelyard or alone (`python model.py --help`).

It sets two things that must precede numpy, and hands over to `steel_pathway.run`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

# The simulation claims one core, and the linear programs use one. Left alone, BLAS and OpenMP start a
# thread for each core of the machine: several runs side by side would then slow each other down, and sums
# could differ between machines.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[variable] = "1"

# Python put this file's folder first; its parent takes the place, so that the modules here are a package
# and none of their short names (`data`, `run`) can hide another module.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

UNAVAILABLE = 69
"""Exit code where this Python cannot run the model (EX_UNAVAILABLE of sysexits.h)."""


def lacking() -> str:
    """What this Python lacks for the model, as one sentence; empty if it has all."""
    need = ("numpy", "scipy", "matplotlib")
    missing = [name for name in need if importlib.util.find_spec(name) is None]
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python is what this is for
        found = ".".join(str(part) for part in sys.version_info[:3])
        what = f"needs Python 3.11 or later, and {sys.executable} is {found}"
        remedy = "Name another"
    elif missing:
        what = f"needs {', '.join(missing)} in the Python that runs it ({sys.executable})"
        remedy = f"Install: {sys.executable} -m pip install {' '.join(missing)}. Or name another"
    else:
        return ""
    return (
        f"steel-pathway {what}. {remedy} Python, one that has {', '.join(need)}, "
        "in Steelyard's preferences (python) or in STEELYARD_PYTHON."
    )


if __name__ == "__main__":
    if lacking():
        print(lacking(), file=sys.stderr, flush=True)
        sys.exit(UNAVAILABLE)
    sys.exit(importlib.import_module("steel_pathway.run").main())
