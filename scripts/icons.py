"""Draws the icon anew: `.venv/bin/python scripts/icons.py`, after a change of electron/pages/steelyard.svg.

That file is the one drawing, written by hand. Pages show it as it is; Electron's windows and trays and the
icons of a package have to be PNGs, which this makes beside it. They are committed: the program from source
needs them and has no Pillow. The drawing keeps to <rect>, <circle>, <line> and <polygon>.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "electron" / "pages"
DRAWING = PAGES / "steelyard.svg"
FAVICON = ROOT / "backend" / "steelyard" / "web" / "static" / "steelyard.svg"
SIZES = {PAGES / "icon.png": 512, PAGES / "tray.png": 32}
"""electron-builder makes the icons of all systems of one of 512 pixels."""
FINER = 8
"""It is drawn so many times larger than the largest, without smoothing, and then shrunk."""


def draw(size: int) -> Image.Image:
    """The icon with so many pixels on each side."""
    root = ElementTree.fromstring(DRAWING.read_text(encoding="utf-8"))
    units = float(root.attrib["viewBox"].split()[2])
    large = min(size * FINER, 2048)
    image = Image.new("RGBA", (large, large))
    pen = ImageDraw.Draw(image)
    for element in root:
        _draw(pen, element, large / units)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _draw(pen: ImageDraw.ImageDraw, element: ElementTree.Element, scale: float) -> None:
    def of(name: str) -> float:
        return float(element.get(name, "0")) * scale

    def colour(name: str) -> str | None:
        found = element.get(name, "none")
        return None if found == "none" else found

    fill, stroke, width = colour("fill"), colour("stroke"), of("stroke-width")
    match element.tag.rpartition("}")[2]:
        case "rect":
            x, y = of("x"), of("y")
            pen.rounded_rectangle((x, y, x + of("width"), y + of("height")), of("rx"), fill)
        case "circle":
            radius = of("r") + width / 2
            box = _around(of("cx"), of("cy"), radius)
            pen.ellipse(box, fill, stroke, round(width) if stroke else 0)
        case "line":
            _line(pen, [(of("x1"), of("y1")), (of("x2"), of("y2"))], stroke, width)
        case "polygon":
            pairs = [pair.split(",") for pair in element.attrib["points"].split()]
            points = [(float(x) * scale, float(y) * scale) for x, y in pairs]
            pen.polygon(points, fill)
            _line(pen, [*points, points[0]], stroke, width)
        case other:
            raise ValueError(f"{DRAWING.name}: <{other}> cannot be drawn")


def _line(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: Any, width: float) -> None:
    """With round ends and corners."""
    pen.line(points, colour, round(width))
    for x, y in points:
        pen.ellipse(_around(x, y, width / 2), colour)


def _around(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return (x - radius, y - radius, x + radius, y + radius)


def png(size: int) -> bytes:
    """The icon as a file."""
    out = io.BytesIO()
    draw(size).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    """Writes all of them."""
    for path, size in SIZES.items():
        path.write_bytes(png(size))
        print(f"{path.relative_to(ROOT)}: {size} x {size}, {path.stat().st_size} bytes")
    FAVICON.write_bytes(DRAWING.read_bytes())


if __name__ == "__main__":
    main()
