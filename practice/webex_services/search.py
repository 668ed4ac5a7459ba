"""GraphQL search of the contact center, as far as a query about tasks needs it.

Source: platforms/connect.md 3.1. The field is ``lastQueue``, not ``queue``. Times are in
milliseconds. With times in seconds the answer is empty and gives no reason. Introspection is off.
"""

from __future__ import annotations

import re
from typing import Any, Final

from flask import jsonify
from flask.typing import ResponseReturnValue

Json = dict[str, Any]
FIELDS: Final = frozenset(
    {
        "id",
        "status",
        "channelType",
        "origin",
        "destination",
        "direction",
        "createdTime",
        "isActive",
        "lastQueue",
    }
)
_SPAN: Final = re.compile(r"\bfrom:\s*(\d+)\s*,?\s*to:\s*(\d+)")
_SELECTED: Final = re.compile(r"\btasks\s*\{(.*)", re.DOTALL)
_INNER: Final = re.compile(r"\{[^{}]*\}")


def search(query: str, tasks: list[Json]) -> ResponseReturnValue:
    """Return the tasks of the interval with the selected fields, or the errors of the query."""
    if "__schema" in query or "__type" in query:
        return _errors("Introspection has been disabled for this request")
    span = _SPAN.search(query)
    if span is None:
        return _errors("Missing field argument 'from' or 'to'")
    wanted = _selected(query)
    if unknown := [name for name in wanted if name not in FIELDS]:
        return _errors(
            f"Validation error (FieldUndefined@[taskDetails/tasks/{unknown[0]}]) :"
            f" Field '{unknown[0]}' in type 'Task' is undefined"
        )
    first, last = map(int, span.groups())
    there = (task for task in tasks if first <= task["attributes"]["createdTime"] <= last)
    found = [{name: row[name] for name in wanted} for row in map(_row, there)]
    return jsonify({"data": {"taskDetails": {"tasks": found}}})


def _selected(query: str) -> list[str]:
    """Return the names of a task's fields that the query selects, without their inner fields."""
    found = _SELECTED.search(query)
    inner = _INNER.sub("", found[1]).partition("}")[0] if found else ""
    return re.findall(r"\w+", inner)


def _row(task: Json) -> Json:
    values = task["attributes"]
    active = values["status"] != "completed"
    return {**values, "id": task["id"], "isActive": active, "lastQueue": values["queue"]}


def _errors(words: str) -> ResponseReturnValue:
    return jsonify({"errors": [{"message": words}], "data": None}), 400
