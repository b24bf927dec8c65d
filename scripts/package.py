"""Makes the desktop program: `python3 scripts/package.py --dir`, `--tar` or `--deb`.

Freezes the sidecar (scripts/freeze.py), puts Electron, the sidecar and the code of electron/ together with
electron-builder (electron/builder.json), and reads back from the packaged program that its fuses are set.
Of the directory that comes out, linux_packages.py makes the archives. All lies in `build/package/`. Standard
library only; Node.js and the tools of npm are needed.

The Electron that goes in is the one of ELECTRON_OVERRIDE_DIST_PATH, else the one that the desktop tests use
(for a look at the whole; it is passed on to nobody), else electron-builder fetches that of package.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import desktop_runtime
import freeze
import linux_packages
import setup_steps
from setup_steps import ROOT, say

PLACE = ROOT / "build" / "package"
LINUX = PLACE / "linux-unpacked"
PROGRAM = LINUX / "steelyard-desktop"
NOTICE = PLACE / "THIRD-PARTY.txt"

WANTED_FUSES = {
    "RunAsNode": False,
    "EnableNodeOptionsEnvironmentVariable": False,
    "EnableNodeCliInspectArguments": False,
    "OnlyLoadAppFromAsar": True,
    "EnableEmbeddedAsarIntegrityValidation": True,
}
"""Security line 34. (Electron checks the integrity of the asar on Windows and macOS; on Linux the fuse is set
and has no effect.)
"""

READ_FUSES = """
const { getCurrentFuseWire, FuseV1Options, FuseState } = require("@electron/fuses");
getCurrentFuseWire(process.argv[1]).then((wire) => {
  const known = Object.entries(FuseV1Options).filter(([, at]) => wire[at] !== undefined);
  const told = known.map(([name, at]) => [name, wire[at] === FuseState.ENABLE]);
  console.log(JSON.stringify(Object.fromEntries(told)));
});
"""


class PackageError(Exception):
    """A step that failed. The message is for a person."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what was asked for; 0 if it is there and its fuses are as they have to be."""
    parser = argparse.ArgumentParser(prog="package.py", description="Makes the desktop program.")
    parser.add_argument("--dir", action="store_true", help="the unpacked directory (the default)")
    parser.add_argument("--tar", action="store_true", help="also a tar.gz of it (Linux)")
    parser.add_argument("--deb", action="store_true", help="also a package for Debian and Ubuntu")
    options = parser.parse_args(arguments)
    try:
        build()
        if sys.platform == "linux":
            check_fuses(PROGRAM)
            if options.tar:
                say(f"Desktop program: {linux_packages.tar(LINUX, PLACE)}")
            if options.deb:
                say(f"Desktop program: {linux_packages.deb(LINUX, PLACE)}")
    except (PackageError, setup_steps.SetupError, linux_packages.ArchiveError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def build() -> None:
    """Everything from the frozen sidecar to the directory. PackageError."""
    if freeze.main([]) != 0:
        raise PackageError("The sidecar could not be frozen.")
    setup_steps.set_up((), developer=True)
    node, builder = shutil.which("node"), ROOT / "node_modules" / "electron-builder" / "cli.js"
    if node is None or not builder.exists():
        raise PackageError("Node.js or electron-builder is missing: npm ci --ignore-scripts")
    if PLACE.exists():
        shutil.rmtree(PLACE)
    PLACE.mkdir(parents=True)
    NOTICE.write_text(third_party(), encoding="utf-8")
    command = [node, str(builder), "--config", "electron/builder.json", "--publish", "never"]
    if sys.platform == "linux":
        command += ["--linux", "dir"]
    runtime = desktop_runtime.find()
    if runtime is not None:
        command += [f"-c.electronDist={_bare(runtime)}", f"-c.electronVersion={_version(runtime)}"]
    say("Desktop program: packaging ...")
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise PackageError(f"{done.stdout[-3000:]}\nelectron-builder failed.")
    if runtime is not None:
        shutil.rmtree(PLACE / "runtime")
    for made in sorted(path for path in PLACE.iterdir() if path.is_dir()):
        say(f"Desktop program: {made}")


def check_fuses(program: Path) -> dict[str, bool]:
    """The fuses of a packaged program, read back from it. PackageError if one is not as it has to be."""
    found = read_fuses(program)
    wrong = [name for name, wanted in WANTED_FUSES.items() if found.get(name) is not wanted]
    if wrong:
        raise PackageError(f"{program}: these fuses are not as they have to be: {', '.join(wrong)}.")
    say("Desktop program: its fuses are set.")
    return found


def read_fuses(program: Path) -> dict[str, bool]:
    """Name -> whether it is on, of every fuse that this Electron has."""
    node = shutil.which("node")
    if node is None:
        raise PackageError("Node.js is missing.")
    done = subprocess.run(
        [node, "-e", READ_FUSES, str(program)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise PackageError(f"The fuses of {program} cannot be read: {done.stderr.strip()[-500:]}")
    found: dict[str, bool] = json.loads(done.stdout)
    return found


def third_party() -> str:
    """What is bundled, with its licence, as the packages themselves say it."""
    lines = ["Steelyard bundles these, each under its own licence:", ""]
    for folder in sorted(setup_steps.VENV.glob("**/site-packages/*.dist-info")):
        found = metadata.PathDistribution(folder).metadata
        said = [*(found.get_all("License-Expression") or []), *(found.get_all("License") or [])]
        classes = [one for one in found.get_all("Classifier") or [] if one.startswith("License ::")]
        said += [one.rpartition(":: ")[2] for one in classes]
        licence = next((one for one in said if one.strip()), "see its project")
        lines.append(f"{found['Name']} {found['Version']}: {licence.splitlines()[0]}")
    for name in ("electron", "ws", "@tabler/core", "htmx.org", "idiomorph", "uplot"):
        file = ROOT / "node_modules" / name / "package.json"
        if file.exists():
            said_by = json.loads(file.read_text(encoding="utf-8"))
            lines.append(f"{name} {said_by['version']}: {said_by.get('license', 'see its project')}")
    return "\n".join([*lines, ""])


def _bare(runtime: Path) -> Path:
    """A copy of an Electron without an application of its own, which electron-builder would pack as well."""
    bare = PLACE / "runtime"
    shutil.copytree(runtime, bare, symlinks=True)
    for left in ("default_app.asar", "app.asar", "app"):
        path = bare / "resources" / left
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return bare


def _version(runtime: Path) -> str:
    """What an Electron says that it is."""
    file = runtime / "version"
    return file.read_text().strip() if file.exists() else desktop_runtime.VERSION


if __name__ == "__main__":
    sys.exit(main())
