"""The message traces of the last hours: what arrived, what was forwarded, which answers left, and with what words others failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import takewhile

from jobs.clock import now
from jobs.mail.trace import TraceRow
from jobs.microsoft.errors import explain
from jobs.model import Evidence, Finding, State, Station, Words
from jobs.probe import Probe
from jobs.step import Context
from jobs.steps.test_mail import FAILED

BACK = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Passage:
    """The mails at one place of the way, newest first. A failure counts only while nothing newer has gone through."""

    newest: TraceRow | None
    good: TraceRow | None
    failures: tuple[TraceRow, ...]

    @classmethod
    def of(cls, rows: Sequence[TraceRow]) -> Passage:
        """From the rows of a trace; what is still on its way says nothing yet."""
        done = [row for row in rows if row.status.went_on or row.status in FAILED]
        good = next((row for row in done if row.status.went_on), None)
        return cls(done[0] if done else None, good, tuple(takewhile(lambda row: row.status in FAILED, done)))

    @property
    def goes_on(self) -> bool:
        """Whether the newest mail went on."""
        return self.newest is not None and self.newest is self.good

    def facts(self) -> dict[str, str]:
        """Since when mail fails, how often, and when the last one went through; the last is empty where none did."""
        first = min(row.received for row in self.failures)
        return {"since": first.isoformat(), "failed": str(len(self.failures)), "at": self.good.received.isoformat() if self.good else ""}


class _Traced(Probe):
    """The newest mail at one place of the way went on."""

    reads = ("ExchangeMessageTrace.Read.All",)

    async def _judge(self, ctx: Context, rows: Sequence[TraceRow]) -> Finding:
        """What became of the newest mail, and with what words it failed."""
        passage = Passage.of(rows)
        if passage.newest is None:
            return self.skipped(Words("skipped.no_mail"))
        if passage.goes_on:
            return self.ok(Words("seen.traced", {"at": _told(passage.newest)}), at=passage.newest.received.isoformat())
        words = await ctx.trace().details(passage.newest)
        finding = self.wrong(Words("seen.trace_failed", {"at": _told(passage.newest)}), cause=_cause(words), **passage.facts())
        return replace(finding, evidence=tuple(Evidence("trace", line) for line in words[-3:]))


class Arrivals(_Traced):
    """Mail arrives in the mailbox."""

    name = "arrivals"
    row = "V1"
    station = Station.MAILBOX
    because = ("mail_exchanger", "mailbox_user", "transport_rules", "exchange_health")

    async def inspect(self, ctx: Context) -> Finding:
        """Mail to the mailbox, from whomever."""
        return await self._judge(ctx, await ctx.trace().find(now() - BACK, recipient=ctx.channel.mailbox))


class Copies(_Traced):
    """Copies are delivered to Webex Connect."""

    name = "copies"
    row = "M3"
    station = Station.FORWARD
    because = ("forwarding", "outbound_policy", "remote_domain", "transport_rules", "arrivals", "mailbox_user", "exchange_health")

    async def inspect(self, ctx: Context) -> Finding:
        """Mail to the forwarding address, and beside it what arrived and has no copy: the damage, where something stops mail."""
        trace, since = ctx.trace(), now() - BACK
        arrived, copies = await asyncio.gather(
            trace.find(since, recipient=ctx.channel.mailbox), trace.find(since, recipient=ctx.channel.forwarding_address)
        )
        finding = await self._judge(ctx, copies)
        missed = left_behind(arrived, copies, ctx.channel.mailbox)
        damage = {"missed": str(len(missed)), "missed_since": min(row.received for row in missed).isoformat()} if missed else {}
        return replace(finding, facts=finding.facts | damage)


class Answers(_Traced):
    """Answers leave the mailbox."""

    name = "answers"
    row = "V3"
    station = Station.ANSWER
    because = (
        "smtp_auth",
        "smtp_login",
        "smtp_server",
        "client_secret",
        "smtp_grant",
        "service_principal",
        "mailbox_user",
        "sessions",
        "exchange_health",
    )

    async def inspect(self, ctx: Context) -> Finding:
        """Mail from the mailbox, but for its own copies."""
        trace, since = ctx.trace(), now() - BACK
        sent, copies = await asyncio.gather(
            trace.find(since, sender=ctx.channel.mailbox), trace.find(since, recipient=ctx.channel.forwarding_address)
        )
        answers = [row for row in sent if row.recipient.lower() != ctx.channel.forwarding_address]
        finding = await self._judge(ctx, answers)
        handed = Passage.of(copies).good
        if finding.state is State.WRONG or handed is None or any(_answers(row, handed) for row in answers):
            return finding
        return replace(finding, state=State.WARNING, seen=Words("seen.unanswered", {"at": _told(handed)}), cause="")


def left_behind(arrived: Sequence[TraceRow], copies: Sequence[TraceRow], mailbox: str) -> tuple[TraceRow, ...]:
    """Mails of others that arrived after the last good copy, and of which no copy was delivered."""
    good = Passage.of(copies).good
    handed = {row.message_id for row in copies if row.status.went_on}
    return tuple(
        row for row in arrived if row.status.went_on and row.message_id not in handed and row.sender.lower() != mailbox and later(row, good)
    )


def later(row: TraceRow, good: TraceRow | None) -> bool:
    """Whether nothing had gone through by then."""
    return good is None or row.received > good.received


def _cause(words: Sequence[str]) -> str:
    """The first cause that the trace's own words name."""
    return next((found.cause for line in words for found in explain(line) if found.cause), "mail_not_delivered")


def _told(row: TraceRow) -> str:
    return f"{row.received:%d %b %H:%M:%S} UTC"


def _answers(row: TraceRow, mail: TraceRow) -> bool:
    """Whether the row answers the mail, by its subject, or is newer than it; traces tell seconds, so equal times tell nothing."""
    return row.received > mail.received or (bool(mail.subject) and mail.subject.lower() in row.subject.lower())
