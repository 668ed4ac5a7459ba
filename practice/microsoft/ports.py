"""Interfaces that the Microsoft half needs from the shell around it."""

from __future__ import annotations

import ssl
from typing import Any, Protocol


class JournalPort(Protocol):
    """Interface of the journal of every write of the cloud.

    ``before`` and ``after`` never hold a secret.
    """

    def write(  # noqa: PLR0913, PLR0917  the fields of an entry
        self,
        who: str,
        service: str,
        action: str,
        object: str,  # noqa: A002  the journal's field name
        before: Any = None,
        after: Any = None,
    ) -> Any:
        """Note one write of the cloud."""


class TlsPort(Protocol):
    """Interface of the certificates of this start."""

    def server_context(self, service: str = "https") -> ssl.SSLContext:
        """Return a context for a server of the service on localhost."""

    def client_context(self) -> ssl.SSLContext:
        """Return a context for a client that trusts this cloud's authority."""


class SettingsPort(Protocol):
    """Interface of the settings: the delays in seconds, the ports, and the bot's own credentials.

    A port of 0 means any free port; the port in use is written back.
    """

    replication_s: float
    exchange_replication_s: float
    customization_s: float
    trace_delay_s: float
    smtp_port: int
    probe_smtp_port: int
    limits: int
    scopeless_refresh: int
    bot_client_id: str
    bot_client_secret: str
    contact_center_org: str

    def public(self) -> dict[str, Any]:
        """Return all settings except the credentials."""

    def change(self, values: dict[str, Any]) -> dict[str, Any]:
        """Set the named delays of the cloud.

        Raises:
            ValueError: for any other name or value.
        """
