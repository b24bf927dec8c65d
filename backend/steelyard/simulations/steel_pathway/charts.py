"""Three charts for a slide: who makes the world's steel, what it emits, what a tonne costs.

The title of each says what the scenario shows, in figures; areas carry their names; the colours are Okabe
and Ito's, which people with any kind of colour vision tell apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .data import FIRST_YEAR, LAST_YEAR, YEARS, Floats
from .parameters import Parameters
from .records import COSTS, Records
from .technologies import Route

ROUTES = {
    "bf_bof": ("Blast furnace", "#4d4d4d"),
    "bf_bof_ccs": ("Blast furnace, capture", "#999999"),
    "dri_gas": ("DRI, natural gas", "#e69f00"),
    "dri_h2": ("DRI, hydrogen", "#56b4e9"),
    "scrap_eaf": ("Scrap", "#009e73"),
}
"""Name and colour of each route, from the ground up."""
PARTS = {
    "capital": ("Capital", "#999999"),
    "materials_energy": ("Ore and energy", "#0072b2"),
    "scrap": ("Scrap", "#009e73"),
    "operations": ("Running the plant", "#56b4e9"),
    "freight": ("Freight", "#f0e442"),
    "carbon": ("Carbon price", "#d55e00"),
}
"""Name and colour of each part of the cost, from the ground up."""
INK, PALE = "#222222", "#6b6b6b"
SOURCE = "steel-pathway. Demand and scrap: MPP 2022; production and CO₂ in 2020: World Steel Association."


def draw_charts(records: Records, table: list[Route], parameters: Parameters, directory: Path) -> None:
    """Writes production.png, emissions.png and cost.png, 1600 by 900 pixels."""
    names = [ROUTES[route.key] for route in table]
    scenario = (
        f"{parameters.pathway} pathway · carbon {parameters.carbon_price_2050:g} USD/t and hydrogen "
        f"{parameters.hydrogen_price_2050:g} USD/kg in 2050"
    )
    production, emissions = records.of_routes("production_mt"), records.of_routes("emissions_mt")
    title, subtitle = _production_title(production, table), f"Crude steel, Mt a year; {scenario}"
    _save(_stack(production, names, title, subtitle, "Mt"), directory / "production.png")
    title, subtitle = _emissions_title(emissions), f"CO₂ of steelmaking, Mt a year; {scenario}"
    _save(_stack(emissions, names, title, subtitle, "Mt"), directory / "emissions.png")
    order = [COSTS.index(part) for part in PARTS]
    cost = records.cost_per_tonne()[:, order]
    subtitle = f"World average, 2020 USD per tonne of crude steel; {scenario}"
    _save(_stack(cost, list(PARTS.values()), _cost_title(cost), subtitle, "USD"), directory / "cost.png")


def _production_title(production: Floats, table: list[Route]) -> str:
    keys = [route.key for route in table]
    share = production / production.sum(axis=1, keepdims=True)
    blast = share[:, keys.index("bf_bof")] + share[:, keys.index("bf_bof_ccs")]
    scrap = share[:, keys.index("scrap_eaf")]
    verb = "rises" if scrap[-1] >= scrap[0] else "falls"
    return (
        f"Steel from scrap {verb} to {scrap[-1]:.0%} in {LAST_YEAR}; "
        f"blast furnaces go from {blast[0]:.0%} to {blast[-1]:.0%}"
    )


def _emissions_title(emissions: Floats) -> str:
    total = emissions.sum(axis=1)
    change = total[-1] / total[0] - 1.0
    verb = "fall" if change < 0 else "rise"
    return (
        f"Emissions {verb} by {abs(change):.0%} to {total[-1] / 1000:.1f} Gt in {LAST_YEAR}; "
        f"{total.sum() / 1000:.0f} Gt over the {len(total)} years"
    )


def _cost_title(cost: Floats) -> str:
    total = cost.sum(axis=1)
    carbon = cost[-1, list(PARTS).index("carbon")]
    change = total[-1] / total[0] - 1.0
    verb = "more" if change >= 0 else "less"
    tail = f", {carbon:,.0f} of it for carbon" if carbon >= 0.5 else ""
    now = f"A tonne costs {total[-1]:,.0f} USD in {LAST_YEAR}{tail}"
    return f"{now}: {abs(change):.0%} {verb} than in {FIRST_YEAR}"


def _stack(values: Floats, names: list[tuple[str, str]], title: str, subtitle: str, unit: str) -> Figure:
    """Stacked areas `[year, part]` with their names at the right edge and the total as a line."""
    figure = Figure(figsize=(16, 9), dpi=100, facecolor="white")
    axes = figure.add_axes((0.06, 0.11, 0.69, 0.70))
    total = values.sum(axis=1)
    axes.stackplot(YEARS, values.T, colors=[colour for _, colour in names], edgecolor="white", linewidth=0.8)
    axes.plot(YEARS, total, color=INK, linewidth=2.5)
    top = float(total.max()) * 1.08
    axes.set_xlim(FIRST_YEAR, LAST_YEAR)
    axes.set_ylim(0, top)
    _mark_total(axes, total, unit, top)
    _name_areas(axes, values, names, top, unit)
    _plain(axes)
    figure.text(0.06, 0.925, title, fontsize=24, fontweight="bold", color=INK, va="center")
    figure.text(0.06, 0.865, subtitle, fontsize=16, color=PALE, va="center")
    figure.text(0.06, 0.025, SOURCE, fontsize=11, color=PALE, va="center")
    return figure


def _mark_total(axes: Axes, total: Floats, unit: str, top: float) -> None:
    """Dots at both ends of the total, and the first value, above what the line does in the years under
    the words."""
    axes.plot(YEARS[[0, -1]], total[[0, -1]], "o", color=INK, markersize=9, clip_on=False, zorder=5)
    height = float(total[:5].max()) + top * 0.02
    words = f"{total[0]:,.0f} {unit}"
    axes.text(FIRST_YEAR, height, words, fontsize=17, fontweight="bold", color=INK, va="bottom")


def _name_areas(axes: Axes, values: Floats, names: list[tuple[str, str]], top: float, unit: str) -> None:
    """Writes each area's name and its last value beside its right edge, moved apart where areas are thin.

    An area that is nothing in 2050 is named inside itself, where it is thickest, if that is thick enough
    to read.
    """
    upper = values.cumsum(axis=1)
    middle = upper - values / 2.0
    small = top * 0.004
    at_edge = [part for part in range(len(names)) if values[-1, part] > small]
    total = float(upper[-1, -1])
    *heights, above = _apart([*(float(middle[-1, part]) for part in at_edge), total], top * 0.052)
    words = f"All  {total:,.0f} {unit}"
    axes.text(LAST_YEAR + 1.2, above, words, fontsize=17, fontweight="bold", color=INK, va="center")
    for part, height in zip(at_edge, heights, strict=True):
        name, colour = names[part]
        axes.plot(
            [LAST_YEAR, LAST_YEAR + 0.6, LAST_YEAR + 0.9],
            [middle[-1, part], height, height],
            color=colour,
            linewidth=2.0,
            clip_on=False,
        )
        text = f"{name}  {values[-1, part]:,.0f} {unit}"
        axes.text(LAST_YEAR + 1.2, height, text, fontsize=16, color=INK, va="center")
    for part in set(range(len(names))) - set(at_edge):
        year = int(np.argmax(values[:, part]))
        if values[year, part] > top * 0.06:
            name, colour = names[part]
            year = min(max(year, 4), len(YEARS) - 5)
            ink = "white" if colour in ("#4d4d4d", "#0072b2", "#009e73") else INK
            axes.text(YEARS[year], middle[year, part], name, fontsize=16, color=ink, ha="center", va="center")


def _apart(heights: list[float], gap: float) -> list[float]:
    """The ascending heights, moved up as little as keeps neighbours `gap` apart, then down as a whole to
    the middle."""
    placed: list[float] = []
    for height in heights:
        placed.append(height if not placed else max(height, placed[-1] + gap))
    shift = sum(new - old for new, old in zip(placed, heights, strict=True)) / max(len(placed), 1)
    lowest = placed[0] - gap / 2 if placed else 0.0
    return [height - min(shift, max(lowest, 0.0)) for height in placed]


def _plain(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
    axes.tick_params(labelsize=15, colors=PALE, length=0, pad=8)
    axes.set_xticks(range(FIRST_YEAR, LAST_YEAR + 1, 5))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y", color="white", linewidth=0.8, alpha=0.5)


def _save(figure: Figure, path: Path) -> None:
    # Without the version of matplotlib in the file, equal figures are equal bytes.
    figure.savefig(path, metadata={"Software": None})
