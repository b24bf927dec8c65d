"""A regular expression that somebody else wrote: what it is, or in words why it is none."""

from __future__ import annotations

import re
import warnings


def compiled(text: str) -> re.Pattern[str]:
    """The pattern. ValueError, in words, for what is none.

    What a later Python may read differently (FutureWarning) is one today, and nobody is there to be warned.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"expected a regular expression: {error}") from None
