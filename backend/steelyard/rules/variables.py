"""Variables of a task's environment: which names they may have, and which we set where nobody else has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

OURS = "STEELYARD_"
"""What begins so is told to an attempt by us alone."""
CORES = "STEELYARD_CORES"

PROGRAMS = ("PATH", "VIRTUAL_ENV", "CONDA_PREFIX")
"""What decides which programs and packages are found."""

LONGEST_NAME, LONGEST_VALUE = 256, 32_767
"""Characters; Windows takes no more of a value."""

_THREADS: Mapping[str, tuple[str, ...]] = {
    "OMP_NUM_THREADS": (),
    "OPENBLAS_NUM_THREADS": ("GOTO_NUM_THREADS", "OMP_NUM_THREADS"),
    "MKL_NUM_THREADS": ("OMP_NUM_THREADS",),
    "NUMEXPR_MAX_THREADS": ("NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS"),
    "VECLIB_MAXIMUM_THREADS": (),
    "JULIA_NUM_THREADS": (),
    "RAYON_NUM_THREADS": (),
}
"""What says how many threads a library starts, and what that library obeys where it is not set: OpenBLAS and
MKL follow OMP_NUM_THREADS, so whoever has set that has set them too.
"""


def wrong_with(name: str, value: str | None) -> str | None:
    """What is wrong with a variable that a person states for tasks; None if nothing is."""
    if not name or "=" in name or "\0" in name or not name.isprintable() or len(name) > LONGEST_NAME:
        return "a variable's name is 1 to 256 characters without = and control characters"
    if name.upper().startswith(OURS):
        return "names that begin with STEELYARD_ are told to a task by Steelyard itself"
    if value is not None and ("\0" in value or len(value) > LONGEST_VALUE):
        return f"a variable's value has at most {LONGEST_VALUE} characters and no NUL"
    return None


def threads(cores: int, is_set: Callable[[str], bool]) -> dict[str, str]:
    """The thread variables of a task that claims so many cores, without those that somebody has set."""
    return {
        name: str(cores)
        for name, follows in _THREADS.items()
        if not is_set(name) and not any(is_set(other) for other in follows)
    }
