"""The entry point: `python model.py`, under Steelyard or alone (`python model.py --help`).

It sets two things that must precede numpy, and hands over to `steel_pathway.run`.
"""

from __future__ import annotations

import importlib
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

if __name__ == "__main__":
    sys.exit(importlib.import_module("steel_pathway.run").main())
