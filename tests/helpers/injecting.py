"""Have one call in a function of the program raise, once: a fault of ours at that very place."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

Hook = Callable[[int, Any], Any]


class Broken(RuntimeError):
    """What a call raises."""


class Place:
    """The nth call that stands in a function or in a method, in the order of the text.

    owner: the module or class whose function it is, by that name.
    """

    def __init__(self, owner: Any, name: str, nth: int) -> None:
        self.owner, self.name, self.nth = owner, name, nth
        self.reached = False
        called = ast.unparse(_calls(_tree(owner, name))[nth].func)
        self._label = f"{owner.__name__.rpartition('.')[2]}.{name}:{nth} {called}"

    def __str__(self) -> str:
        return self._label

    def break_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on that call raises Broken the first time, and works from then on."""

        def raise_once(nth: int, called: Any) -> Any:
            if nth == self.nth and not self.reached:
                self.reached = True
                raise Broken(f"broken: {self}")
            return called

        _hook(self.owner, self.name, raise_once, monkeypatch)


def places(owner: Any, *names: str) -> list[Place]:
    """Every call in these functions of a module, or methods of a class."""
    return [Place(owner, name, nth) for name in names for nth in range(len(_calls(_tree(owner, name))))]


def watch(watched: list[Place], monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on each of these is `reached` as soon as it is, and nothing raises."""
    by_function: dict[tuple[Any, str], dict[int, Place]] = {}
    for place in watched:
        by_function.setdefault((place.owner, place.name), {})[place.nth] = place

    def note(found: dict[int, Place], nth: int, called: Any) -> Any:
        found[nth].reached = True
        return called

    for (owner, name), found in by_function.items():
        _hook(owner, name, lambda nth, called, found=found: note(found, nth, called), monkeypatch)


def _hook(owner: Any, name: str, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `hook` asked for what each call of the function calls. Whoever holds the function has it too."""
    function: FunctionType = getattr(owner, name)
    tree, hook_name = _tree(owner, name), f"__hook_of_{owner.__name__}_{name}__"
    for nth, call in enumerate(_calls(tree)):
        call.func = ast.Call(ast.Name(hook_name, ast.Load()), [ast.Constant(nth), call.func], [])
    ast.fix_missing_locations(tree)
    where: dict[str, Any] = {}
    exec(compile(tree, f"<{name} of {owner.__name__}>", "exec"), dict(function.__globals__), where)
    monkeypatch.setitem(function.__globals__, hook_name, hook)
    monkeypatch.setattr(function, "__code__", where[name].__code__)


def _tree(owner: Any, name: str) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(getattr(owner, name))))


def _calls(tree: ast.Module) -> list[ast.Call]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset, node.end_col_offset or 0))
