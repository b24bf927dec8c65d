"""The one-file helper: as a simulation uses it, in a process of its own, with and without Steelyard."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HELPER = Path(__file__).resolve().parents[2] / "backend" / "steelyard_task.py"


class Simulation:
    """A folder as the sidecar prepares it, in which code runs with the helper on its path."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self.python = python
        (folder / "helper").mkdir()
        shutil.copy(HELPER, folder / "helper")
        (folder / "parameters.json").write_text('{"pathway": "net-zero", "steps": 3}')
        (folder / "work").mkdir()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STEELYARD_")}
        self.bare = {**inherited, "PYTHONPATH": str(folder / "helper")}
        self.environment = {
            **self.bare,
            "STEELYARD_TASK_ID": "t1",
            "STEELYARD_ATTEMPT": "1",
            "STEELYARD_PARAMETERS": str(folder / "parameters.json"),
            "STEELYARD_OUTPUT_DIR": str(folder / "output"),
            "STEELYARD_CHECKPOINT_DIR": str(folder / "checkpoint"),
            "STEELYARD_STOP_FILE": str(folder / "stop"),
        }

    def run(self, *arguments: str, bare: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the interpreter with these arguments."""
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.folder / "work",
            env=self.bare if bare else self.environment,
            capture_output=True,
            text=True,
        )

    def code(self, *lines: str, bare: bool = False) -> str:
        """What code prints that uses the helper as `task`."""
        ended = self.run("-c", "\n".join(["import steelyard_task as task", *lines]), bare=bare)
        assert ended.stderr == "" and ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    return Simulation(tmp_path)


def test_parameters(simulation: Simulation) -> None:
    assert simulation.code("print(task.parameters())") == "{'pathway': 'net-zero', 'steps': 3}\n"
    (simulation.folder / "parameters.json").write_text("[1]")
    ended = simulation.run("-c", "import steelyard_task; steelyard_task.parameters()")
    assert "does not hold a JSON object" in ended.stderr


def test_progress_and_checkpoints_are_lines(simulation: Simulation) -> None:
    said = simulation.code(
        "task.progress(0.42, 'year  2031\\nand more')",
        "task.progress(1.0000001)",
        "task.progress(float('nan'), 'x')",
        "task.progress(None, 'only words')",
        "task.checkpointed()",
    )
    assert said.splitlines() == [
        "::steelyard progress 0.420000 year 2031 and more",
        "::steelyard progress 1.000000",
        "::steelyard progress 0.000000 x",
        "::steelyard progress - only words",
        "::steelyard checkpointed",
    ]


def test_a_long_message_is_one_short_write(simulation: Simulation) -> None:
    said = simulation.code("task.progress(0.5, '\N{SNOWMAN}' * 5000)")
    assert len(said.encode()) <= 512 and said.endswith("\N{SNOWMAN}\n") and said.count("\n") == 1


def test_lines_come_on_the_first_stdout_and_in_order(simulation: Simulation) -> None:
    said = simulation.code(
        "import sys, os, io",
        "print('before')",
        "task.progress(0.1)",
        "sys.stdout = io.StringIO(); print('hidden')",
        "task.progress(0.2)",
        "os.close(1)",
        "task.progress(0.3)",
        "sys.stdout = None",
        "task.progress(0.4)",
    )
    assert [line.split()[-1] for line in said.splitlines()] == [
        "before",
        "0.100000",
        "0.200000",
        "0.300000",
        "0.400000",
    ]


def test_nobody_reads_the_progress(simulation: Simulation) -> None:
    code = "\n".join(
        [
            "import steelyard_task as task, sys",
            "sys.stdin.read()",
            "for n in range(100): task.progress(0.5)",
            "sys.exit(7)",
        ]
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=simulation.environment,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdout.close()
    process.stdin.close()
    assert process.wait(20) == 7


def test_folders_are_made(simulation: Simulation) -> None:
    said = simulation.code("print(task.checkpoint_dir()); print(task.output_dir())").split()
    assert said == [str(simulation.folder / "checkpoint"), str(simulation.folder / "output")]
    assert all(os.path.isdir(each) for each in said)


def test_stopping_is_seen_once_the_file_is_there(simulation: Simulation) -> None:
    said = simulation.code(
        "import os, time",
        "print(task.stopping())",
        "open(os.environ['STEELYARD_STOP_FILE'], 'w').close()",
        "while not task.stopping(): time.sleep(0.005)",
        "os.unlink(os.environ['STEELYARD_STOP_FILE'])",
        "time.sleep(0.1); print(task.stopping())",
    )
    assert said == "False\nTrue\n"


def test_stopping_is_cheap(simulation: Simulation) -> None:
    said = simulation.code(
        "import os",
        "looks = []",
        "real = os.path.exists",
        "os.path.exists = lambda path: looks.append(path) or real(path)",
        "for _ in range(20000): task.stopping()",
        "print(len(looks))",
    )
    assert 1 <= int(said) < 200


def test_a_result_is_written_whole(simulation: Simulation) -> None:
    simulation.code("task.result({'cost': 1.5, 'name': 'é'}); task.result([1, None])")
    assert os.listdir(simulation.folder / "output") == ["result.json"]
    assert json.loads((simulation.folder / "output" / "result.json").read_text()) == [1, None]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{'a': [float('nan')]}", "ValueError: the result holds NaN or infinity"),
        ("float('inf')", "ValueError: the result holds NaN or infinity"),
        ("object()", "TypeError: Object of type object is not JSON serializable"),
    ],
)
def test_a_result_that_is_no_json_is_refused(simulation: Simulation, value: str, says: str) -> None:
    ended = simulation.run("-c", f"import steelyard_task as task; task.result(1); task.result({value})")
    assert says in ended.stderr and ended.returncode == 1
    assert (simulation.folder / "output" / "result.json").read_text() == "1\n"


def test_a_write_that_fails_leaves_nothing_behind(simulation: Simulation) -> None:
    (simulation.folder / "output" / "result.json").mkdir(parents=True)
    ended = simulation.run("-c", "import steelyard_task; steelyard_task.result(1)")
    assert "OSError" in ended.stderr or "IsADirectoryError" in ended.stderr
    assert os.listdir(simulation.folder / "output") == ["result.json"]


def test_outside_steelyard_it_runs_as_well(simulation: Simulation) -> None:
    said = simulation.code(
        "print(task.parameters(), task.stopping(), task.output_dir() == task.checkpoint_dir())",
        "task.progress(0.5, 'half'); task.checkpointed(); task.result(5)",
        bare=True,
    )
    assert said == "{} False True\n::steelyard progress 0.500000 half\n::steelyard checkpointed\n"
    assert (simulation.folder / "work" / "result.json").read_text() == "5\n"


MODEL = """
import sys
import steelyard_task

class Model:
    @staticmethod
    def run(pathway, steps):
        steelyard_task.progress(1.0, pathway)
        print(sys.modules["__main__"] is steelyard_task)
        return {"steps": steps}

def nothing(**parameters): pass
def leaves(**parameters): sys.exit(9)
def fails(**parameters): raise ArithmeticError("negative steel")
def other(unknown): pass
"""


def call(simulation: Simulation, function: str) -> subprocess.CompletedProcess[str]:
    (simulation.folder / "work" / "model.py").write_text(MODEL)
    return simulation.run("-m", "steelyard_task", function)


def test_a_function_gets_the_parameters_and_returns_the_result(simulation: Simulation) -> None:
    ended = call(simulation, "model:Model.run")
    assert ended.stderr == "" and ended.returncode == 0
    assert ended.stdout == "::steelyard progress 1.000000 net-zero\nTrue\n"
    assert json.loads((simulation.folder / "output" / "result.json").read_text()) == {"steps": 3}


def test_a_function_that_returns_nothing_has_no_result(simulation: Simulation) -> None:
    assert call(simulation, "model:nothing").returncode == 0
    assert not (simulation.folder / "output").exists()


@pytest.mark.parametrize(
    ("function", "code", "says"),
    [
        ("model:leaves", 9, ""),
        ("model:fails", 1, "ArithmeticError: negative steel"),
        ("model:other", 1, "TypeError"),
        ("model:missing", 1, "AttributeError"),
        ("no_such_module:f", 1, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("model", 2, "usage:"),
        (":f", 2, "usage:"),
    ],
)
def test_how_a_function_ends_is_how_the_process_ends(
    simulation: Simulation, function: str, code: int, says: str
) -> None:
    ended = call(simulation, function)
    assert ended.returncode == code and says in ended.stderr


MANY = """
import multiprocessing, os, sys, threading, time
from tqdm import _monitor

def says(steps): print(steps, os.environ["STEELYARD_ATTEMPT"], sys.stdin.read())
def bar(): _monitor.TMonitor(target=time.sleep, args=(60,), daemon=True).start()
def thread(): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
def says_child():
    time.sleep(0.5)
    print("child")
def child(): multiprocessing.get_context("fork").Process(target=says_child).start()
def writes():
    time.sleep(0.01)
    with open("late.py", "w") as file: file.write("x = 1")
    import late
"""


def serve(simulation: Simulation, function: str, count: int) -> tuple[int, list[str]]:
    """(exit status, lines that were printed) of a process that was asked so many times."""
    work = simulation.folder / "work"
    (work / "tqdm").mkdir()
    (work / "tqdm" / "__init__.py").touch()
    (work / "tqdm" / "_monitor.py").write_text("import threading\nclass TMonitor(threading.Thread): pass\n")
    (work / "many.py").write_text(MANY)
    own = {name: value for name, value in simulation.environment.items() if name.startswith("STEELYARD_")}
    (simulation.folder / "parameters.json").write_text('{"steps": 3}' if function == "says" else "{}")
    requests = [
        json.dumps({"nonce": f"n{number}", "environment": {**own, "STEELYARD_ATTEMPT": str(number)}}) + "\n"
        for number in range(count)
    ]
    ended = subprocess.run(
        [simulation.python, "-W", "error", "-m", "steelyard_task", "--serve", f"many:{function}"],
        cwd=work,
        env=simulation.bare,
        input="".join(requests),
        capture_output=True,
        text=True,
    )
    assert ended.stderr == ""
    # Not splitlines(): for it the mark's own first character ends a line.
    return ended.returncode, ended.stdout.split("\n")[:-1]


def marks(lines: list[str]) -> str:
    """The marks among lines: b0 e0 b1 ..."""
    found = [line.split()[1:3] for line in lines if line.startswith("\x1e::steelyard ")]
    return " ".join(word[0] + nonce[1:] for word, nonce in found)


def test_one_process_calls_again_and_again(simulation: Simulation) -> None:
    status, lines = serve(simulation, "says", 2)
    assert (status, marks(lines)) == (0, "b0 e0 b1 e1")
    assert [line for line in lines if "::" not in line] == ["3 0 ", "3 1 "]


def test_a_monitor_of_bars_stays(simulation: Simulation) -> None:
    status, lines = serve(simulation, "bar", 2)
    assert (status, marks(lines)) == (0, "b0 e0 b1 e1")


def test_nobody_asked(simulation: Simulation) -> None:
    assert serve(simulation, "bar", 0) == (2, [])


@pytest.mark.parametrize("function", ["thread", "child"])
def test_what_only_the_end_of_the_process_clears_away_ends_it(simulation: Simulation, function: str) -> None:
    status, lines = serve(simulation, function, 2)
    assert (status, marks(lines)) == (0, "b0")
    assert ("child" in lines) == (function == "child")


def test_a_module_that_was_written_while_it_ran_is_not_trusted(simulation: Simulation) -> None:
    status, lines = serve(simulation, "writes", 2)
    assert (status, marks(lines)) == (0, "b0 e0")


def test_it_reads_as_python_3_8() -> None:
    tree = ast.parse(HELPER.read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    few = {"contextlib", "gc", "importlib", "json", "os", "pathlib", "signal", "sys", "threading", "time"}
    # ctypes only where many runs share a process; a Python without it is served as well.
    assert imported == {*few, "ctypes"}


def test_where_no_pipe_is_told_from_another_a_redirected_output_is_put_back(tmp_path: Path) -> None:
    code = """
        import os, steelyard_task
        steelyard_task._file = lambda number: (0, 0)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for run in (1, 2, 3):
            kept = steelyard_task._Kept()
            print("run", run, flush=True)
            os.dup2(nowhere, 1)
            print("lost", flush=True)
            assert kept.is_restored()
        # No copy is left open.
        print("heard", os.dup(1) - nowhere, flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(HELPER.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["run", "1", "run", "2", "run", "3", "heard", "1"], "")
