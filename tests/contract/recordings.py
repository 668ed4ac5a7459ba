"""Recorded traffic of the real services, and a server that answers with it byte by byte.

The recordings are next to the project (``practice/shared.py``) and no part of it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import pytest

from practice.shared import ABSENT, SHARED
from tests.contract.product_reads import names_read
from tests.fixtures.serving import Quiet, Server, serving

Json = dict[str, Any]
FOLDER = SHARED / "recordings"
COUNTS = {"graph": 111, "exchange": 36, "token": 8, "smtp": 14, "webex": 11}
"""Number of entries in each file. A test compares it, so that no entry is lost unnoticed."""
needed = pytest.mark.skipif(not FOLDER.exists(), reason=ABSENT)
OF_CONNECTION = frozenset({"transfer-encoding", "content-length", "connection"})
"""Names of headers that say how a body is sent. The server of the tests sets them again."""


@cache
def entries(name: str) -> tuple[Json, ...]:
    """Return the entries of one file of recordings, or none if the recordings are absent."""
    path = FOLDER / f"{name}.json"
    return tuple(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else ()


def cases(name: str) -> list[Any]:
    """Return a test case for each entry of a file."""
    return [pytest.param(entry, id=entry["id"]) for entry in entries(name)]


def entry(name: str, number: str) -> Json:
    """Return the entry of a file that has this id."""
    return next(each for each in entries(name) if each["id"] == number)


def has_answer(entry: Json) -> bool:
    """Return whether the entry is an answer. Other entries claim a behavior in words."""
    return "claim" not in entry


def body_of(response: Json) -> bytes:
    """Return the body of a recorded answer as it was sent: NUL bytes, nothing, or encoded JSON."""
    if nuls := response.get("body_nul_bytes"):
        return b"\0" * int(nuls)
    if response.get("body") is None:
        return b""
    text = json.dumps(response["body"]).encode()
    encoding = {name.lower(): value for name, value in response["headers"].items()}.get(
        "content-encoding", ""
    )
    return gzip.compress(text) if encoding == "gzip" else text


@dataclass
class Player:
    """HTTP server that answers every request with the same recording.

    The field ``asked`` has the requests. The field ``after`` is the answer from the second request
    on, if it differs.
    """

    base: str = ""
    answer: Json = field(default_factory=dict)
    after: Json | None = None
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def play(self, response: Json, after: Json | None = None) -> Player:
        """Answer with this recording from now on."""
        self.answer, self.after = response, after
        self.asked.clear()
        return self

    def next(self) -> Json:
        """Return the answer to the newest request."""
        return self.after if self.after is not None and len(self.asked) > 1 else self.answer


@contextmanager
def player() -> Iterator[Player]:
    """Yield a player on a loopback port."""
    state = Player()

    class Recorded(Quiet):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            state.asked.append((self.command, self.path, self.sent()))
            response = state.next()
            body = body_of(response)
            self.send_response_only(response["status"])
            for name, value in response["headers"].items():
                if name.lower() not in OF_CONNECTION:
                    self.send_header(name, value)
            if response["status"] != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  http.server's names

    server = Server(Recorded)
    state.base = server.base
    with serving(server):
        yield state


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
