"""Components of /openapi.json: the schemas of all types, and the answers that refuse, each written once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from steelyard.rules.errors import SteelyardError
from steelyard.web.describing import HTML, JSON, Answer, description_of
from steelyard.web.errors import STATUS
from steelyard.web.routing import Handler
from steelyard.web.schemas.common import Error

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"


def ref(type_: type[msgspec.Struct]) -> Json:
    """A reference to the schema of a type."""
    return {"$ref": _REF.format(name=type_.__name__)}


def schemas_of(handlers: Iterable[Handler]) -> Json:
    """JSON Schema of every type that a handler takes or answers, and of what they are made of."""
    types: dict[type[msgspec.Struct], None] = {Error: None}
    for handler in handlers:
        found = description_of(handler)
        if found is not None:
            bodies = [found.body] if isinstance(found.body, type) else []
            types |= dict.fromkeys(
                [*bodies, *(answer.type for answer in found.answers.values() if answer.type is not None)]
            )
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    for type_ in types:
        components[type_.__name__] |= getattr(type_, "rule", {})
    for schema in _inside(components):
        if str(schema.get("pattern", "")).endswith("\\Z"):
            # The regular expressions of JSON Schema have no \Z; their $ is what it is.
            schema["pattern"] = schema["pattern"][:-2] + "$"
    return dict(sorted(components.items()))


def _inside(value: Any) -> Iterator[Json]:
    """Every object in it."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _inside(one)


class Refusals:
    """The answers that refuse, each written once under a name and referred to."""

    def __init__(self) -> None:
        self.known: dict[str, Json] = {}

    def refer(self, kinds: Iterable[type[SteelyardError]], *, html: bool) -> dict[str, Json]:
        """Status -> a reference to its answer, with the codes that these refusals have."""
        by_status: dict[str, list[str]] = {}
        for kind in dict.fromkeys(kinds):
            by_status.setdefault(str(STATUS[kind]), []).append(kind.code)
        return {status: self._one(status, codes, html) for status, codes in by_status.items()}

    def _one(self, status: str, codes: list[str], html: bool) -> Json:
        name = "-".join([status, *codes, *(["or-a-page"] if html else [])])
        self.known.setdefault(name, _refusal(status, codes, html))
        return {"$ref": f"#/components/responses/{name}"}


def _refusal(status: str, codes: list[str], html: bool) -> Json:
    code = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
    content: Json = {JSON: {"schema": {"allOf": [ref(Error), code]}}}
    if html:
        content[HTML] = {"schema": {"type": "string"}}
    found: Json = {"description": f"{', '.join(codes)}.", "content": content}
    if status == "401":
        found["headers"] = {"www-authenticate": {"schema": {"type": "string"}, "description": "Bearer."}}
    return found


def response(answer: Answer) -> Json:
    """An answer that is no refusal."""
    found: Json = {"description": answer.text}
    if answer.headers:
        found["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
        }
    if answer.media:
        schema: Json = {"*/*": {}, JSON: {"type": "object"}}.get(answer.media, {"type": "string"})
        found["content"] = {answer.media: {"schema": ref(answer.type) if answer.type else schema}}
    return found
