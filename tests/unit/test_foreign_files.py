"""Files that somebody else may have written are read in one place: machine/regular_files.

A named pipe under a file's name stops whoever opens it, a link leads anywhere, and a large file fills the
memory. So whoever reads a file by itself is named here, with the reason why it may.
"""

from __future__ import annotations

import ast
from pathlib import Path

from tests.helpers.layers import PACKAGE

READS = frozenset({"read_text", "read_bytes", "open", "fdopen"})

KERNEL = "the kernel's own files"
MAY = {
    "machine/regular_files.py": "the one place",
    "machine/cgroups.py": KERNEL,
    "machine/containment/held.py": KERNEL,
    "machine/containment/linux_ties.py": KERNEL,
    "machine/memory/linux.py": KERNEL,
    "machine/memory/oom.py": KERNEL,
    "machine/process_table/linux.py": KERNEL,
    "machine/processes/cores.py": KERNEL,
    "machine/processes/linux.py": KERNEL,
    "machine/shared_memory.py": KERNEL,
    "machine/task_groups.py": KERNEL,
    "machine/copying.py": "copies regular files, and opens each without waiting",
    "machine/lock.py": "opens the lock to hold it",
    "machine/logs.py": "writes logs, and copies its own when it rotates them",
    "machine/private_files.py": "writes",
    "supervisor/launch.py": "reads steelyard_task.py, which is shipped",
    "supervisor/spawn.py": "writes a worker's log",
    "worker/agent.py": "writes its log",
    "worker/launching.py": "makes the stop file",
    "store/backups.py": "writes backups",
    "store/opening.py": "makes the database's file",
    "client/downloads.py": "writes",
    "cli/app.py": "opens the null device",
    "cli/new_simulation.py": "writes the file of a new simulation",
    "cli/open.py": "opens a browser",
    "cli/repairs.py": "makes a backup last",
    "cli/sidecar.py": "opens the database",
    "cli/sidecar_log.py": "writes the sidecar's log",
    "cli/system.py": "writes the diagnostics",
    "cli/values.py": "reads what a person names on the command line, pipes of a shell too",
    "web/app.py": "opens connections, no file",
}
PROGRAMS = "simulations/"
"""Shipped simulations run in processes of their own."""


def readers(path: Path) -> list[str]:
    """The calls in a module that open or read a file, whatever they are called on."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in READS:
                found.append(f"line {node.lineno}: {ast.unparse(node.func)}")
    return found


def modules() -> dict[str, list[str]]:
    return {
        path.relative_to(PACKAGE).as_posix(): readers(path)
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.relative_to(PACKAGE).as_posix().startswith(PROGRAMS)
    }


def test_a_file_is_read_in_the_one_place_or_named_here() -> None:
    others = {name: calls for name, calls in modules().items() if calls and name not in MAY}
    assert others == {}, "read them with machine.regular_files, or say above why they may"


def test_every_exception_is_still_needed() -> None:
    found = modules()
    assert [name for name in MAY if not found.get(name)] == []


def test_it_finds_what_it_looks_for(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("open(x)\np.read_text()\nPath(p).open('rb')\nos.open(p, 0)\nreopen(x)\nread_json(x)\n")
    assert [call.partition(":")[0] for call in readers(path)] == [f"line {number}" for number in (1, 2, 3, 4)]
