"""What it says that the mail server fails the bot: Webex Connect, which is elsewhere, may reach it, and the next connection may go well."""

from __future__ import annotations

from datetime import timedelta

from jobs.clock import now
from jobs.engine.step import Step
from jobs.mail.smtp_login import SmtpProbe
from jobs.model import Finding, Signals, Text

FRESH = timedelta(hours=1)
"""An answer that left within so long shows that the server can be reached, if no other mail waits for one."""


def finding_of(step: Step, probe: SmtpProbe, good: Text) -> Finding:
    """Return ``good`` if the probe got through, else the server's words and where it stopped."""
    return step.ok(good) if probe.ok else step.wrong(probe.seen, cause=probe.cause, signals=signals_of(probe))


def signals_of(probe: SmtpProbe) -> Signals:
    """What would show that the failure is no cause: from when on a success counts.

    Where already the connection fails, as it does behind a firewall of our own, an answer that left shows that this is ours alone. What
    fails later is the server's own word: only what goes well at this very look is newer.
    """
    if probe.failed_phase != "connect":
        return Signals(harmless_after=now())
    return Signals(harmless_after=now() - FRESH, token_lives=True)
