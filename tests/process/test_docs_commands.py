"""Every ```sh block of the documents is run as it stands, in its document's order, before a real sidecar.

A document's blocks share one folder (with the checkout's `.venv` and `backend`), one shell's variables and
one sidecar. What cannot be run says why, in a comment (see tests.helpers.documents).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.documents import DOCUMENTS, ROOT, Block, blocks
from tests.helpers.sidecar import RunningSidecar, environment

RUN = {path: [one for one in blocks(path) if one.kind == "sh" and not one.excuse] for path in DOCUMENTS}
_MARK = "##block"
WORKERS = {"README.md": "2"}
"""How many workers a document's own `steelyard serve`, which is not run, would have started."""


def script(commands: list[Block]) -> str:
    """One script of all blocks: it ends at the first one whose last command ends otherwise than it says."""
    lines = ["set -u"]
    for one in commands:
        lines += [f"echo '{_MARK} {one.line}'", "set -e" if one.status == 0 else "set +e"]
        lines += [one.text.rstrip("\n"), "found=$?; set +e"]
        lines += [f'[ "$found" -eq {one.status} ] || {{ echo "status $found, not {one.status}"; exit 99; }}']
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("document", [path for path in RUN if RUN[path]], ids=lambda path: path.name)
def test_the_commands_of_a_document_work(document: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".venv").symlink_to(sys.prefix)
    (home / "backend").symlink_to(ROOT / "backend")
    # Where Steelyard looks by itself: whoever follows a document has set no variable.
    shares = home / ".local" / "share"
    data = shares / "Steelyard"
    workers = ("--workers", WORKERS.get(document.name, "0"))
    with RunningSidecar(data, *workers, HOME=str(home)) as sidecar:
        assert sidecar.record["token"]
        own = environment(HOME=str(home), XDG_DATA_HOME=str(shares), NO_COLOR="1")
        own["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), own["PATH"]])
        (tmp_path / "script.sh").write_text(script(RUN[document]))
        found = subprocess.run(
            ["bash", str(tmp_path / "script.sh")],
            cwd=home,
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
    assert found.returncode == 0, f"{document.name}, the block after the last {_MARK}:\n{found.stdout}"
    assert found.stdout.count(_MARK) == len(RUN[document])
