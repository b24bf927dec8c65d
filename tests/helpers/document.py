"""Answers of a running server, held to its OpenAPI document."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from steelyard.rules.timestamps import unix

Json = dict[str, Any]
_HERE = "urn:document"
_FORMATS = FormatChecker(())


@_FORMATS.checks("date-time", ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or (value.endswith("Z") and unix(value) > 0)


class Document:
    """An OpenAPI document, and which of its operations and answers were seen."""

    def __init__(self, content: Json) -> None:
        self.content = content
        self.seen: set[tuple[str, str, int]] = set()
        """(method, path, status)."""
        self._registry = Registry().with_resource(_HERE, DRAFT202012.create_resource(content))
        # Of two that fit, the one with fewer words in braces: /api/tasks/batch/ is no id.
        ordered = sorted(content["paths"], key=lambda path: (path.count("{"), path))
        self._patterns = [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path) for path in ordered]

    @property
    def operations(self) -> set[tuple[str, str]]:
        """(method, path) of all."""
        return {(method.upper(), path) for path, item in self.content["paths"].items() for method in item}

    def resolve(self, thing: Json) -> Json:
        """The thing that a reference names."""
        if "$ref" not in thing:
            return thing
        found: Any = self.content
        for word in thing["$ref"].removeprefix("#/").split("/"):
            found = found[word]
        return dict(found)

    def path_of(self, path: str) -> str:
        """The path of the document that an address is one of."""
        return next(known for pattern, known in self._patterns if pattern.fullmatch(path))

    def answers(self, method: str, path: str) -> dict[str, Json]:
        """Status -> its answer, of an operation."""
        found = self.content["paths"][path][method.lower()]["responses"]
        return {status: self.resolve(answer) for status, answer in found.items()}

    def check(self, answer: httpx.Response) -> None:
        """AssertionError unless the document has this answer, with this content."""
        request = answer.request
        path = self.path_of(request.url.path)
        known = self.answers(request.method, path)
        where = f"{request.method} {request.url} -> {answer.status_code}"
        assert str(answer.status_code) in known, f"{where} is not in the document: {answer.text[:300]}"
        self.seen.add((request.method, path, answer.status_code))
        described = known[str(answer.status_code)]
        for name in described.get("headers", {}):
            assert name in answer.headers, f"{where} lacks {name}"
        content = described.get("content")
        if content is None:
            assert not answer.content, where
            return
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in content or "*/*" in content, f"{where} is {kind}, expected {list(content)}"
        if kind == "application/json" and kind in content:
            self.validate(answer.json(), content[kind]["schema"], where)

    def validate(self, value: Any, schema: Json, where: str) -> None:
        """AssertionError unless the value fits the schema."""
        # References in the schema are to the document's own components.
        absolute = json.loads(json.dumps(schema).replace('"#/', f'"{_HERE}#/'))
        validator = Draft202012Validator(absolute, registry=self._registry, format_checker=_FORMATS)
        wrong = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]
        assert not wrong, f"{where}: {wrong}"

    def component(self, name: str) -> Json:
        """A reference to a schema."""
        assert name in self.content["components"]["schemas"]
        return {"$ref": f"#/components/schemas/{name}"}
