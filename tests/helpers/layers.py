"""The layers of docs/architecture.md as a table, and what reads a module and says where it breaks them.

Imports go down only and stand at the top, the system is asked for in machine/ alone, clocks are handed in.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "backend" / "steelyard"
STANDARD = frozenset(sys.stdlib_module_names)

# Pure: from values to values. No module that reaches a file, a process, a clock or the network. `datetime`
# only turns moments into text (its clocks are looked for below), `random` only lends its type.
PURE = frozenset(
    {
        *("__future__", "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "enum"),
        *(
            "fnmatch",
            "fractions",
            "functools",
            "heapq",
            "itertools",
            "json",
            "math",
            "numbers",
            "operator",
            "random",
            "re",
        ),
        *("statistics", "string", "textwrap", "types", "typing", "unicodedata"),
    }
)
# What an agent that is there within 60 ms cannot afford: these cost more than all the rest of it.
HEAVY = frozenset(["asyncio", "dataclasses", "inspect", "logging", "pathlib", "psutil", "typing"])


@dataclass(frozen=True)
class Layer:
    """What the modules of one folder may import: folders of ours, libraries, the standard library's."""

    ours: frozenset[str]
    libraries: frozenset[str]
    standard: frozenset[str]


def layer(ours: str, libraries: str = "", standard: frozenset[str] = STANDARD) -> Layer:
    return Layer(frozenset(ours.split()), frozenset(libraries.split()), standard)


# A folder's name, or a root module's -> what it may import. `steelyard` is the package's own __init__.
LAYERS = {
    "steelyard": layer("steelyard"),
    "rules": layer("rules", standard=PURE),
    "machine": layer("rules machine", "psutil platformdirs"),
    "store": layer("rules machine store", "peewee msgspec"),
    "settings": layer("rules machine settings", "jsonschema"),
    "supervisor": layer("steelyard rules machine store settings supervisor", "msgspec steelyard_task"),
    "cluster": layer("steelyard rules machine store settings supervisor cluster", "dask distributed"),
    "worker": layer("rules machine worker", standard=STANDARD - HEAVY),
    "web": layer(
        "steelyard rules machine store settings supervisor web",
        "starlette msgspec jinja2 websockets uvicorn h11 prometheus_client",
    ),
    "client": layer("steelyard rules machine client", "httpx websockets"),
    "cli": layer(
        "steelyard rules machine store settings supervisor cluster web client cli",
        "click httpx rich uvicorn starlette msgspec psutil",
    ),
    "__main__": layer("steelyard worker cli"),
    # Programs of their own, run by the user's Python: they know nothing of us.
    "simulations": layer("simulations", "numpy scipy matplotlib highspy steelyard_task steel_pathway"),
}

# The agent has messages of the rules, and of the machine what does without psutil.
WORKER_RULES = ("steelyard.rules.messages",)
WORKER_MACHINE = (
    "steelyard.machine.clocks",
    "steelyard.machine.containment",
    "steelyard.machine.decoding",
    "steelyard.machine.faultpoints",
    "steelyard.machine.heap",
    "steelyard.machine.identity",
    "steelyard.machine.interruption",
    "steelyard.machine.logs",
    "steelyard.machine.mark_lines",
    "steelyard.machine.process_table",
    "steelyard.machine.programs",
    "steelyard.machine.regular_files",
    "steelyard.machine.variables",
    "steelyard.machine.waiting",
)

SYSTEM = {
    "sys": {"platform", "getwindowsversion"},
    "os": {"name", "uname"},
    "platform": {"system", "uname", "win32_ver", "mac_ver", "freedesktop_os_release"},
}
CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
CLOCKED = frozenset({"rules", "store", "settings", "supervisor", "web", "worker"})


@dataclass(frozen=True)
class Module:
    """A module by its dotted name, its syntax, and whether it is a package's __init__."""

    name: str
    tree: ast.Module
    is_package: bool

    @property
    def folder(self) -> str:
        return folder_of(self.name)


