"""An HTTPS server with a thread a connection: a slow or silent client holds up nobody else."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from practice.tls import Tls

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HANDSHAKE_S = 10.0


class _Quiet(WSGIRequestHandler):
    """Writes nothing to the terminal: every call is in the journal."""

    timeout = 60

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base's word
        """Only what went wrong in the application itself."""
        if type == "error" and "SSL" not in message:
            super().log(type, message, *args)


class Server(ThreadedWSGIServer):
    """Werkzeug's threaded server; TLS begins in the connection's own thread, not where connections are accepted."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, app: WSGIApplication, tls: Tls) -> None:
        super().__init__("127.0.0.1", port, app, _Quiet)  # its own TLS would shake hands in the accepting thread
        self._tls = self.ssl_context = tls.server_context()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, then answer."""
        request.settimeout(HANDSHAKE_S)
        try:
            wrapped = self._tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        with contextlib.closing(wrapped):
            super().finish_request(wrapped, client_address)
            with contextlib.suppress(OSError):
                wrapped.shutdown(socket.SHUT_WR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is nobody's business here."""

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="https", daemon=True).start()

    def stop(self) -> None:
        """Stop and free the port."""
        self.shutdown()
        self.server_close()
