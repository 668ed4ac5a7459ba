"""Requests, and the OpenAPI specifications that they are compared with."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema


@dataclass(frozen=True)
class Asked:
    """Request that the product has sent."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any


def nullable(node: Any) -> Any:
    """Return the schema with OpenAPI's ``nullable`` written as JSON Schema writes it.

    The mark of Graph's open types goes, because it would allow every property.
    """
    if isinstance(node, list):
        return [nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    left_out = (("nullable", True), ("nullable", False), ("additionalProperties", True))
    plain = {key: nullable(value) for key, value in node.items() if (key, value) not in left_out}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


@cache
def specification(path: Path) -> Any:
    """Return an OpenAPI document as JSON Schema has it. It is read once, because it is large."""
    return nullable(json.loads(path.read_text(encoding="utf-8")))


def resolved(spec: Any, schema: Any) -> Any:
    """Return the schema to which a reference leads."""
    while "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def answer_of(spec: Any, path: str, method: str = "get") -> Any:
    """Return the schema of a good answer, with the document's components."""
    content = spec["paths"][path][method.lower()]["responses"]["200"]["content"]
    return next(iter(content.values()))["schema"] | {"components": spec["components"]}


class Spec:
    """OpenAPI document that requests are compared with."""

    def __init__(self, path: Path, known: dict[str, set[str]] | None = None) -> None:
        self._spec = specification(path)
        self._known = known or {}
        longest_first = sorted(self._spec["paths"], key=lambda template: template.count("{"))
        self._patterns = {
            template: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))
            for template in longest_first
        }

    def template(self, path: str) -> str:
        """Return the path as the specification spells it, or an empty text."""
        found = (name for name, pattern in self._patterns.items() if pattern.fullmatch(path))
        return next(found, "")

    def problems(self, asked: Asked) -> list[str]:
        """Return the parts of a request that are not in the specification.

        The ``known`` exceptions of this object, listed by path, are no problems.
        """
        template = self.template(asked.path)
        operation = self._spec["paths"].get(template, {}).get(asked.method.lower())
        if operation is None:
            return [f"{asked.method} {asked.path}: not in the specification"]
        if asked.body is None:
            return []
        if "requestBody" not in operation:
            return [f"{asked.method} {asked.path}: takes no body"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body = {
            key: value
            for key, value in asked.body.items()
            if key not in self._known.get(f"{asked.method} {template}", ())
        }
        errors = jsonschema.Draft202012Validator(
            schema | {"components": self._spec["components"]}
        ).iter_errors(body)
        found = [error.message for error in errors] + [
            f"{name} is not known" for name in self._unknown(schema, body)
        ]
        return [f"{asked.method} {asked.path}: {each}" for each in found]

    def _unknown(self, schema: Any, value: Any) -> Iterator[str]:
        """Yield properties that the specification does not name, at any depth.

        The specification allows others, but Graph refuses them.
        """
        parts = list(self._parts(schema))
        known = {name: part for each in parts for name, part in each.get("properties", {}).items()}
        if isinstance(value, list):
            for kind in [each["items"] for each in parts if "items" in each]:
                for item in value:
                    yield from self._unknown(kind, item)
        elif isinstance(value, dict) and known:
            for name, item in value.items():
                if name in known:
                    yield from self._unknown(known[name], item)
                else:
                    yield name

    def _parts(self, schema: Any) -> Iterator[Any]:
        """Yield the schema and all schemas that it consists of."""
        yield schema
        if "$ref" in schema:
            yield from self._parts(resolved(self._spec, schema))
        for part in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from self._parts(part)
