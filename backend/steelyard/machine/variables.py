"""Variables of the environment: on Windows PATH and Path are the same one, elsewhere they are two.

Light, and free of psutil: a worker loads it at every start.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

_FOLDED = sys.platform == "win32"


def same(name: str, *, folded: bool = _FOLDED) -> str:
    """What two names of one variable have in common."""
    return name.upper() if folded else name


def overlay(*layers: Mapping[str, str | None], folded: bool = _FOLDED) -> dict[str, str | None]:
    """All variables of some layers, later ones over earlier ones and in their spelling; None: taken away."""
    found: dict[str, str | None] = {}
    spelled: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.items():
            found.pop(spelled.get(same(name, folded=folded), name), None)
            spelled[same(name, folded=folded)] = name
            found[name] = value
    return found


def present(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Without those that were taken away."""
    return {name: value for name, value in variables.items() if value is not None}
