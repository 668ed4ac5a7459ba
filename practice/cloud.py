"""Practice cloud: the Webex half and the Microsoft half on one HTTPS server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import flask

from practice import clock, tls
from practice.control import Control
from practice.faults.control import FaultControl
from practice.hooks import Faults
from practice.journal import Journal
from practice.microsoft import Cloud as Microsoft
from practice.server import Server
from practice.settings import PracticeSettings
from practice.shell import Shell
from practice.webex import Webex
from practice.webex_services import Outside

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LARGEST_BODY = 16_000_000


class PracticeCloud:
    """Webex, Microsoft, mail, Webex Connect and the contact center on loopback.

    Call ``start`` and ``stop`` once each.
    """

    def __init__(self, port: int, folder: Path, settings: PracticeSettings) -> None:
        clock.set_ahead(settings.clock_ahead)
        self.settings, self.journal, self.faults = settings, Journal(), Faults()
        self.tls = tls.make(folder)
        self.webex = Webex(self.journal, settings)
        self.microsoft = Microsoft(self.journal, self.tls, settings)
        self.outside = Outside(self.microsoft.world, self.microsoft.connect, settings)
        self._server = Server(
            port, Shell(self._app(), self.journal, settings, self.faults), self.tls
        )

    @property
    def url(self) -> str:
        """Return the base URL of the server, without a trailing slash."""
        return f"https://localhost:{self._server.server_port}"

    def start(self) -> None:
        """Start to serve the practice cloud, in threads of this process."""
        self._server.start()
        self.microsoft.start(self.url)

    def stop(self) -> None:
        """Stop the server and everything behind it."""
        self.microsoft.stop()
        self.webex.stop()
        self._server.stop()

    def _app(self) -> WSGIApplication:
        app = flask.Flask("practice")
        app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
        app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
        control = [
            Control(self.journal, self.settings, self.faults).blueprint(),
            FaultControl(self.microsoft, self.faults, self.outside.state).blueprint(),
            self.webex.control(),
            self.microsoft.control(),
            self.outside.control(),
        ]
        for pages in [
            *control,
            *self.webex.blueprints(),
            *self.microsoft.blueprints(),
            *self.outside.blueprints(),
        ]:
            app.register_blueprint(pages)
        return app
