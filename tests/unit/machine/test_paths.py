"""machine.paths, lock and private_files: where things lie, who may read them, who has them."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.machine import paths, private_files
from steelyard.machine.lock import Lock
from steelyard.machine.paths import DataDirectory, data_directory, write_private
from steelyard.machine.private_files import private_temporary_directory
from steelyard.rules.errors import StartError
from tests.helpers.waiting import eventually

posix_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead of modes")


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=lambda mask: f"umask-{mask:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    return directory


# --- where ----------------------------------------------------------------------------------------------


def test_the_variable_names_the_data_directory(tmp_path: Path) -> None:
    assert data_directory({"STEELYARD_DATA_DIR": str(tmp_path / "a b")}) == tmp_path / "a b"


def test_a_relative_or_home_path_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME" if sys.platform != "win32" else "USERPROFILE", str(tmp_path / "home"))
    assert data_directory({"STEELYARD_DATA_DIR": "here"}) == tmp_path / "here"
    assert data_directory({"STEELYARD_DATA_DIR": "~/there"}) == tmp_path / "home" / "there"


@pytest.mark.parametrize("environ", [{}, {"STEELYARD_DATA_DIR": ""}, {"STEELYARD_DATA_DIR": " "}])
def test_without_it_the_platform_says_where(environ: dict[str, str]) -> None:
    found = data_directory(environ)
    assert found.is_absolute()
    assert found.name == "Steelyard"


def test_names_are_those_of_the_design(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    names = [data.database, data.preferences, data.record, data.attempt("ab12", 3), data.worker_log("w1")]
    assert [path.relative_to(tmp_path).as_posix() for path in names] == [
        "steelyard.db",
        "preferences.json",
        "runtime/sidecar.json",
        "tasks/ab12/attempt-3",
        "logs/worker_w1.log",
    ]
    assert data.worker_log("w1", Path("/var/logs")) == Path("/var/logs/worker_w1.log")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a\0", "x" * 65, "ä"])
def test_what_is_no_id_makes_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        DataDirectory(tmp_path).task(name)
    with pytest.raises(ValueError, match="is no id"):
        DataDirectory(tmp_path).worker_log(name)


# --- who may read ---------------------------------------------------------------------------------------


@posix_modes
def test_security_26_folders_are_0700_under_any_umask(tmp_path: Path, umask: None) -> None:
    data = DataDirectory(tmp_path / "not" / "there" / "yet")
    data.prepare()
    folders = [data.path, data.simulations, data.logs, data.tasks, data.runtime, data.path.parent]
    assert {mode(folder) for folder in folders} == {0o700}


@posix_modes
def test_security_26_files_are_0600_under_any_umask(tmp_path: Path, umask: None) -> None:
    data = DataDirectory(tmp_path / "data")
    data.prepare()
    write_private(data.preferences, b"{}")
    with data.lock():
        assert {mode(data.preferences), mode(data.lock_file)} == {0o600}


@posix_modes
def test_a_folder_that_is_too_wide_is_narrowed(data: DataDirectory) -> None:
    for folder in (data.path, data.logs):
        folder.chmod(0o755)
    data.prepare()
    assert {mode(data.path), mode(data.logs)} == {0o700}


@posix_modes
def test_what_a_link_leads_to_keeps_its_mode(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o755)
    data.path.mkdir()
    data.simulations.symlink_to(mine)
    data.prepare()
    assert mode(mine) == 0o755


@posix_modes
def test_a_folder_that_others_share_is_refused_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    monkeypatch.setenv("HOME", str(home))
    for folder in (shared, home, Path("/")):
        before = mode(folder)
        with pytest.raises(StartError) as refused:
            DataDirectory(folder).prepare()
        assert refused.value.fatal_code == "data_dir_unwritable"
        assert mode(folder) == before


@pytest.mark.parametrize("name", ["a b", "Stahl-Größe-钢", "x" * 200, "it's", "-rf", "a\nb", "%s{}$HOME"])
@posix_modes
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    data = DataDirectory(tmp_path / name)
    data.prepare()
    with data.lock():
        write_private(data.preferences, b"{}")
    assert data.preferences.read_bytes() == b"{}"


def test_security_27_temporary_folders_are_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, other = private_temporary_directory(), private_temporary_directory()
    assert one != other
    assert one.parent == tmp_path
    if sys.platform != "win32":
        assert mode(one) == 0o700


# --- what cannot be -------------------------------------------------------------------------------------


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartError, match="file") as refused:
            DataDirectory(path).prepare()
        assert refused.value.fatal_code == "data_dir_unwritable"
        assert "--data-dir" in refused.value.remedy


@pytest.mark.parametrize(
    "path",
    ["/proc/steelyard", "/dev/null/x", "/sys/steelyard", "x\0y", "/tmp/" + "y" * 300, "/tmp" + "/z" * 250],
)
@pytest.mark.skipif(sys.platform != "linux", reason="uses Linux' read-only places")
def test_places_that_take_no_folder_are_refused(path: str) -> None:
    with pytest.raises(StartError) as refused:
        DataDirectory(Path(path)).prepare()
    assert refused.value.fatal_code == "data_dir_unwritable"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "data_dir_unwritable"),
        (errno.EACCES, "data_dir_unwritable"),
        (errno.ENOLCK, "data_dir_unwritable"),
    ],
)
def test_each_refusal_of_the_disk_has_its_code(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(path: Path) -> Lock:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(paths.Lock, "take", refuse)
    with pytest.raises(StartError) as refused:
        data.lock()
    assert refused.value.fatal_code == code
    assert str(data.path) in refused.value.message


def test_a_folder_that_may_not_be_written_is_refused(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # root may write everywhere, so what the system would say to others is made up.
    monkeypatch.setattr(paths.os, "access", lambda path, how: path != data.logs)
    with pytest.raises(StartError, match="logs"):
        data.prepare()


# --- writing --------------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "preferences.json"
    write_private(file, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(private_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(file, b"new")
    assert file.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["preferences.json"]


def test_a_write_is_synced_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(private_files.os, "fsync", lambda fd: (calls.append("fsync"), real_fsync(fd)))
    monkeypatch.setattr(private_files.os, "replace", lambda *a: (calls.append("replace"), real_replace(*a)))
    write_private(tmp_path / "x", b"data")
    assert calls[:2] == ["fsync", "replace"]
    assert (tmp_path / "x").read_bytes() == b"data"


# --- the lock -------------------------------------------------------------------------------------------

HOLDER = """
import sys
from pathlib import Path
from steelyard.machine.paths import DataDirectory
lock = DataDirectory(Path(sys.argv[1])).lock()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(data: DataDirectory) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def refusal(data: DataDirectory) -> str:
    """The message with which the lock is refused."""
    with pytest.raises(StartError) as refused:
        data.lock()
    assert refused.value.fatal_code == "data_dir_locked"
    return refused.value.message


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder: when it was written, and what it holds."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_security_28_a_second_one_is_refused_and_touches_nothing(
    data: DataDirectory, holder: subprocess.Popen[str]
) -> None:
    record = {"pid": holder.pid, "url": "http://127.0.0.1:4711/", "token": "5ec7e7"}
    write_private(data.record, json.dumps(record).encode())
    before = everything(data.path)
    data.prepare()
    message = refusal(data)
    assert everything(data.path) == before
    assert str(holder.pid) in message
    assert "http://127.0.0.1:4711/" in message
    assert str(data.path) in message
    assert "5ec7e7" not in message


@pytest.mark.parametrize("record", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "url": "http://old/"}'])
def test_a_record_that_is_no_help_is_left_out(
    data: DataDirectory, holder: subprocess.Popen[str], record: str
) -> None:
    write_private(data.record, record.encode())
    message = refusal(data)
    assert f"process {holder.pid}" in message
    assert "http://old/" not in message


def test_the_lock_goes_with_its_process(data: DataDirectory, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    data.lock().close()


def test_a_lock_that_was_given_back_can_be_taken(data: DataDirectory) -> None:
    lock = data.lock()
    refusal(data)
    lock.close()
    lock.close()
    with data.lock():
        refusal(data)


def test_a_child_does_not_inherit_the_lock(data: DataDirectory) -> None:
    lock = data.lock()
    command = [sys.executable, "-I", "-S", "-c", "input()"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, close_fds=False)
    try:
        lock.close()
        # exec wakes the parent an instant before it closes what is not inherited.
        eventually(lambda: can_be_locked(data))
    finally:
        child.communicate(b"\n")


def can_be_locked(data: DataDirectory) -> bool:
    """Takes the lock and gives it back."""
    try:
        data.lock().close()
    except StartError:
        return False
    return True
