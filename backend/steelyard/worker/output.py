"""A task's output on its way: raw into the attempt's log, its end for the row, its progress for people."""

from __future__ import annotations

from collections.abc import Callable

from steelyard.machine.clocks import Clocks
from steelyard.machine.logs import OutputLog
from steelyard.worker.journal import Journal
from steelyard.worker.orders import Order
from steelyard.worker.progress import ProgressReader, Stage
from steelyard.worker.screen import shown

TAIL = 1000
"""Characters of output that end up in the attempt's row."""
_KEEP = 32 * 1024
_PROGRESS_PACE, _OUTPUT_PACE = 0.25, 0.5
_QUIET = 0.05
"""Seconds without output after which a line without its end (a bar's state) is taken to be whole."""
_DOUBT, _DOUBT_SHARE = 5.0, 0.05
"""Seconds, and share of the time until then, after which a bar that is full was not the whole task."""
_NEVER = float("inf")

Report = Callable[..., None]


class Relay:
    """Takes an attempt's output in pieces, reports progress and size, 4 and 2 times a second at most."""

    def __init__(self, order: Order, clocks: Clocks, send: Report, offer: Report, journal: Journal) -> None:
        self._log = OutputLog(order.folder)
        self._clocks = clocks
        self._send, self._offer, self._journal = send, offer, journal
        self._raw = bytearray()
        self._cut = False
        # Not a method of this object: it would hold itself, and its output with it, until the collector came.
        self._progress = ProgressReader(order.pattern, _remarks(order, send, journal), order.total)
        self._began = clocks.awake()
        self._doubt_at = _NEVER
        self._reported: tuple[float | None, str, Stage | None] = (None, "", None)
        self._checkpoints = 0
        self._size = 0
        self._progress_free = self._output_free = -_NEVER
        self._progress_due = self._output_due = _NEVER
        self._fed_at = -_NEVER
        self._told_error = ""
        self._tail: str | None = None

    @property
    def lost(self) -> int:
        """Bytes of output that could not be written to the log."""
        return self._log.lost

    def feed(self, data: bytes) -> None:
        """The next piece of output."""
        if not data:
            return
        self._log.write(data)
        self._tell_errors()
        if self._output_due == _NEVER:
            self._output_due = max(self._output_free, self._clocks.awake())
        if self._tail is not None:
            return
        self._raw += data[-_KEEP:]
        self._cut = self._cut or len(data) > _KEEP
        if len(self._raw) > 2 * _KEEP:
            self._cut = True
            del self._raw[:-_KEEP]
        self._progress.feed(data)
        self._fed_at = self._clocks.awake()
        # What is due already stays due: a task that prints all the time would put it off for ever.
        if self._progress_due == _NEVER:
            self._progress_due = max(self._progress_free, self._fed_at + _QUIET)

    def due(self) -> float:
        """Awake time of the next report."""
        return min(self._progress_due, self._output_due, self._doubt_at)

    def turn(self, now: float) -> None:
        """Report what is due."""
        if now >= self._progress_due:
            self._progress_due, self._progress_free = _NEVER, now + _PROGRESS_PACE
            if now - self._fed_at >= _QUIET:
                self._progress.settle()
            elif self._progress.is_unsettled:
                self._progress_due = now + _PROGRESS_PACE
            self._report_progress(self._offer)
        self._doubt_what_is_full(now)
        if now >= self._output_due:
            self._output_due, self._output_free = _NEVER, now + _OUTPUT_PACE
            self._report_size(self._offer)

    def settle(self) -> str:
        """The run is over: report its progress. What comes now, from what it left behind, goes into the log
        alone. The run's last characters as a terminal would show them.
        """
        if self._tail is None:
            self._progress.settle()
            self._report_progress(self._send)
            self._progress_due = self._doubt_at = _NEVER
            self._tail = shown(bytes(self._raw), TAIL, cut=self._cut)
            self._raw.clear()
        return self._tail

    def close(self) -> str:
        """Report the last state of everything; the same characters as settle()."""
        tail = self.settle()
        self._report_size(self._send)
        self._log.close()
        self._output_due = _NEVER
        return tail

    def _report_progress(self, report: Report) -> None:
        progress = self._progress
        progress.reported()
        if progress.checkpoints != self._checkpoints:
            self._checkpoints = progress.checkpoints
            report("checkpointed")
        state = (progress.fraction, progress.message, progress.stage)
        if state != self._reported:
            self._reported = state
            stage = {} if state[2] is None else {"stage": state[2]}
            report("progress", fraction=state[0], message=state[1], **stage)

    def _doubt_what_is_full(self, now: float) -> None:
        """Where the task goes on although its bar is full, nobody knows how far it is."""
        if not self._progress.is_full or self._tail is not None:
            self._doubt_at = _NEVER
        elif self._doubt_at == _NEVER:
            self._doubt_at = now + max(_DOUBT, _DOUBT_SHARE * (now - self._began))
        elif now >= self._doubt_at:
            self._doubt_at = _NEVER
            self._progress.doubt()
            self._report_progress(self._offer)

    def _report_size(self, report: Report) -> None:
        if self._log.size != self._size:
            self._size = self._log.size
            report("output", size=self._size)

    def _tell_errors(self) -> None:
        if self._log.error != self._told_error:
            self._told_error = self._log.error
            self._journal.write(f"output of the task is lost: {self._log.error}")


def _remarks(order: Order, send: Report, journal: Journal) -> Callable[[str], None]:
    """What is told of output that was not understood: it stands in the worker's log and on the task."""

    def remark(sentence: str) -> None:
        journal.write(f"task {order.task_id} attempt {order.attempt}: {sentence}")
        send("remark", text=sentence)

    return remark
