"""A tar.gz and a Debian package of the directory that electron-builder made. Used by scripts/package.py.

electron-builder has targets for both, and fetches 7-Zip and fpm for them from where not every network leads;
Python's tarfile and Debian's own dpkg-deb do without. Standard library only.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from setup_steps import ROOT

PAGES = ROOT / "electron" / "pages"
PROGRAM = "steelyard-desktop"
HOME = "opt/Steelyard"
"""Where Debian's package puts the directory, below /."""
SANDBOX = "chrome-sandbox"
LEVEL = 6
"""Of gzip: the best one takes three times as long, for one part in a hundred."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

POSTINST = f"""#!/bin/sh
# Chromium's sandbox: where users may make no namespaces of their own, this helper makes them.
set -e
if [ "$1" = configure ]; then
    chmod 4755 "${{DPKG_ROOT:-}}/{HOME}/{SANDBOX}"
fi
"""


class ArchiveError(Exception):
    """An archive that could not be made. The message is for a person."""


def tar(directory: Path, place: Path, *, level: int = LEVEL) -> Path:
    """A tar.gz in `place`, with all of it in one folder that bears name and version."""
    name = f"steelyard-{version()}"
    made = place / f"{name}-linux-{platform.machine()}.tar.gz"

    def nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        return entry

    with tarfile.open(made, "w:gz", compresslevel=level) as archive:
        archive.add(directory, name, filter=nobodys)
    return made


def deb(directory: Path, place: Path, *, level: int = LEVEL) -> Path:
    """A package for Debian and Ubuntu in `place`. ArchiveError where there is no dpkg-deb."""
    tool = shutil.which("dpkg-deb")
    if tool is None:
        raise ArchiveError("A .deb is made with dpkg-deb, which Debian and Ubuntu have; here it is missing.")
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise ArchiveError(f"Debian's name for {platform.machine()} is not known here.")
    made = place / f"steelyard_{version()}_{architecture}.deb"
    with tempfile.TemporaryDirectory(dir=place, prefix="deb-") as name:
        tree = Path(name) / "steelyard"
        _lay_out(directory, tree, architecture)
        command = [tool, "--root-owner-group", "-Zgzip", f"-z{level}", "--build", str(tree), str(made)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ArchiveError(f"{done.stderr.strip()}\ndpkg-deb failed.")
    return made


def version() -> str:
    """That of the program."""
    return str(_package_json()["version"])


def _lay_out(directory: Path, tree: Path, architecture: str) -> None:
    """What Debian's package holds, as files below `tree`."""
    config = json.loads((ROOT / "electron" / "builder.json").read_text(encoding="utf-8"))
    linux = config["linux"]
    home = tree / HOME
    shutil.copytree(directory, home, symlinks=True, copy_function=link)
    _command(tree, PROGRAM, PROGRAM)
    _command(tree, "steelyard", "resources/sidecar/steelyard")
    _write(tree / f"usr/share/applications/{PROGRAM}.desktop", _desktop_entry(linux))
    icons = tree / "usr/share/icons/hicolor"
    _copy(PAGES / "icon.png", icons / f"512x512/apps/{PROGRAM}.png")
    _copy(PAGES / "steelyard.svg", icons / f"scalable/apps/{PROGRAM}.svg")
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    bundled = f"What else is bundled: /{HOME}/resources/THIRD-PARTY.txt and /{HOME}/LICENSE*.\n"
    _write(tree / "usr/share/doc/steelyard/copyright", f"{licence}\n{bundled}")
    size = sum(path.lstat().st_size for path in home.rglob("*") if path.is_file())
    _write(tree / "DEBIAN/control", _control(linux, config["deb"], architecture, size))
    _write(tree / "DEBIAN/postinst", POSTINST, 0o755)
    for folder in (tree, *(path for path in tree.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o755)


def _command(tree: Path, name: str, program: str) -> None:
    """A link in /usr/bin, relative: the tree runs wherever it is unpacked."""
    place = tree / "usr" / "bin" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(f"../../{HOME}/{program}")


def _control(linux: dict[str, str], debian: dict[str, list[str]], architecture: str, size: int) -> str:
    fields = {
        "Package": "steelyard",
        "Version": version(),
        "Architecture": architecture,
        "Maintainer": linux["maintainer"],
        "Installed-Size": str(-(-size // 1024)),
        "Depends": ", ".join(debian["depends"]),
        "Section": "science",
        "Priority": "optional",
        "Description": f"{linux['synopsis']}\n {linux['description']}",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def _desktop_entry(linux: dict[str, str]) -> str:
    return "\n".join(
        [
            "[Desktop Entry]",
            "Type=Application",
            "Name=Steelyard",
            f"Comment={linux['synopsis']}",
            f"Exec={PROGRAM}",
            f"Icon={PROGRAM}",
            f"Categories={linux['category']};",
            "StartupWMClass=Steelyard",
            "Terminal=false",
            "",
        ]
    )


def _package_json() -> dict[str, object]:
    found: dict[str, object] = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    return found


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)


def link(source: str, target: str) -> None:
    """For copytree: a quarter of a gigabyte need not be there twice, where the disk has hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
