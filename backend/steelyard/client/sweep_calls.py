"""The routes of sweeps; see calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steelyard.client.answers import Sweep, SweepPage, SweepView
from steelyard.client.bound import Route
from steelyard.client.exchange import Call, field, get, given, post, segment
from steelyard.client.sending import axes_of, rows_of


def _sweep(sweep_id: str, verb: str = "") -> str:
    return f"/api/sweeps/{segment(sweep_id)}/{verb}"


class SweepCalls:
    """Queue many tasks of one simulation together, and act on all of them."""

    @Route
    def sweep(
        self,
        /,
        simulation: str,
        *,
        base: Mapping[str, Any] | None = None,
        grid: Mapping[str, Iterable[Any]] | None = None,
        rows: Iterable[Mapping[str, Any]] | None = None,
        ordered: bool = False,
        name: str | None = None,
        key: str | None = None,
        **options: Any,
    ) -> Call[Sweep]:
        """Queue a task for every combination of grid, or for every one of rows, each over base.

        ordered: keep to that order; else they may run in any. name: for people. The same `key` again answers
        with the sweep that has it (`new` is False); Conflict if that one computes something else. options:
        fields of submit() for all of its tasks.
        """
        body = {
            "simulation": simulation,
            "base": {} if base is None else dict(base),
            "grid": None if grid is None else axes_of(grid),
            "rows": None if rows is None else rows_of(rows),
            "ordered": ordered,
            "name": name,
            "key": key,
            **options,
        }
        return post("/api/sweeps/", body=given(body))

    @Route
    def sweep_page(self, *, limit: int | None = None, cursor: str | None = None) -> Call[SweepPage]:
        """One page of sweeps, newest first; pass its `next` as cursor for the one after."""
        return get("/api/sweeps/", limit=limit, cursor=cursor)

    @Route
    def sweep_view(self, sweep_id: str) -> Call[SweepView]:
        """A sweep as it stands now: how many of its tasks are in each state."""
        return get(_sweep(sweep_id))

    @Route
    def cancel_sweep(self, sweep_id: str) -> Call[int]:
        """End all of its tasks that wait or run; how many."""
        return post(_sweep(sweep_id, "cancel/"), field("cancelled"))

    @Route
    def retry_sweep(self, sweep_id: str, *, states: Sequence[str] | None = None) -> Call[int]:
        """Queue its tasks that FAILED or were CANCELLED again, or only those in one of states; how many."""
        body = given({"states": None if states is None else list(states)})
        return post(_sweep(sweep_id, "retry/"), field("retried"), body)
