"""A folder on a disk that never answers, as a dead network drive: every look into it waits until killed.

It is a file system of FUSE that nobody serves. Only the sidecar under test and its children see it: it is
mounted in a namespace of their own, and gone with them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_UNANSWERED = """
import ctypes, os, sys

def hang(folder):
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name, *arguments):
        if getattr(libc, name)(*arguments):
            raise OSError(ctypes.get_errno(), name)

    new_namespace, recursive, private = 0x20000, 0x4000, 1 << 18
    call("unshare", new_namespace)
    call("mount", None, b"/", None, recursive | private, None)
    nobody = os.open("/dev/fuse", os.O_RDWR)
    os.set_inheritable(nobody, True)
    options = f"fd={nobody},rootmode=40000,user_id=0,group_id=0"
    call("mount", b"nobody", os.fsencode(folder), b"fuse", 0, options.encode())

hang(sys.argv.pop(1))
"""


def sidecar_program(folder: Path, path: Path) -> list[str]:
    """The command of a sidecar for which `folder` hangs; path: where its program is written."""
    folder.mkdir(exist_ok=True)
    path.write_text(f"{_UNANSWERED}\nfrom steelyard.cli.app import main\nsys.exit(main())\n")
    return [sys.executable, str(path), str(folder)]


def skip_if_none_can_be_had(folder: Path) -> None:
    """Skip the test where no such folder can be mounted."""
    folder.mkdir(exist_ok=True)
    tried = subprocess.run([sys.executable, "-c", _UNANSWERED, str(folder)], capture_output=True, timeout=60)
    if tried.returncode:
        pytest.skip("a disk that hangs can only be mounted by root on Linux")
