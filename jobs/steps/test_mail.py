"""V1: a mail with a unique subject arrives, and its copy is delivered to the forwarding address."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from jobs.clock import now
from jobs.mail.send import Probe, send_probe
from jobs.mail.trace import TraceRow, TraceStatus
from jobs.microsoft.errors import first_cause
from jobs.model import Evidence, Finding, Turn, Words
from jobs.step import Context, Step

PAUSES_S = (1.0, 1, 2, 3, 5, 8, 13, 20, 30, 60)
LATE = 20
"""So many looks without a trace, and somebody is asked to see to it."""
SPREADS_FOR = timedelta(hours=1)
RESENDS_AFTER = timedelta(seconds=20)
"""How long a mail whose sending was cut off is looked for before it is sent again, under the same Message-ID."""
FAILED = frozenset({TraceStatus.FAILED, TraceStatus.QUARANTINED, TraceStatus.FILTERED_AS_SPAM})


class TestMail(Step):
    """The message trace shows it twice: for the mailbox, and delivered for the forwarding address (facts/microsoft.md 2.5)."""

    name = "test_mail"
    row = "V1"
    group = "connect"
    needs = ("registered", "token", "rehearsal", "forwarding", "outbound_policy", "trace_access")
    reads = ("ExchangeMessageTrace.Read.All",)
    automatic = False
    free = True

    async def inspect(self, ctx: Context) -> Finding:
        """Follow it, by its subject."""
        subject, trace, since = subject_of(ctx), ctx.trace(), ctx.run.opened - timedelta(minutes=5)
        arrived, copies = await asyncio.gather(
            trace.find(since, recipient=ctx.channel.mailbox, subject=subject),
            trace.find(since, recipient=ctx.channel.forwarding_address, subject=subject),
        )
        delivered = next((row for row in copies if row.status.went_on), None)
        if delivered is not None:
            return self.ok(Words("seen.copy_delivered"), **_facts(subject, arrived or copies), forwarded_at=delivered.received.isoformat())
        failed = next((row for row in (*copies, *arrived) if row.status in FAILED and not _is_junk(row, arrived)), None)
        if failed is not None:
            return await self._failed(ctx, failed, arrived)
        return self._underway(ctx, subject, arrived)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Send it, from somewhere else: Webex Connect ignores a mail whose sender is its recipient (facts/connect.md 1.7)."""
        body = f"This mail proves the email channel of {ctx.channel.mailbox}. Run {ctx.run.id}."
        message_id = f"<email-test.{ctx.run.id}.{ctx.run.opened:%Y%m%d%H%M%S}@{ctx.settings.probe_from.rpartition('@')[2]}>"
        mail = Probe(ctx.settings.probe_from, ctx.channel.mailbox, subject_of(ctx), body, message_id)
        await send_probe(ctx.settings.probe_smtp_url, mail)

    def _underway(self, ctx: Context, subject: str, arrived: tuple[TraceRow, ...]) -> Finding:
        facts = _facts(subject, arrived)
        if not arrived and not self._sent(ctx):
            if self._sends(ctx):
                return self.wrong(Words("seen.not_sent"), **facts)
            return self.waits_for(Turn.REQUESTER, Words("seen.send_it"), again_s=PAUSES_S[-1], **facts)
        late = ctx.run.waits.get(self.name, 0) > LATE
        seen = Words("seen.arrived") if arrived else Words("seen.on_its_way")
        return self.waits_for(Turn.REQUESTER if late else Turn.TIME, seen, again_s=ctx.pause(self.name, PAUSES_S), **facts)

    async def _failed(self, ctx: Context, row: TraceRow, arrived: tuple[TraceRow, ...]) -> Finding:
        """A policy changed within the hour may not have reached every server; send again then, else somebody has to look."""
        words = await ctx.trace().details(row)
        cause = first_cause(words) or "mail_not_delivered"
        facts = _facts(subject_of(ctx), arrived)
        policy = ctx.run.changed.get("outbound_policy")
        spreading = policy is not None and now() - policy.begun < SPREADS_FOR and cause == "forwarding_blocked"
        if spreading and self._sends(ctx) and ctx.run.waits.get(self.name, 0) > 0 and self._due(ctx):
            return self.wrong(Words("seen.not_sent"), cause=cause, **facts)
        turn = Turn.TIME if spreading else Turn.ADMINISTRATOR
        finding = self.waits_for(turn, Words("seen.mail_failed"), cause=cause, again_s=60, **facts)
        return replace(finding, evidence=tuple(Evidence("trace", line) for line in words))

    def _due(self, ctx: Context) -> bool:
        sent = ctx.run.changed.get(self.name)
        return sent is None or now() - sent.begun > timedelta(seconds=55)

    def _sends(self, ctx: Context) -> bool:
        return ctx.settings.sends_probe and ctx.settings.probe_from.lower() != ctx.channel.mailbox

    def _sent(self, ctx: Context) -> bool:
        """Whether it is on its way. Where the sending was cut off it may be, so it is looked for before it is sent again."""
        sent = ctx.run.changed.get(self.name)
        cut_off = sent is not None and sent.done is None and now() - sent.begun > RESENDS_AFTER
        return (sent is not None and not cut_off) or bool(ctx.run.answer("test_sent"))


def _is_junk(row: TraceRow, arrived: tuple[TraceRow, ...]) -> bool:
    """Whether it lies in the mailbox's junk folder: Exchange forwards it all the same, a moment later."""
    return row in arrived and row.status is TraceStatus.FILTERED_AS_SPAM


def subject_of(ctx: Context) -> str:
    """The unique subject of the run's test mail."""
    return f"Webex email test {ctx.run.id}"


def _facts(subject: str, arrived: tuple[TraceRow, ...]) -> dict[str, str]:
    first = min(arrived, key=lambda row: row.received, default=None)
    seen = {"arrived_at": first.received.isoformat(), "test_sender": first.sender} if first else {}
    return {"subject": subject, **seen}
