"""Server of the page: plain HTTP on 127.0.0.1 only, a thread per connection, no terminal output."""

from __future__ import annotations

import errno
import socket
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"


class PortTakenError(OSError):
    """Error because another program uses the port."""


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no requests to the terminal."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Log no messages: a closed browser is not an error."""


class PageServer(ThreadedWSGIServer):
    """Server of the page that runs until it is stopped.

    An open event stream does not delay the stop.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, app: WSGIApplication) -> None:
        """Take the port, on which browsers can connect once the server starts.

        Raises:
            PortTakenError: when another program uses the port.
        """
        _probe(port)
        super().__init__(HOST, port, app, _Quiet)

    @property
    def url(self) -> str:
        """Return the URL of the page, without a trailing slash."""
        return f"http://{HOST}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections."""

    def start(self) -> None:
        """Start to serve in a thread."""
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="page", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self.shutdown()
        self.server_close()


def _probe(port: int) -> None:
    """Check that no other program listens on the port.

    The check is needed because the server itself reuses addresses.

    Raises:
        PortTakenError: when the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                raise PortTakenError(error.errno, f"port {port} is taken") from error
            raise
