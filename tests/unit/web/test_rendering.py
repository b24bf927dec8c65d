"""Templates are compiled where nobody waits for it."""

from __future__ import annotations

import threading

import pytest
from jinja2 import Environment

from steelyard.web import rendering
from steelyard.web.access import Access
from steelyard.web.app import create_app
from tests.fakes.clocks import FakeClocks
from tests.fakes.supervisor import FakeSupervisor


async def test_all_are_compiled_at_the_start_in_a_thread_and_none_when_a_page_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: dict[str, int] = {}
    compile_ = Environment.compile

    def noting(self: Environment, source: object, name: str, *more: object, **also: object) -> object:
        compiled[name] = threading.get_ident()
        return compile_(self, source, name, *more, **also)  # type: ignore[call-overload]

    monkeypatch.setattr(Environment, "compile", noting)
    assert rendering.environment.cache is not None
    rendering.environment.cache.clear()
    app = create_app(FakeSupervisor(), Access(1, "token", FakeClocks()))
    async with app.router.lifespan_context(app):
        await app.state.compiling
        assert compiled.keys() == set(rendering.environment.list_templates())
        assert threading.get_ident() not in compiled.values()
        compiled.clear()
        rendering.error_page(404, "not_found", "There is nothing here.")
    assert not compiled


def test_compiling_ends_when_it_is_told_to() -> None:
    asked: list[bool] = []

    def enough() -> bool:
        asked.append(True)
        return len(asked) > 2

    rendering.compile_all(enough)
    assert len(asked) == 3
