"""The message traces of the last hours: what arrived, what was forwarded, which answers left, and with what words others failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from jobs.clock import now
from jobs.mail.trace import TraceRow, TraceStatus
from jobs.microsoft.errors import explain
from jobs.model import Evidence, Finding, State, Station, Words
from jobs.probe import Probe
from jobs.step import Context
from jobs.steps.test_mail import FAILED

BACK = timedelta(hours=48)
SPREAD = timedelta(minutes=10)
"""A copy is traced with its original's time, give or take; later rows are other mails."""


class _Traced(Probe):
    """The newest mail at one place of the way went on."""

    reads = ("ExchangeMessageTrace.Read.All",)

    async def _judge(self, ctx: Context, rows: Sequence[TraceRow]) -> Finding:
        """A failure counts only while nothing newer has gone through."""
        newest = next((row for row in rows if row.status is TraceStatus.DELIVERED or row.status in FAILED), None)
        if newest is None:
            return self.skipped(Words("skipped.no_mail"))
        at = f"{newest.received:%d %b %H:%M:%S} UTC"
        if newest.status is TraceStatus.DELIVERED:
            return self.ok(Words("seen.traced", {"at": at}), at=newest.received.isoformat())
        words = await ctx.trace().details(newest)
        cause = next((found.cause for line in words for found in explain(line) if found.cause), "mail_not_delivered")
        failures = [row for row in rows if row.status in FAILED]
        good = next((row for row in rows if row.status is TraceStatus.DELIVERED), None)
        first = min((row.received for row in failures if good is None or row.received > good.received), default=newest.received)
        last = good.received.isoformat() if good else ""
        finding = self.wrong(Words("seen.trace_failed", {"at": at}), cause=cause, since=first.isoformat(), at=last)
        return replace(finding, evidence=tuple(Evidence("trace", line) for line in words[-3:]))


class Arrivals(_Traced):
    """Mail arrives in the mailbox."""

    name = "arrivals"
    row = "V1"
    station = Station.MAILBOX
    because = ("mail_exchanger", "mailbox_user")

    async def inspect(self, ctx: Context) -> Finding:
        """Mail to the mailbox, from whomever."""
        return await self._judge(ctx, await ctx.trace().find(now() - BACK, recipient=ctx.channel.mailbox))


class Copies(_Traced):
    """Copies are delivered to Webex Connect."""

    name = "copies"
    row = "M3"
    station = Station.FORWARD
    because = ("forwarding", "outbound_policy", "remote_domain", "transport_rules", "arrivals", "mailbox_user")

    async def inspect(self, ctx: Context) -> Finding:
        """Mail to the forwarding address."""
        return await self._judge(ctx, await ctx.trace().find(now() - BACK, recipient=ctx.channel.forwarding_address))


class Answers(_Traced):
    """Answers leave the mailbox."""

    name = "answers"
    row = "V3"
    station = Station.ANSWER
    because = ("smtp_auth", "smtp_login", "smtp_server", "client_secret", "smtp_grant", "service_principal", "mailbox_user", "sessions")

    async def inspect(self, ctx: Context) -> Finding:
        """Mail from the mailbox, but for its own copies."""
        trace, since = ctx.trace(), now() - BACK
        sent, copies = await asyncio.gather(
            trace.find(since, sender=ctx.channel.mailbox), trace.find(since, recipient=ctx.channel.forwarding_address)
        )
        answers = [row for row in sent if row.recipient.lower() != ctx.channel.forwarding_address]
        finding = await self._judge(ctx, answers)
        handed = next((row for row in copies if row.status is TraceStatus.DELIVERED), None)
        if finding.state is State.WRONG or handed is None or any(_answers(row, handed) for row in answers):
            return finding
        at = {"at": f"{handed.received:%d %b %H:%M:%S} UTC"}
        return replace(finding, state=State.WARNING, seen=Words("seen.unanswered", at), cause="")


def _answers(row: TraceRow, mail: TraceRow) -> bool:
    """Whether the row answers the mail, by its subject, or is newer than it; traces tell seconds, so equal times tell nothing."""
    return row.received > mail.received or (bool(mail.subject) and mail.subject.lower() in row.subject.lower())
