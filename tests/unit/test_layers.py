"""The tree keeps to its layers (docs/architecture.md, without exceptions), and the checker sees wrong code.

Every module of backend/steelyard is read, so one that nobody imports yet is held to it too.
"""

from __future__ import annotations

import ast

import pytest

from tests.helpers.layers import HEAVY, LAYERS, PACKAGE, Module, imports, modules, reached, violations


def test_every_folder_has_a_layer() -> None:
    assert modules(), f"no module under {PACKAGE}"
    assert {module.folder for module in modules().values()} <= set(LAYERS)


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_keeps_to_its_layer(name: str) -> None:
    assert violations(modules()[name]) == []


def test_the_worker_reaches_nothing_that_is_slow_to_load() -> None:
    known = modules()
    for start in (name for name in known if name.startswith("steelyard.worker")):
        for name, asked_by in reached(start, known).items():
            heavy = {target.split(".")[0] for _, target in imports(known[name])} & HEAVY
            assert not heavy, (
                f"{start} loads {name} (for {asked_by}), which imports {', '.join(sorted(heavy))}"
            )


def test_no_layer_is_above_itself() -> None:
    order = ["rules", "machine", "store", "supervisor", "web", "cli"]
    for below, above in ((a, b) for n, a in enumerate(order) for b in order[n + 1 :]):
        assert above not in LAYERS[below].ours
    assert "settings" not in LAYERS["store"].ours
    assert "store" not in LAYERS["settings"].ours


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("steelyard.rules.x", "import os", "may not import os"),
        ("steelyard.rules.x", "from pathlib import Path", "may not import pathlib"),
        ("steelyard.rules.x", "import msgspec", "may not import msgspec"),
        ("steelyard.rules.x", "from steelyard.machine import clocks", "may not import machine"),
        ("steelyard.rules.x", "from ..store import tasks", "may not import store"),
        ("steelyard.rules.x", "from .. import machine", "may not import machine"),
        ("steelyard.rules.x", "open('f')", "calls open()"),
        ("steelyard.rules.x", "import random\nrandom.random()", "shared random.random"),
        ("steelyard.rules.x", "from datetime import datetime\ndatetime.now()", "reads datetime.now"),
        ("steelyard.machine.x", "import steelyard.store.tasks", "may not import store"),
        ("steelyard.store.x", "from steelyard.settings import environment", "may not import settings"),
        ("steelyard.settings.x", "from steelyard import store", "may not import store"),
        ("steelyard.store.x", "import time\ntime.monotonic()", "reads time.monotonic"),
        ("steelyard.supervisor.x", "from steelyard.web.app import create_app", "may not import web"),
        ("steelyard.supervisor.x", "import time as t\nt.sleep(1)", "reads time.sleep"),
        ("steelyard.supervisor.x", "from time import monotonic", "reads time.monotonic"),
        ("steelyard.supervisor.x", "import psutil", "may not import psutil"),
        ("steelyard.web.x", "from steelyard.cli import serve", "may not import cli"),
        ("steelyard.web.x", "import peewee", "may not import peewee"),
        ("steelyard.worker.x", "from steelyard.rules import states", "may not import steelyard.rules.states"),
        (
            "steelyard.worker.x",
            "from steelyard.machine import memory",
            "may not import steelyard.machine.memory",
        ),
        ("steelyard.worker.x", "from steelyard.store import tasks", "may not import store"),
        ("steelyard.worker.x", "import dataclasses", "may not import dataclasses"),
        ("steelyard.worker.x", "import psutil", "may not import psutil"),
        ("steelyard.client", "from steelyard.supervisor import views", "may not import supervisor"),
        ("steelyard.cli.x", "def f():\n    import json", "inside a function"),
        ("steelyard.cli.x", "async def f():\n    from json import dumps", "inside a function"),
        ("steelyard.machine.x", "def f():\n    import json", "inside a function"),
        ("steelyard.cli.x", "import importlib\nimportlib.import_module(name)", "may be any"),
        ("steelyard.web.x", "__import__('steelyard.cli.serve')", "may be any"),
        ("steelyard.cli.x", "import sys\nsys.platform", "reads sys.platform"),
        ("steelyard.cli.x", "import sys as s\ns.platform", "reads sys.platform"),
        ("steelyard.cli.x", "from sys import platform", "reads sys.platform"),
        ("steelyard.cli.x", "import os\nif os.name == 'nt': pass", "reads os.name"),
        ("steelyard.supervisor.x", "import platform\nplatform.system()", "reads platform.system"),
    ],
)
def test_wrong_code_is_seen(name: str, code: str, word: str) -> None:
    found = violations(Module(name, ast.parse(code), is_package=False))
    assert len(found) == 1, found
    assert word in found[0]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("steelyard.rules.x", "import json\nimport random\nrandom.Random(1)\nfrom .states import TaskState"),
        ("steelyard.machine.x", "import sys\nimport time\nif sys.platform == 'linux': time.monotonic()"),
        ("steelyard.cli.x", "import importlib\nimportlib.import_module(f'steelyard.cli.{name}')"),
        ("steelyard.cli.x", "import sys\nsys.argv\nimport platform\nplatform.python_version()"),
        ("steelyard.web.x", "from steelyard import __version__"),
        (
            "steelyard.worker.x",
            "from steelyard.machine import clocks\nfrom steelyard.rules import messages",
        ),
    ],
)
def test_right_code_passes(name: str, code: str) -> None:
    assert violations(Module(name, ast.parse(code), is_package=False)) == []


def test_a_platform_file_may_be_chosen_inside_a_function_of_its_package() -> None:
    code = ast.parse("def pick():\n    from steelyard.machine.memory import linux")
    assert violations(Module("steelyard.machine.memory", code, is_package=True)) == []


def test_a_slow_module_is_found_behind_others() -> None:
    fine = Module("steelyard.worker.a", ast.parse("from steelyard.machine import b"), is_package=False)
    slow = Module("steelyard.machine.b", ast.parse("import typing"), is_package=False)
    assert set(reached(fine.name, {fine.name: fine, slow.name: slow})) == {fine.name, slow.name}
