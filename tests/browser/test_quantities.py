"""The scripts say sizes, durations and moments in the words of the server."""

from __future__ import annotations

import random
from collections.abc import Callable

from playwright.sync_api import BrowserContext

from steelyard.rules.quantities import format_duration, format_size
from steelyard.web.pages import wording
from tests.browser.panel import Panel
from tests.helpers.edge import running_edge

SIZES = [0, 1, 1023, 1024, 1535, 102_349, 1_048_575, 1_048_576, 8 * 2**30, 5 * 2**40, 2**53, -3 * 2**30]
DURATIONS = [0, 1, 59, 60, 61, 3599, 3600, 3661, 86_399, 86_400, 90_061, 172_800, 31_536_000]
CALL = "async ([name, values]) => values.map((await import('/static/quantities.js'))[name])"


def test_scripts_and_server_say_the_same(new_context: Callable[..., BrowserContext]) -> None:
    dice = random.Random(7)
    sizes = SIZES + [dice.randrange(2**40) >> dice.randrange(30) for _ in range(300)]
    durations = DURATIONS + [dice.randrange(400_000) for _ in range(300)]
    fractions = [0.0, 0.29, 0.42, 0.57, 0.999, 1.0]
    with running_edge() as edge:
        page = Panel(new_context()).open(edge.call(edge.access.new_link)).page
        assert page.evaluate(CALL, ["formatSize", sizes]) == [format_size(one) for one in sizes]
        assert page.evaluate(CALL, ["formatDuration", durations]) == [
            format_duration(one) for one in durations
        ]
        assert page.evaluate(CALL, ["formatPercent", fractions]) == [
            wording.percent(one) for one in fractions
        ]
