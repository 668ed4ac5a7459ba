"""Faults between the product and its clouds, of every kind."""

import asyncio
import json
import re
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from practice.virtual_time import carry_out

UUID = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=oauth2PermissionGrants/)[\w-]{43,65}"
)
"""Pattern of an object ID in a path. The IDs of grants are base64url."""


class _Half(httpx.AsyncByteStream, httpx.SyncByteStream):
    """Answer whose connection ends in the middle."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"value": ['
        raise httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body"
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


@dataclass(frozen=True)
class Fault:
    """Fault of one kind.

    The field ``carried`` is True if the cloud carries out the request before it fails to answer.
    """

    name: str
    answer: Answer
    carried: bool = False


def _answers(status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> Answer:
    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, content=content)

    return answer


def _raises(kind: type[httpx.TransportError], *, late: bool = False) -> Answer:
    async def answer(request: httpx.Request) -> httpx.Response:
        if late:
            await asyncio.sleep(request.extensions["timeout"]["read"])
        raise kind("made up", request=request)

    return answer


async def _half(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "application/json"}, stream=_Half())


HTML, NULS = b"<html><body>Service unavailable</body></html>", b"\0" * 4096
FAULTS = (
    Fault("429 with Retry-After", _answers(429, {"Retry-After": "2"})),
    Fault("429 with a huge one", _answers(429, {"Retry-After": "99999999"})),
    Fault("500, carried out", _answers(500), carried=True),
    Fault("503", _answers(503)),
    Fault("timeout, carried out", _raises(httpx.ReadTimeout, late=True), carried=True),
    Fault("reset", _raises(httpx.ReadError)),
    Fault("reset, carried out", _raises(httpx.ReadError), carried=True),
    Fault("half a body", _half, carried=True),
    Fault("JSON of another shape", _answers(200, content=b"42"), carried=True),
    Fault("HTML", _answers(200, content=HTML), carried=True),
    Fault("NUL bytes", _answers(200, content=NULS), carried=True),
    Fault("401", _answers(401)),
    Fault("403", _answers(403)),
    Fault("403 of NUL bytes", _answers(403, content=NULS)),
)
"""One fault of each kind that the product treats in a way of its own.

The matrix of the HTTP layer has more of each kind (tests/unit/jobs/clouds/test_http.py).
"""


BY_NAME = {fault.name: fault for fault in FAULTS}
LISTED: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("calls.toml").read_text(encoding="utf-8")
)
"""Calls that the matrices hold, by part of the product."""


def name_of(request: httpx.Request) -> str:
    """Return a call's cmdlet, or its method and path.

    In a path, a star replaces each word that names an object.
    """
    path = unquote(urlsplit(str(request.url)).path)
    if path.endswith("/InvokeCommand"):
        return str(json.loads(request.content)["CmdletInput"]["CmdletName"])
    of_people = re.sub(r"/[^/]+@[^/]+", "/*", re.sub(r"^.*?/graph(?:/v1\.0)?(?=/)", "", path))
    plain = UUID.sub("*", re.sub(r"'[^']*'", "*", of_people))
    return f"{request.method} {plain}"


@dataclass
class Weather:
    """Connection between the product and the practice cloud, with a ``fault`` or without one.

    The field ``times`` is how often each call fails, and ``only`` is the one call that fails. If
    ``only`` is empty, every call fails.
    """

    http: httpx.Client
    fault: Fault | None = None
    times: int = 1
    only: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request or fail, as httpx.MockTransport's handler."""
        name = name_of(request)
        self.calls[name] += 1
        fails = (
            self.fault is not None and self.only in {"", name} and self.failed[name] < self.times
        )
        if not fails or self.fault is None:
            return self._real(request)
        self.failed[name] += 1
        if self.fault.carried:
            self._real(request)
        return await self.fault.answer(request)

    def _real(self, request: httpx.Request) -> httpx.Response:
        answer = self.http.request(
            request.method, str(request.url), headers=request.headers, content=request.content
        )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@dataclass
class Storm(httpx.BaseTransport):
    """Connection between msal and the sign-in pages, on which one call fails so many ``times``."""

    http: httpx.Client
    fault: Fault
    call: str
    times: int
    failed: int = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer the request, or fail."""
        path = re.sub(r"^/[^/]+/", "/*/", request.url.path)
        if f"{request.method} {path}" != self.call or self.failed >= self.times:
            return self._real(request)
        self.failed += 1
        if self.fault.carried:
            self._real(request)
        answered: list[httpx.Response] = []

        async def answer() -> None:
            answered.append(await self.fault.answer(request))

        carry_out(answer())
        return answered[0]

    def _real(self, request: httpx.Request) -> httpx.Response:
        answer = self.http.request(
            request.method,
            request.url.raw_path.decode(),
            headers=request.headers,
            content=request.read(),
        )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
