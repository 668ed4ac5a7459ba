"""Comparison of a recorded answer with the practice cloud's.

A difference counts if the status, the error code, or a key that the product reads differs.
"""

from __future__ import annotations

from typing import Any

import httpx

from tests.contract.product_reads import names_read
from tests.contract.recordings import Json


def kind_of(value: Any) -> str:
    """Return the JSON type of a value."""
    return {"NoneType": "null", "bool": "boolean", "str": "string", "dict": "object"}.get(
        type(value).__name__, "array" if isinstance(value, list) else "number"
    )


def differences(recorded: Any, practice: Any, *, whole: bool = False, at: str = "") -> list[str]:
    """Return the keys that the product reads and that are missing or of another type.

    A recorded null says nothing about the type. Every recorded element of a list is compared with
    the practice cloud's first element. If the recording is ``whole``, a key that it does not have
    is a difference, too.
    """
    if isinstance(recorded, dict) and isinstance(practice, dict):
        return _of_objects(recorded, practice, whole=whole, at=at)
    if isinstance(recorded, list) and isinstance(practice, list) and practice:
        found = (differences(each, practice[0], whole=whole, at=f"{at}[]") for each in recorded)
        return sorted({line for lines in found for line in lines})
    if recorded is None or kind_of(recorded) == kind_of(practice):
        return []
    return [f"{at}: {kind_of(recorded)} recorded, {kind_of(practice)} here"]


def _of_objects(recorded: Json, practice: Json, *, whole: bool, at: str) -> list[str]:
    lines = []
    for name in names_read() & set(recorded):
        if name == "@odata.nextLink":
            continue
        if name in practice:
            lines += differences(recorded[name], practice[name], whole=whole, at=f"{at}.{name}")
        else:
            lines.append(f"{at}.{name}: missing here")
    more = {name for name in set(practice) - set(recorded) if "@" not in name} if whole else set()
    return sorted([*lines, *(f"{at}.{name}: not recorded" for name in more)])


def code_of(body: Any) -> str:
    """Return the error code in an answer, in either of OData's forms."""
    told = body.get("error") or body.get("odata.error") if isinstance(body, dict) else None
    return str(told.get("code", "")) if isinstance(told, dict) else ""


def compare(recorded: Json, answer: httpx.Response) -> list[str]:
    """Return every difference of behavior between a recorded answer and the practice cloud's."""
    response = recorded["response"]
    if response["status"] != answer.status_code:
        return [f"status {response['status']} recorded, {answer.status_code} here: {answer.text}"]
    body = response.get("body")
    here = answer.json() if body is not None else None
    if response["status"] >= 400:
        same = code_of(body) == code_of(here)
        return [] if same else [f"code {code_of(body)} recorded, {code_of(here)} here"]
    if isinstance(body, dict) and "value" in body and (rows := _of_rows(recorded, here)):
        return [rows]
    return differences(body, here, whole=bool(recorded.get("whole")))


def _of_rows(recorded: Json, here: Json) -> str:
    """Return that only one of two lists has rows, or an empty text if there is no such difference.

    If the request has no query, rows that were not recorded are no difference.
    """
    there, asked = recorded["response"]["body"]["value"], recorded["request"]["query"]
    if there and not here["value"]:
        return "rows recorded, none here"
    return "no row recorded, some here" if asked and not there and here["value"] else ""
