"""What is made of the packaged directory, and what electron-builder is told to make on other systems."""

from __future__ import annotations

import json
import plistlib
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
from PIL import Image, ImageChops

import icons
import linux_packages
import package
from tests.desktop.conftest import BARE_PATH, Launch
from tests.desktop.program import ROOT

CONFIG: dict[str, Any] = json.loads((ROOT / "electron" / "builder.json").read_text(encoding="utf-8"))
QUICK = 1
"""The level of gzip: what is tried here does not depend on it."""


def runs(launch_package: Launch, program: Path, command: Path) -> None:
    """The unpacked program starts its own sidecar, and the command line there finds it."""
    desktop = launch_package(program=program)
    desktop.panel()
    assert Path(psutil.Process(desktop.record["pid"]).exe()) == command.resolve()
    environment = {"PATH": BARE_PATH, "STEELYARD_DATA_DIR": str(desktop.data)}
    told = subprocess.run(
        [str(command), "system", "--json"], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout)["data_dir"] == str(desktop.data)


def test_the_tar_gz_runs_where_it_is_unpacked(packaged: Path, launch_package: Launch, tmp_path: Path) -> None:
    made = linux_packages.tar(packaged.parent, tmp_path, level=QUICK)
    with tarfile.open(made) as archive:
        assert {(entry.uname, entry.gname, entry.uid) for entry in archive} == {("root", "root", 0)}
        assert len({entry.name.partition("/")[0] for entry in archive}) == 1, "one folder"
        archive.extractall(tmp_path / "a b", filter="tar")
    home = tmp_path / "a b" / f"steelyard-{linux_packages.version()}"
    runs(launch_package, home / packaged.name, home / "resources" / "sidecar" / "steelyard")


def test_debians_package_runs_where_it_is_unpacked(
    packaged: Path, launch_package: Launch, tmp_path: Path
) -> None:
    if shutil.which("dpkg-deb") is None:
        with pytest.raises(linux_packages.ArchiveError, match="dpkg-deb"):
            linux_packages.deb(packaged.parent, tmp_path)
        return
    made = linux_packages.deb(packaged.parent, tmp_path, level=QUICK)
    assert {path.name for path in tmp_path.iterdir()} == {made.name}, "nothing is left beside it"
    _check_control(made)
    listed = [line.split(maxsplit=5) for line in _dpkg("--contents", made).splitlines()]
    assert {line[1] for line in listed} == {"root/root"}
    assert {line[0] for line in listed if line[0].startswith("d")} == {"drwxr-xr-x"}
    assert not [line for line in listed if line[0][8] == "w" and not line[0].startswith("l")]
    tree = tmp_path / "tree"
    _dpkg("--extract", made, tree)
    _check_desktop_entry(tree)
    _check_postinst(made, tree, tmp_path)
    runs(launch_package, tree / "usr/bin/steelyard-desktop", tree / "usr/bin/steelyard")


