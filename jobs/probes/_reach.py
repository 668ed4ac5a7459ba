"""Meaning of a failed connection to the mail server from the bot.

Webex Connect connects from elsewhere and may reach it, and the next connection may succeed.
"""

from __future__ import annotations

from datetime import timedelta

from jobs.clock import now
from jobs.engine.step import Step
from jobs.mail.smtp_login import SmtpProbe
from jobs.model import Finding, Signals, Text

FRESH = timedelta(hours=1)
"""Time within which an answer shows that the server can be reached, if no mail waits."""


def finding_from_probe(step: Step, probe: SmtpProbe, good: Text) -> Finding:
    """Return ``good`` if the connection worked, else the server's words and the failed phase."""
    return (
        step.ok(good)
        if probe.ok
        else step.wrong(probe.seen, cause=probe.cause, signals=signals_of(probe))
    )


def signals_of(probe: SmtpProbe) -> Signals:
    """Return the signals that say which later success shows that the failure is harmless.

    If the connection itself fails, for example behind our own firewall, an answer that left shows
    that only the bot is affected. A later failure is the server's own reply, so only a success from
    now on is newer.
    """
    if probe.failed_phase != "connect":
        return Signals(harmless_after=now())
    return Signals(harmless_after=now() - FRESH, token_lives=True)
