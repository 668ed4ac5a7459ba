"""Probe for the SMTP server, phase by phase, without a token.

If the connection fails, Webex Connect connects from elsewhere and may reach the server, and the next
connection may succeed.
"""

from __future__ import annotations

from datetime import timedelta

from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.mail.smtp_login import SmtpProbe, hello_probe
from jobs.model import Evidence, Finding, Signals, Text
from jobs.probes.probe import Probe


class SmtpServer(Probe):
    """Probe of greeting, certificate, STARTTLS and XOAUTH2 (platforms/microsoft.md 4)."""

    name = "smtp_server"

    async def inspect(self, ctx: StepContext) -> Finding:
        probe = await ctx.reads.read("smtp_server", lambda: hello_probe(ctx.settings.smtp_server))
        answers = Text("seen.smtp_answers", {"server": ctx.settings.smtp_server})
        return finding_from_probe(self, probe, answers, probe.lines)


FRESH = timedelta(hours=1)
"""Time within which an answer shows that the server can be reached, if no mail waits."""


def finding_from_probe(
    step: Step, probe: SmtpProbe, good: Text, evidence: tuple[Evidence, ...]
) -> Finding:
    """Return ``good`` if the connection worked, else the server's words and the failed phase.

    If the connection itself fails, for example behind our own firewall, an answer that left shows
    that only the bot is affected. A later failure is the server's own reply, so only a success from
    now on is newer.
    """
    if probe.ok:
        return step.ok(good, evidence=evidence)
    signals = Signals(harmless_after=now())
    if probe.failed_phase == "connect":
        signals = Signals(harmless_after=now() - FRESH, token_lives=True)
    return step.wrong(probe.seen, cause=probe.cause, signals=signals, evidence=evidence)
