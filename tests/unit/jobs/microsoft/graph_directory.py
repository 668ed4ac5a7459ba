"""Scripted directory that answers the requests of the tests."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx

BASE = "https://graph.microsoft.com/v1.0"
WHEN = datetime(2027, 5, 20, 12, 30, 1, 999, tzinfo=UTC)


class Directory:
    """Transport that answers by method and decoded path, or with 404, and keeps the requests."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[httpx.Headers] = []

    def on(self, method: str, path: str, *answers: tuple[int, Any]) -> None:
        """Script the answers to a request, in order; the last one is repeated."""
        self.answers[method, path] = list(answers)

    def filter(self) -> str:
        """Return the filter in the newest request."""
        return httpx.URL(BASE + self.asked[-1][1]).params["$filter"]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Record the request and return its next answer, as a handler of a transport."""
        raw = request.url.raw_path.decode().removeprefix("/v1.0")
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, raw, body))
        self.headers.append(request.headers)
        left = self.answers.get((request.method, unquote(raw.partition("?")[0]))) or [
            (404, {"error": {"code": "Request_ResourceNotFound"}})
        ]
        status, said = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(status, json=said) if said is not None else httpx.Response(status)