def _dpkg(*arguments: str | Path) -> str:
    command = ["dpkg-deb", *(str(one) for one in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _check_control(made: Path) -> None:
    fields = dict(line.split(": ", 1) for line in _dpkg("--field", made).splitlines() if line[0] != " ")
    assert fields["Package"] == "steelyard" and fields["Version"] == linux_packages.version()
    assert fields["Maintainer"] == CONFIG["linux"]["maintainer"]
    assert fields["Depends"].split(", ") == CONFIG["deb"]["depends"]
    assert int(fields["Installed-Size"]) > 100_000
    assert fields["Description"] == CONFIG["linux"]["synopsis"]


def _check_desktop_entry(tree: Path) -> None:
    entry = (tree / "usr/share/applications/steelyard-desktop.desktop").read_text(encoding="utf-8")
    head, *lines = entry.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert head == "[Desktop Entry]" and found["Type"] == "Application" and found["Name"] == "Steelyard"
    assert (tree / "usr/bin" / found["Exec"]).resolve().is_file()
    for size, suffix in (("512x512", "png"), ("scalable", "svg")):
        assert (tree / f"usr/share/icons/hicolor/{size}/apps/{found['Icon']}.{suffix}").is_file()
    manifest = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert manifest["desktopName"] == "steelyard-desktop.desktop", "by which a taskbar finds the icon"


def _check_postinst(made: Path, tree: Path, folder: Path) -> None:
    """As dpkg runs it for a system that lies elsewhere."""
    _dpkg("--control", made, folder / "control")
    sandbox = tree / "opt/Steelyard/chrome-sandbox"
    assert sandbox.stat().st_mode & 0o7777 == 0o755
    environment = {"PATH": "/usr/bin:/bin", "DPKG_ROOT": str(tree)}
    script = folder / "control" / "postinst"
    for word, mode in (("abort-upgrade", 0o755), ("configure", 0o4755)):
        subprocess.run([str(script), word], env=environment, check=True)
        assert sandbox.stat().st_mode & 0o7777 == mode
    sandbox.chmod(0o755)


def test_the_icons_are_those_of_the_drawing() -> None:
    for path, size in icons.SIZES.items():
        with Image.open(path) as image:
            difference = ImageChops.difference(image.convert("RGBA"), icons.draw(size))
        assert max(most for _, most in difference.getextrema()) < 32, f"{path.name}: scripts/icons.py"
    assert icons.FAVICON.read_bytes() == icons.DRAWING.read_bytes()


@pytest.fixture(scope="module")
def schema(electron: Path) -> dict[str, Any]:
    """What electron-builder takes."""
    path = ROOT / "node_modules" / "app-builder-lib" / "scheme.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_electron_builder_takes_the_configuration(schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(schema).validate(CONFIG)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({**CONFIG, "asarr": True})
    for entry in CONFIG["extraResources"]:
        assert entry["from"].startswith("build/") or (ROOT / entry["from"]).exists()
    with Image.open(ROOT / CONFIG["icon"]) as icon:
        assert icon.size == (512, 512), "macOS wants as much"


def test_every_system_has_its_package() -> None:
    assert {"dir", "AppImage"} == set(CONFIG["linux"]["target"])
    assert CONFIG["win"]["target"] == ["nsis"] and CONFIG["nsis"]["perMachine"] is False
    assert CONFIG["mac"]["target"] == ["dmg"]


def test_the_fuses_are_the_same_on_every_system() -> None:
    asked = {name[0].upper() + name[1:]: on for name, on in CONFIG["electronFuses"].items()}
    assert {name: asked.get(name) for name in package.WANTED_FUSES} == package.WANTED_FUSES
    assert not any("electronFuses" in CONFIG[system] for system in ("linux", "win", "mac"))


def test_macos_gets_the_hardened_runtime_with_what_it_needs_and_no_more() -> None:
    mac = CONFIG["mac"]
    assert mac["hardenedRuntime"] is True
    for name in ("entitlements", "entitlementsInherit"):
        entitlements = plistlib.loads((ROOT / mac[name]).read_bytes())
        assert {key.rpartition(".")[2] for key, on in entitlements.items() if on} == {
            "allow-jit",
            "allow-unsigned-executable-memory",
            "disable-library-validation",
        }
    # Each of these would keep a certificate that is given from being used, or a binary from being signed.
    assert not {"identity", "sign", "signIgnore", "binaries"} & mac.keys()


WALK = """
require("@electron/osx-sign/dist/cjs/util").walkAsync(process.argv[1])
  .then((found) => console.log(JSON.stringify(found)));
"""


def test_signing_reaches_every_binary_of_the_sidecar(
    schema: dict[str, Any], node: Path, tmp_path: Path
) -> None:
    """On macOS all that is binary below Contents/; on Windows what is named so, also in extraResources."""
    sidecar = tmp_path / "Contents" / "Resources" / "sidecar"
    binaries = {
        sidecar / "steelyard",
        sidecar / "_internal" / "a.so",
        sidecar / "_internal" / "b" / "c.dylib",
    }
    for path in binaries:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes.fromhex("cffaedfe0c000001") + bytes(64))
    (sidecar / "text.txt").write_text("words")
    done = subprocess.run(
        [node, "-e", WALK, str(tmp_path / "Contents")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {Path(one) for one in json.loads(done.stdout)} == binaries
    assert set(CONFIG["win"]["signExts"]) == {".dll", ".pyd"}, "beside .exe, which is signed in any case"