def folder_of(name: str) -> str:
    """The layer that a dotted name of ours belongs to; what stands in the package's __init__: `steelyard`."""
    parts = name.split(".")
    if len(parts) == 1:
        return "steelyard"
    known = (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file() or parts[1] in LAYERS
    return parts[1] if known else "steelyard"


@cache
def modules() -> dict[str, Module]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("steelyard", *path.relative_to(PACKAGE).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, ast.parse(path.read_text(encoding="utf-8")), is_package)
    return found


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, wherever it stands; `from x import y` is x.y."""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, node.module] if node.module else above)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def wrong_imports(module: Module) -> Iterator[str]:
    """Whatever a module imports that its layer may not."""
    allowed = LAYERS[module.folder]
    for line, target in imports(module):
        top = target.split(".")[0]
        if top == "steelyard":
            if folder_of(target) not in allowed.ours:
                yield f"{module.name}:{line} {module.folder} may not import {folder_of(target)} ({target})"
            elif module.folder == "worker" and folder_of(target) in ("rules", "machine"):
                parts = WORKER_RULES + WORKER_MACHINE
                if not any(target == part or target.startswith(f"{part}.") for part in parts):
                    yield f"{module.name}:{line} worker may not import {target}"
        elif top not in (allowed.standard if top in STANDARD else allowed.libraries):
            yield f"{module.name}:{line} {module.folder} may not import {top}"


def hidden_imports(module: Module) -> Iterator[str]:
    """Imports inside functions, and those by a name made at run time that may lead out of the folder."""
    is_platform_choice = module.is_package and module.folder == "machine"
    for function in ast.walk(module.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and not is_platform_choice:
                    yield f"{module.name}:{node.lineno} imports inside a function"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__", "run_module"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.JoinedStr):
                first = first.values[0]
            text = first.value if isinstance(first, ast.Constant) else ""
            own = f"steelyard.{module.folder}."
            if not (isinstance(text, str) and text.startswith(own)) and module.folder != "simulations":
                yield f"{module.name}:{node.lineno} imports a module by a name that may be any"


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def reads(module: Module, of: dict[str, set[str]], *, only_calls: bool = False) -> Iterator[str]:
    """Where a module reads one of these attributes of these modules, under whatever name it imported them.

    only_calls: handing one on as a value, as the default of an argument, is no reading.
    """
    called = {id(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
    names = {name: name for name in of}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname and alias.name in of}
        elif isinstance(node, ast.ImportFrom) and node.module in of and not node.level:
            for alias in node.names:
                if alias.name in of[node.module]:
                    yield f"{module.name}:{node.lineno} reads {node.module}.{alias.name}"
                elif alias.asname and alias.name in of:
                    names[alias.asname] = alias.name
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and (id(node) in called or not only_calls):
            owner = node.value
            owner_name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            known = names.get(owner_name, "")
            if node.attr in of.get(known, ()):
                yield f"{module.name}:{node.lineno} reads {known}.{node.attr}"


def impurities(module: Module) -> Iterator[str]:
    """What a rule may not call although it needs no import, or only one that is allowed."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("open", "input", "print", "exec", "eval", "breakpoint"):
                yield f"{module.name}:{node.lineno} calls {node.func.id}()"
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "random":
            if node.attr == "Random":
                continue
            yield f"{module.name}:{node.lineno} uses the shared random.{node.attr}"


def violations(module: Module) -> list[str]:
    """All that is wrong with one module."""
    found = [*wrong_imports(module), *hidden_imports(module)]
    if module.folder != "machine":
        found += reads(module, SYSTEM)
    if module.folder in CLOCKED:
        found += reads(module, CLOCKS, only_calls=True)
    if module.folder == "rules":
        found += impurities(module)
    return found


def reached(start: str, known: dict[str, Module]) -> dict[str, str]:
    """Our modules that importing `start` loads, on any system, each with the one that asked for it."""
    came_from, todo = {start: ""}, [start]
    while todo:
        name = todo.pop()
        wanted = [target for _, target in imports(known[name]) if target.startswith("steelyard")]
        for target in [*wanted, name]:
            parts = target.split(".")
            for length in range(1, len(parts) + 1):
                part = ".".join(parts[:length])
                if part in known and part not in came_from:
                    came_from[part] = name
                    todo.append(part)
    return came_from
