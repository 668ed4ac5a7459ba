"""Microsoft half as one object: its web pages, SMTP servers and control routes."""

import tempfile
from pathlib import Path

import httpx
from flask import Blueprint

from practice import tls
from practice.journal import Journal
from practice.mail import smtp
from practice.mail.connect import Connect
from practice.mail.connect_oauth import ConnectOAuth
from practice.mail.control import MailControl
from practice.mail.flow import Flow
from practice.mail.store import MailStore
from practice.microsoft import seed
from practice.microsoft.control import TenantControl
from practice.microsoft.exchange import web as exchange
from practice.microsoft.graph import web as graph
from practice.microsoft.signin import web as signin
from practice.microsoft.tokens import Keys, Vault
from practice.microsoft.world import World
from practice.settings import PracticeSettings


class Cloud:
    """Microsoft half of the practice cloud; call ``start`` and ``stop`` once each.

    It has Entra, Graph, Exchange, SMTP, Webex Connect and the agent. ``keys`` sign its tokens; if
    they are None, the cloud makes its own.
    """

    def __init__(
        self,
        journal: Journal,
        certificates: tls.Tls,
        settings: PracticeSettings,
        keys: Keys | None = None,
    ) -> None:
        self.world = World(journal, settings)
        self._tls, self.keys, self.vault = certificates, keys or Keys(), Vault()
        self.store = MailStore()
        self.connect = Connect(self.world, self.store)
        self.flow = Flow(self.world, self.store, self.connect.receive, self.connect.refusal)
        self._servers: list[smtp.Server] = []
        self._http: httpx.Client | None = None
        seed.fill(self.world)

    def blueprints(self) -> list[Blueprint]:
        """Return the blueprints of the cloud's own pages."""
        return [
            graph.blueprint(self.world, self.keys),
            exchange.blueprint(self.world, self.keys),
            signin.blueprint(self.world, self.vault, self.keys),
        ]

    def control(self) -> Blueprint:
        """Return the control routes under /practice/."""
        pages = Blueprint("microsoft_control", __name__, url_prefix="/practice")
        TenantControl(self.world, self.vault).register(pages)
        MailControl(self.world, self.connect, self.store).register(pages)
        return pages

    def start(self, base_url: str, transport: httpx.BaseTransport | None = None) -> None:
        """Start to listen for mail and set the cloud's own base URL.

        ``transport`` replaces the network to it. The ports in use are written back to the settings.
        """
        self.world.base_url = base_url.rstrip("/")
        context = self._tls.client_context()
        self._http = httpx.Client(verify=context, transport=transport, trust_env=False, timeout=30)
        self.connect.oauth = ConnectOAuth(self._http, self.world.base_url, self.world.now)
        self.connect.context = context
        with tempfile.TemporaryDirectory() as folder:
            strange = tls.make(Path(folder)).server_context()
        submission = smtp.submission(
            self.world, self.keys, self.flow, self._tls.server_context("smtp"), strange
        )
        exchanger = smtp.exchanger(self.world, self.flow)
        for server in (submission, exchanger):
            server.start()
            self._servers.append(server)
        self.world.settings.smtp_port, self.world.settings.probe_smtp_port = (
            submission.port,
            exchanger.port,
        )

    def stop(self) -> None:
        """Stop to listen for mail."""
        for server in self._servers:
            server.stop()
        self._servers.clear()
        if self._http:
            self._http.close()
