"""What it says that the bot cannot reach the mail server: Webex Connect, which is elsewhere, may."""

from __future__ import annotations

from datetime import timedelta

from jobs.clock import now
from jobs.mail.smtp import SmtpProbe

FRESH = timedelta(hours=1)
"""An answer that left within so long shows that the server can be reached, if no other mail waits for one."""


def facts_of(probe: SmtpProbe) -> dict[str, str]:
    """Where already the connection fails, as it does behind a firewall of our own: what would show that this is ours alone."""
    if probe.failed_phase != "connect":
        return {}
    return {"harmless_after": (now() - FRESH).isoformat(), "token_lives": "yes"}
