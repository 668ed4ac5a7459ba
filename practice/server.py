"""HTTPS server with a thread per connection, so that a slow client delays no other.

Connections stay open between calls, as in the real clouds. Otherwise every call would need a TLS
handshake.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from practice import clock
from practice.tls import Tls

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

HANDSHAKE_S = 10.0
IDLE_S = 60
LARGEST_KEPT = 8_000_000
BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class _Handler(WSGIRequestHandler):
    """Handler that reads each request completely, so that the next one starts correctly.

    The requests of a connection follow each other. Werkzeug's own handler closes every connection.
    This one writes nothing to the terminal, because every call is in the journal.
    """

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = 65_536

    def run_wsgi(self) -> None:
        """Answer one request with the WSGI application."""
        environ = self._environ()
        try:
            self._answer(environ, self.server.app)
        except ConnectionError:
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        """Accept a request that waits for leave to send its body.

        The body is read before the application gets the request.
        """
        done = super().handle_expect_100()
        self.wfile.flush()
        return done

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time of the ``Date`` header by the cloud's clock."""
        return super().date_time_string(clock.now().timestamp() if timestamp is None else timestamp)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no requests to the terminal."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Log only errors of the application itself."""
        if type == "error" and "SSL" not in message:
            super().log(type, message, *args)

    def _environ(self) -> WSGIEnvironment:
        environ = self.environ = self.make_environ()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if environ.get("wsgi.input_terminated") or length > LARGEST_KEPT:
            self.close_connection = True
        else:
            environ["wsgi.input"] = io.BytesIO(self.rfile.read(length))
        return environ

    def _answer(self, environ: WSGIEnvironment, app: WSGIApplication) -> None:
        told: dict[str, Any] = {}

        def note(
            status: str, headers: list[tuple[str, str]], _error: object = None
        ) -> Callable[[bytes], object]:
            told.update(status=status, headers=headers)
            return self.wfile.write

        parts = app(environ, note)
        try:
            self._write(told, parts)
        finally:
            with contextlib.suppress(AttributeError):
                parts.close()  # type: ignore[attr-defined]  # WSGI: call it if it exists

    def _write(self, told: dict[str, Any], parts: Iterable[bytes]) -> None:
        """Send the headers and body in one packet if the length is known.

        A stream ends with its connection.
        """
        sized = self._send_head(told)
        for part in parts:
            self.wfile.write(part if self.command != "HEAD" else b"")
            if not sized:
                self.wfile.flush()
        self.wfile.flush()

    def _send_head(self, told: dict[str, Any]) -> bool:
        """Send the status and the headers, and return whether the body's length is known."""
        code, _, phrase = told["status"].partition(" ")
        self.send_response(int(code), phrase)
        for name, value in told["headers"]:
            self.send_header(name, value)
        names = {name.lower() for name, _ in told["headers"]}
        sized = "content-length" in names or int(code) in BODILESS
        if self.close_connection or not sized:
            self.send_header("Connection", "close")
        self.end_headers()
        return sized


class Server(ThreadedWSGIServer):
    """Werkzeug's threaded server with TLS handshakes in each connection's thread.

    Connections are accepted without waiting for a handshake.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, app: WSGIApplication, tls: Tls) -> None:
        super().__init__(
            "127.0.0.1", port, app, _Handler
        )  # its own TLS would do the handshake in the accepting thread
        self._tls = self.ssl_context = tls.server_context()
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do the TLS handshake of a connection, then answer its requests."""
        request.settimeout(HANDSHAKE_S)
        try:
            wrapped = self._tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        self._open.add(wrapped)
        with contextlib.closing(wrapped):
            try:
                super().finish_request(wrapped, client_address)
                with contextlib.suppress(OSError):
                    wrapped.shutdown(socket.SHUT_WR)
            finally:
                self._open.discard(wrapped)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections."""

    def start(self) -> None:
        """Start to serve in a thread."""
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="https", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop serving, free the port, and close idle connections."""
        self.shutdown()
        self.server_close()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
