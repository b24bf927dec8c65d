"""The one error of the demonstration: everything a person has to be told ends up as this."""

from __future__ import annotations


class DemoError(Exception):
    """What went wrong and what to do about it, in words for a person."""
