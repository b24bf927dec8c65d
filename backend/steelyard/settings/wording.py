"""The small words of refusals: what was found, cut; what was probably meant; one full stop."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable


def shown(value: object, most: int = 80) -> str:
    """A value for a sentence, as JSON where it is JSON, cut: it came from outside."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    return text if len(text) <= most else text[: most - 3] + "..."


def suggestion(word: object, known: Iterable[str]) -> str:
    """The words "; did you mean memory?", or none if no known word is close."""
    close = difflib.get_close_matches(str(word)[:80], list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def sentence(text: str) -> str:
    """With its full stop, unless it ends with a mark already."""
    return text if text.endswith(("?", ".")) else f"{text}."
