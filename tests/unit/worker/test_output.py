"""The relay of a task's output: what it reports, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from steelyard.worker.journal import Journal
from steelyard.worker.orders import Order
from steelyard.worker.output import Relay
from tests.fakes.clocks import FakeClocks
from tests.unit.worker.test_orders import START


class Reports:
    """Where a Relay reports to."""

    def __init__(self, folder: Path, pattern: str | None = None, total: float | None = None) -> None:
        self.clocks = FakeClocks()
        self.told: list[tuple[str, dict[str, object]]] = []
        order = Order({**START, "folder": str(folder), "pattern": pattern, "total": total})
        self.relay = Relay(order, self.clocks, self.tell, self.tell, Journal(self.clocks))

    def tell(self, type_: str, **fields: object) -> None:
        self.told.append((type_, fields))

    def feed(self, data: bytes, after: float = 0.0) -> None:
        self.clocks.advance(after)
        self.relay.feed(data)
        self.relay.turn(self.clocks.awake())

    def rest(self) -> float:
        """Wait for the next moment at which something is due; when that is."""
        due = self.relay.due()
        self.clocks.advance(due - self.clocks.awake())
        self.relay.turn(due)
        return due

    def of(self, type_: str) -> list[dict[str, object]]:
        return [fields for told, fields in self.told if told == type_]


def test_at_most_two_sizes_and_four_fractions_a_second(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    for number in range(1000):
        reports.feed(b"::steelyard progress %.3f step\n" % (number / 1000), after=0.01)
    assert 19 <= len(reports.of("output")) <= 21
    assert 38 <= len(reports.of("progress")) <= 41


def test_the_last_state_is_always_told(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    reports.feed(b"::steelyard progress 0.1 a\n", after=1)
    reports.feed(b"::steelyard checkpointed\n::steelyard progress 0.2 b\n 99")
    # What it said to us is no end of its output that a person would want to read.
    assert reports.relay.close() == " 99"
    assert reports.of("progress")[-1] == {"fraction": 0.2, "message": "b"}
    assert reports.of("checkpointed") == [{}]
    assert reports.of("output")[-1] == {"size": 82}


def test_a_bar_without_a_line_end_is_read_when_it_is_quiet(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    reports.feed(b"\r 42%|####      | 42/1")
    reports.feed(b"00 [00:01<00:02]", after=0.01)
    assert not reports.of("progress")
    assert reports.relay.due() < float("inf")
    reports.clocks.advance(1)
    reports.relay.turn(reports.clocks.awake())
    assert reports.of("progress") == [{"fraction": 0.42, "message": "42/100", "stage": (1, "", 0.42)}]
    assert reports.relay.due() == float("inf")


def test_what_is_full_is_doubted_when_the_task_goes_on(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    reports.feed(b"\r  0%|          | 0/8 ")
    reports.feed(b"\r100%|##########| 8/8 \n", after=1000)
    full = reports.clocks.awake()
    assert reports.of("progress")[-1]["fraction"] == 0.99
    while reports.of("progress")[-1]["fraction"] is not None:
        doubted = reports.rest()
    # It may still write its results: for a twentieth of the time that it has taken.
    assert doubted - full == pytest.approx(50, abs=1)
    assert reports.of("progress")[-1] == {"fraction": None, "message": "8/8", "stage": (1, "", 1.0)}
    assert reports.relay.due() == float("inf")


def test_what_is_not_understood_is_told_while_the_task_runs(tmp_path: Path) -> None:
    reports = Reports(tmp_path, r"step (\d+)")
    for step in (50, 150, 250):
        reports.feed(b"step %d\n" % step, after=1)
        reports.rest()
    assert [fields["text"] for fields in reports.of("remark")] == [
        r"The progress pattern 'step (\d+)' is given up: it found 150, which is no per cent; "
        "[progress] total can say of how many."
    ]
    # 0.5 was told, and is so no longer.
    assert [fields["fraction"] for fields in reports.of("progress")] == [0.5, None]


def test_a_total_comes_with_the_order(tmp_path: Path) -> None:
    reports = Reports(tmp_path, r"step (\d+)", total=500)
    for step in (50, 150, 250):
        reports.feed(b"step %d\n" % step, after=1)
    reports.rest()
    assert reports.of("progress")[-1]["fraction"] == 0.5 and not reports.of("remark")


def test_nothing_is_due_without_output(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    assert reports.relay.due() == float("inf")
    reports.feed(b"")
    assert reports.relay.due() == float("inf")


def test_the_tail_of_much_output_begins_with_a_whole_line(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    for number in range(5000):
        reports.feed(b"%030d\n" % number)
    tail = reports.relay.close()
    assert len(tail) == 1000 and tail.endswith(f"{4999:030}\n")
    assert len(reports.relay._raw) <= 65536 + 31
