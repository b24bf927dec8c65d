"""Which samples of an attempt are kept."""

from __future__ import annotations

from steelyard.rules.samples import MAX_POINTS, thin


def test_thinning_keeps_order_ends_and_the_peak() -> None:
    points = [(float(n), 1000 if n == 777 else n % 7, 0.0) for n in range(3601)]
    kept = thin(points)
    assert 250 < len(kept) <= MAX_POINTS
    assert kept == sorted(kept) and (777.0, 1000, 0.0) in kept
    assert thin(points[:500]) == points[:500]
