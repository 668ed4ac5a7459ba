"""Requests to Microsoft Graph: OData literals, keys, paging and the token."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudReply, MalformedAnswer, NotFound
from jobs.clouds.http import Call, request
from jobs.clouds.json_values import dicts_in, text_of
from jobs.clouds.rate_limit import RateLimiter
from jobs.clouds.single_flight import SingleFlight
from jobs.clouds.token_source import TokenSource, with_token
from jobs.microsoft.responses import judge_graph

Json = dict[str, Any]

_MOST_PAGES = 20


def text(value: str) -> str:
    """Return an OData string literal."""
    return "'" + value.replace("'", "''") + "'"


def key(value: str) -> str:
    """Return an OData key for a path: a percent-encoded string literal."""
    return f"'{segment(value.replace(chr(39), chr(39) * 2))}'"


def segment(value: str) -> str:
    """Return a percent-encoded path segment, including the ``#`` in a guest's UPN."""
    return quote(value, safe="@")


def instant(moment: datetime) -> str:
    """Return a moment in OData's format, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class GraphCalls:
    """Requests to one Graph below ``/v1.0``, and below ``/beta`` for data that only beta lists."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        token_source: TokenSource,
        base_url: str,
        reads: SingleFlight | None = None,
        pace: RateLimiter | None = None,
    ) -> None:
        self._http = http
        self._token_source = token_source
        self._root = base_url.rstrip("/")
        self._base = f"{self._root}/v1.0"
        self._reads = reads or SingleFlight()
        self._pace = pace or RateLimiter(())

    async def find(self, path: str, params: Mapping[str, str] | None = None) -> Json | None:
        """Return the object at a path, or None if Graph answers 404."""
        try:
            return await self.get(path, params)
        except NotFound:
            return None

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, has: str = "id"
    ) -> Json:
        """Return the object at a path.

        Raises:
            MalformedAnswer: the answer has no field ``has``, so it is not that object.
        """
        found = as_object(await self._call(Call("graph", "GET", self._base + path, params or {})))
        promised(found, has)
        return found

    async def collection(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        pages: int = _MOST_PAGES,
        version: str = "v1.0",
        headers: Mapping[str, str] | None = None,
    ) -> list[Json]:
        """Return the objects of a collection from all its pages (20 pages at most)."""
        rows: list[Json] = []
        sent = headers or {}
        call = Call("graph", "GET", f"{self._root}/{version}{path}", params or {}, sent)
        for _ in range(pages):
            page = as_object(await self._call(call))
            rows += rows_of(page)
            if not (following := self._following(page, version)):
                break
            call = Call("graph", "GET", following, headers=sent)
        return rows

    def _following(self, page: Json, version: str) -> str:
        """Return the URL of the next page, or an empty string after the last page.

        The URL always points at this Graph, whatever host name the link contains, so that the token
        goes to no other host.

        Raises:
            MalformedAnswer: the link points elsewhere. Without those rows nothing can be
                reported as missing.
        """
        link = text_of(page, "@odata.nextLink")
        if not link:
            return ""
        _, found, rest = link.partition(f"/{version}/")
        if not found:
            raise MalformedAnswer(
                Cause.ANSWER_UNREADABLE,
                CloudReply(
                    "graph", httpx.codes.OK, message="a next page that is no page of Graph's"
                ),
            )
        return f"{self._root}/{version}/{rest}"

    async def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Any:
        """Send a write request and return the answer's JSON, or None if it has no body."""
        return await self._call(
            Call(
                "graph",
                method,
                self._base + path,
                headers=headers or {},
                body=body,
                repeatable=repeatable,
            )
        )

    async def remove(self, path: str) -> None:
        """Delete an object; a 404 is success, as an earlier answer may have been lost."""
        with suppress(NotFound):
            await self.send("DELETE", path)

    async def _call(self, call: Call) -> Any:
        if call.method == "GET":
            return await self._reads.read(
                f"GET {call.url}?{sorted(call.params.items())}", lambda: self._sent(call)
            )
        async with self._reads.writing():
            return await self._sent(call)

    async def _sent(self, call: Call) -> Any:
        async def send(token: str) -> Any:
            headers = {**call.headers, "Authorization": f"Bearer {token}"}
            async with self._pace.slot(call.url):
                return (await request(self._http, replace(call, headers=headers), judge_graph)).data

        return await with_token(self._token_source, send)


def as_object(data: Any) -> Json:
    """Return the answer as a JSON object.

    Raises:
        MalformedAnswer: it is anything else.
    """
    if not isinstance(data, dict):
        raise MalformedAnswer(
            Cause.ANSWER_UNREADABLE,
            CloudReply("graph", httpx.codes.OK, message="not a JSON object"),
        )
    return data


def promised(row: Json, name: str) -> str:
    """Return a value that the documentation promises.

    Raises:
        MalformedAnswer: the value is missing, which says nothing about the tenant.
    """
    if row.get(name) in (None, ""):
        raise MalformedAnswer(
            Cause.ANSWER_UNREADABLE,
            CloudReply("graph", httpx.codes.OK, message=f"an object without {name}"),
        )
    return str(row[name])


def rows_of(page: Json) -> list[Json]:
    """Return the objects in a page of a collection.

    Raises:
        MalformedAnswer: the page has no list, which does not mean an empty one.
    """
    rows = page.get("value")
    if not isinstance(rows, list) or dicts_in(rows) != rows:
        raise MalformedAnswer(
            Cause.ANSWER_UNREADABLE,
            CloudReply("graph", httpx.codes.OK, message="a page without a list of objects"),
        )
    return rows
