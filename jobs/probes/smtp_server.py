"""Probe for the SMTP server, phase by phase, without a token."""

from __future__ import annotations

from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.mail.smtp_login import hello_probe
from jobs.model import Access, Finding, Text
from jobs.probes._reach import finding_from_probe


class SmtpServer(Probe):
    """Probe of greeting, certificate, STARTTLS and XOAUTH2 (facts/microsoft.md 4)."""

    name = "smtp_server"
    article_row = "TLS"
    diagnosis = Diagnosis(
        explains=frozenset(
            {
                Cause.SMTP_UNREACHABLE,
                Cause.TIMED_OUT,
                Cause.SMTP_NO_STARTTLS,
                Cause.SMTP_TLS_FAILED,
                Cause.SMTP_CERTIFICATE_INVALID,
                Cause.SMTP_NO_OAUTH,
                Cause.SMTP_BUSY,
                Cause.SMTP_TOO_MANY_CONNECTIONS,
            }
        ),
        access=Access.NONE,
        caused_by=("exchange_health",),
        superseded_by=("smtp_login", "answers"),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        probe = await ctx.reads.read("smtp_server", lambda: hello_probe(ctx.settings.smtp_server))
        answers = Text("seen.smtp_answers", {"server": ctx.settings.smtp_server})
        return replace(finding_from_probe(self, probe, answers), evidence=probe.lines)
