"""From the click to a usable window, and from Quit to the end, on the tests' Electron; medians as a table.

`.venv/bin/python scripts/bench/desktop.py`; `--sidecar PROGRAM` with another sidecar than the one from
source, for instance the frozen one. Nothing is asserted, machines differ.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import desktop_runtime  # noqa: E402
from tests.desktop.program import Desktop, virtual_screen  # noqa: E402
from tests.helpers.waiting import eventually  # noqa: E402

Figures = dict[str, float]


def once(data: Path, display: str, folder: Path, sidecar: str | None) -> Figures:
    """One start and one quit; seconds from the click, "of ours" from the first line of our own program: what
    lies before is Electron's.
    """
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    more: dict[str, Any] = {"STEELYARD_SIDECAR": sidecar} if sidecar else {}
    command = [str(desktop_runtime.ensure() / "electron"), str(ROOT), *root]
    log = data / "logs" / "electron.log"
    read = len(log.read_text(encoding="utf-8")) if log.exists() else 0
    clicked = time.time()
    with Desktop(command, data, display, folder / "output", **more) as desktop:
        desktop.logged("first page painted")  # Before that nobody looks into the page, which takes time.
        desktop.panel()
        figures = {"usable window": time.monotonic() - desktop.began}
        for name, words in (("window", "window shown after"), ("splash", "first page painted after")):
            line = next(one for one in desktop.log[read:].splitlines() if words in one)
            figures[name] = datetime.fromisoformat(line.split()[0]).timestamp() - clicked
            figures[f"{name}, of ours"] = int(line.split()[-2]) / 1000
        eventually(lambda: "RUNNING" in desktop.page.text("#worker-status"), within=30)
        figures["first worker RUNNING"] = time.monotonic() - desktop.began
        desktop.menu("quit")
        began = time.monotonic()
        desktop.leaves()
        figures["quit, one idle worker"] = time.monotonic() - began
    return figures


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sidecar", help="the program of the sidecar; default: from source")
    parser.add_argument("--times", type=int, default=7, help="warm starts (default: %(default)s)")
    options = parser.parse_args()
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        print("There is no Xvfb.", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="steelyard-bench-"))
    try:
        with virtual_screen(xvfb) as display:
            starts = range(options.times + 1)
            found = [once(folder / "data", display, folder, options.sidecar) for _ in starts]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; the first start, then medians of the others"
    )
    for name in found[0]:
        warm = [one[name] for one in found[1:]]
        print(f"{name:24} {found[0][name]:6.2f} s {statistics.median(warm):6.2f} s (best {min(warm):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
