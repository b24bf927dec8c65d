"""Copies what the pages need out of `node_modules` into `backend/steelyard/web/static/vendor/`.

Only the minified files that a page loads, and the licence of each, are copied; the folder is not committed.
`npm ci --ignore-scripts` comes first (`start.py` calls both). Standard library only. Run alone:
`python3 scripts/assets.py`.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "backend" / "steelyard" / "web" / "static" / "vendor"

FILES = {
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "idiomorph-ext.min.js": "idiomorph/dist/idiomorph-ext.min.js",
    "uplot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
}
"""The name in `vendor/` and where npm puts it."""

LICENCES = {
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "idiomorph.LICENSE.txt": "idiomorph/LICENSE",
    "uplot.LICENSE.txt": "uplot/LICENSE",
}
"""The same for licences. Tabler's package holds none: see `_tabler_licence`."""

TABLER_LICENCE = "tabler.LICENSE.txt"

_SOURCE_MAP = re.compile(rb"\n?(//# sourceMappingURL=\S+|/\*# sourceMappingURL=.*?\*/)\s*\Z")

_MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction, including
without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the
following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO
EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER
IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR
THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


class AssetsError(Exception):
    """A file that npm should have installed is not there."""


def complete() -> bool:
    """Whether every asset and licence is in place."""
    return all((VENDOR / name).is_file() for name in (*FILES, *LICENCES, TABLER_LICENCE))


def copy() -> None:
    """Fills `vendor/` anew. Raises AssetsError, with the old folder untouched, where a source is missing."""
    sources = {name: MODULES / path for name, path in {**FILES, **LICENCES}.items()}
    missing = [str(path.relative_to(ROOT)) for path in sources.values() if not path.is_file()]
    if missing:
        raise AssetsError(f"npm did not install {', '.join(missing)}")
    fresh = VENDOR.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, path in sources.items():
        (fresh / name).write_bytes(_without_source_map(path.read_bytes()))
    (fresh / TABLER_LICENCE).write_text(_tabler_licence(sources["tabler.min.css"]), encoding="utf-8")
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.replace(VENDOR)


def _without_source_map(content: bytes) -> bytes:
    """The file without its last line's pointer to a map that is not copied: browsers would ask for it."""
    return _SOURCE_MAP.sub(b"\n", content)


def _tabler_licence(css: Path) -> str:
    """The MIT licence with the copyright lines that Tabler keeps at the top of its style sheet."""
    head = css.read_text(encoding="utf-8")[:1000]
    holders = [line.strip(" *") for line in head.splitlines() if line.strip(" *").startswith("Copyright")]
    if not holders:
        raise AssetsError("Tabler's style sheet no longer names who holds its copyright")
    return "The MIT License (MIT)\n\n" + "\n".join(holders) + "\n\n" + _MIT


if __name__ == "__main__":
    try:
        copy()
    except AssetsError as error:
        sys.exit(f"{error}. First: npm ci --ignore-scripts")
    print(f"{len(FILES)} files and their licences: {VENDOR.relative_to(ROOT)}")
