"""What the Microsoft half needs from the shell around it, and nothing more."""

from __future__ import annotations

import ssl
from typing import Any, Protocol


class JournalPort(Protocol):
    """Where every write of the cloud is noted; ``before`` and ``after`` never hold a secret."""

    def write(self, who: str, service: str, action: str, object: str, before: Any = None, after: Any = None) -> Any:  # noqa: A002, PLR0913, PLR0917 - the journal's own words
        """Note one write."""


class TlsPort(Protocol):
    """The certificates of this start."""

    def server_context(self) -> ssl.SSLContext:
        """A context for a server on localhost."""

    def client_context(self) -> ssl.SSLContext:
        """A context for a client that trusts this cloud's authority."""


class SettingsPort(Protocol):
    """The delays (in seconds), the ports (0 is any free one, written back) and the bot's own credentials."""

    replication_s: float
    customization_s: float
    trace_delay_s: float
    smtp_port: int
    probe_smtp_port: int
    limits: int
    bot_client_id: str
    bot_client_secret: str

    def public(self) -> dict[str, Any]:
        """Everything but the credentials."""

    def change(self, values: dict[str, Any]) -> dict[str, Any]:
        """Set the named delays; raises ``ValueError`` for anything else."""
