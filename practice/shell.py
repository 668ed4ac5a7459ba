"""Layer around every cloud call that adds latency, faults, and a line in the journal.

Control calls pass unchanged.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from practice.hooks import Fault, Faults
from practice.journal import Journal
from practice.settings import PracticeSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTROL = "/practice/"
THROTTLED = ("/graph/", "/adminapi/", "/webex/v1/")
TOO_MANY = b'{"error":{"code":"TooManyRequests","message":"Too many requests"},"message":"Too many requests"}'


class Shell:
    """WSGI application that wraps another one in latency, faults and the journal."""

    def __init__(
        self, app: WSGIApplication, journal: Journal, settings: PracticeSettings, faults: Faults
    ) -> None:
        self._app, self._journal, self._settings, self._faults = app, journal, settings, faults
        self._throttleable = itertools.count(1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call, with its latency and its fault, and record it in the journal."""
        path, method = str(environ.get("PATH_INFO", "")), str(environ["REQUEST_METHOD"])
        if path.startswith(CONTROL):
            return self._app(environ, start_response)
        started = time.monotonic()
        time.sleep(self._settings.latency_ms / 1000)
        cmdlet = str(environ.get("HTTP_X_CMDLETNAME", ""))
        fault = self._faults.take(method, path, cmdlet) or self._throttled(path)
        status, headers, body = self._answer(environ, fault)
        code = int(status.split(" ", 1)[0])
        who, request_id = (
            str(environ.get("practice.who") or _caller(environ)),
            str(environ.get("HTTP_CLIENT_REQUEST_ID", "")),
        )
        self._journal.call(who, method, path, code, time.monotonic() - started, request_id, cmdlet)
        if fault and fault.reset:
            _reset(environ)
        start_response(status, headers)
        return [body]

    def _throttled(self, path: str) -> Fault | None:
        """Return a 429 fault for one of every ``throttle_every`` API calls, otherwise None.

        Sign-in pages are never throttled.
        """
        every = int(self._settings.throttle_every)
        if not every or not path.lower().startswith(THROTTLED) or next(self._throttleable) % every:
            return None
        return Fault(
            path, status=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": "1"}, body=TOO_MANY
        )

    def _answer(
        self, environ: WSGIEnvironment, fault: Fault | None
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        if fault is None:
            return self._real(environ)
        breaks = bool(fault.status or fault.reset)
        time.sleep(fault.delay_s)
        real = self._real(environ) if fault.process or not breaks else None
        time.sleep(fault.late_s)
        return _broken(fault) if real is None or breaks else real

    def _real(self, environ: WSGIEnvironment) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return the application's whole response.

        With the whole response, the call can be timed and its answer dropped.
        """
        told: dict[str, Any] = {}

        def note(status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
            told.update(status=status, headers=headers)

        result = self._app(environ, note)
        body = b"".join(_closed(result))
        return told["status"], told["headers"], body


def _broken(fault: Fault) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return the response that the fault defines."""
    code = fault.status or 599
    phrase = HTTPStatus(code).phrase if code in HTTPStatus.__members__.values() else "Fault"
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(fault.body)),
        **fault.headers,
    }
    return f"{code} {phrase}", list(headers.items()), fault.body


def _closed(result: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from result
    finally:
        with contextlib.suppress(AttributeError):
            result.close()  # type: ignore[attr-defined]  # WSGI: call it if it exists


def _reset(environ: WSGIEnvironment) -> None:
    """Break the connection without a response and without TLS's close message.

    Raises:
        ConnectionResetError: always.
    """
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("asked for by a fault")


def _caller(environ: WSGIEnvironment) -> str:
    """Return the caller named in the claims of a bearer token, which is not verified here."""
    _, _, token = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    with contextlib.suppress(ValueError, IndexError):
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        return str(claims.get("upn") or claims.get("appid") or "-")
    return "-"
