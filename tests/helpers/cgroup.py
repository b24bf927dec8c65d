"""A control group with a memory limit of its own; a test that cannot have one is skipped by name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from bench.limited import CannotLimit, Limited
from bench.limited import limited as make_limited

__all__ = ["Limited", "limited"]


@contextlib.contextmanager
def limited(size: int) -> Iterator[Limited]:
    """A group of `size` bytes below our own. Skips the test where none can be made."""
    with contextlib.ExitStack() as stack:
        try:
            group = stack.enter_context(make_limited(size))
        except CannotLimit as error:
            pytest.skip(str(error))
        yield group
