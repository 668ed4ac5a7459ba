"""Steps V1 to V3: a test mail comes through, an agent has it, and the agent's answer leaves.

The message trace shows a mail with a unique subject, its forwarded copy, and the answer.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from jobs.causes.cause import Cause
from jobs.channel.mailbox import answers_among, evidence_of, newest_delivered, own_addresses
from jobs.clock import now
from jobs.clouds.errors import Forbidden, NotFound, Rejected, SignInNeeded, if_answered
from jobs.engine.findings import UNSEEN
from jobs.engine.step import Step, StepContext
from jobs.mail.message_trace import LOST, Rows, TraceRow, TraceStatus, cause_at, cause_of_copy
from jobs.mail.smtp_login import OutgoingMail, send_test_mail
from jobs.microsoft.graph import MESSAGE_TRACE_APP_ID
from jobs.model import Finding, Reason, State, Station, Text, Turn
from jobs.steps.connect_form import CLOCKS, dates_of_user, newest_sign_in, token_at

PAUSES_S = (1.0, 1, 2, 3, 5, 8, 13, 20, 30, 60)
LATE = 20
LATE_AFTER = timedelta(minutes=10)
"""Time after sending at which, after enough looks, a person is asked to look."""
SPREADS_FOR = timedelta(hours=1)
AGAIN_AFTER = timedelta(seconds=55)
RESENDS_AFTER = timedelta(seconds=20)
"""Time until a mail of interrupted sending is sent again, with the same Message-ID."""
OTHER_CLOCK = timedelta(minutes=5)
"""How far the bot's clock may be ahead of Microsoft's, which takes no sign-in beyond that."""
FAILED = frozenset({TraceStatus.FAILED, TraceStatus.QUARANTINED, TraceStatus.FILTERED_AS_SPAM})


class TestMail(Step, row="test_mail"):
    """Step V1: the trace shows the test mail, and its delivered copy (microsoft.md 2.5)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        subject, trace, since = subject_of(ctx), ctx.trace(), ctx.run.opened - OTHER_CLOCK
        arrived, copies = await asyncio.gather(
            trace.find(since, recipient=ctx.channel.mailbox, subject=subject),
            trace.find(since, recipient=ctx.channel.forwarding_address, subject=subject),
        )
        seen = _Seen.of(arrived, copies, own_addresses(ctx))
        if too_early := self._open_since_sent(ctx):
            seen = seen.since(too_early)
        delivered = newest_delivered(seen.copies)
        if delivered is not None:
            facts = _facts(ctx, seen.arrived or seen.copies)
            facts |= {"forwarded_at": delivered.received.isoformat()}
            return self.ok(Text("seen.copy_delivered"), facts=facts)
        return await self._not_through(ctx, seen, again=too_early is not None)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Send the test mail from an address other than the mailbox's.

        Webex Connect ignores a mail whose sender is its recipient (connect.md 1.7). Exchange may
        drop a duplicate, so only an interrupted mail keeps its Message-ID.
        """
        body = f"This mail proves the email channel of {ctx.channel.mailbox}. Run {ctx.run.id}."
        sent = ctx.run.changed.get(self.name)
        at = (sent.since or sent.begun) if sent else ctx.run.opened
        sender = ctx.settings.probe_from
        message_id = f"<email-test.{ctx.run.id}.{at:%Y%m%d%H%M%S%f}@{sender.rpartition('@')[2]}>"
        mail = OutgoingMail(sender, ctx.channel.mailbox, subject_of(ctx), body, message_id)
        await send_test_mail(ctx.settings.probe_smtp_url, mail)

    async def _not_through(self, ctx: StepContext, seen: "_Seen", *, again: bool) -> Finding:
        """Report a failure until a person presses Look again, which sends the mail once more.

        With ``again``, a mail that has not arrived is sent once more anyway.
        """
        asked, sent = ctx.answered_at("look_again"), self._last_sent(ctx)
        newer = asked is not None and (sent is None or asked > sent)
        before = ctx.run.findings.get(self.name, UNSEEN)
        wanted = newer and any((before.cause, before.reason is Reason.SEND_AGAIN, seen.failed))
        if asked and newer == wanted:
            seen = seen.since(asked - CLOCKS)
        if seen.failed is not None:
            return await self._failed(ctx, seen.failed, seen.arrived)
        if seen.from_itself and not seen.arrived and not sends_it(ctx):
            words, cause = Text("seen.from_itself"), Cause.TEST_MAIL_FROM_ITSELF
            again_s, facts = ctx.pause(self.name, PAUSES_S), _facts(ctx, ())
            return self.waits_for(Turn.REQUESTER, words, cause=cause, again_s=again_s, facts=facts)
        return self._underway(ctx, seen.arrived, again=again or wanted)

    def _open_since_sent(self, ctx: StepContext) -> datetime | None:
        """Return when the mail's way was made right after the mail was sent, or None.

        Webex Connect has dropped a mail that arrived before the requester said Registered. A mail
        that arrived later counts: the bot may send it while the button is pressed, because it reads
        the audit log too. A mail also went elsewhere if this run set its way again since.
        """
        sent, told = self._last_sent(ctx), ctx.answered_at("registered")
        made = (ctx.run.changed[name].written for name in self.passes if name in ctx.run.changed)
        since = max(filter(None, (*made, told)), default=None)
        return since if since and sent and since > sent else None

    def _underway(self, ctx: StepContext, arrived: Rows, *, again: bool) -> Finding:
        facts = _facts(ctx, arrived)
        if not arrived and (again or not self._sent(ctx)):
            if sends_it(ctx):
                return self.wrong(Text("seen.not_sent"), facts=facts)
            words = Reason.SEND_AGAIN if again else Text("seen.send_it")
            return self.waits_for(Turn.REQUESTER, words, again_s=PAUSES_S[-1], facts=facts)
        seen = Text("seen.arrived" if arrived else "seen.on_its_way")
        pause = ctx.pause(self.name, PAUSES_S)
        sent = self._last_sent(ctx) or (arrived[0].received if arrived else None)
        late = (not sent or now() - sent > LATE_AFTER) and ctx.run.waits.get(self.name, 0) > LATE
        turn, cause = (Turn.REQUESTER, Cause.TEST_MAIL_LATE) if late else (Turn.TIME, "")
        return self.waits_for(turn, seen, cause=cause, again_s=pause, facts=facts)

    async def _failed(self, ctx: StepContext, row: TraceRow, arrived: Rows) -> Finding:
        """Explain a failed mail by its newest event; a policy may take an hour to be everywhere."""
        there = [each for each in arrived if each.status not in FAILED]
        words, facts = await ctx.trace().details(row), _facts(ctx, there)
        cause = cause_at(Station.MAILBOX, words) or LOST
        if row.recipient.lower() == ctx.channel.forwarding_address.lower():
            cause = cause_at(Station.FORWARD, words) or cause_of_copy(words)
        recent = ctx.began_within("outbound_policy", SPREADS_FOR)
        spreading = recent and cause == Cause.FORWARDING_BLOCKED
        due = ctx.run.waits.get(self.name, 0) > 0 and not ctx.began_within(self.name, AGAIN_AFTER)
        if spreading and due and sends_it(ctx):
            return self.wrong(Text("seen.not_sent"), cause=cause, facts=facts)
        turn = Turn.TIME if spreading else Turn.ADMINISTRATOR
        found = self.waits_for(turn, Text("seen.mail_failed"), cause=cause, again_s=60)
        return replace(found, facts=facts, evidence=evidence_of(words[::-1]))

    def _last_sent(self, ctx: StepContext) -> datetime | None:
        sent, told = ctx.run.changed.get(self.name), ctx.answered_at("test_sent")
        return max(filter(None, (sent.begun if sent else None, told)), default=None)

    def _sent(self, ctx: StepContext) -> bool:
        """Return whether the mail is on its way, or may be if its sending was interrupted."""
        under_way = ctx.run.change_applied(self.name) or ctx.began_within(self.name, RESENDS_AFTER)
        return under_way or bool(ctx.run.answer("test_sent"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """Trace rows of the test mail, newest first; mail to itself, which proves nothing, is apart."""

    arrived: Rows
    copies: Rows
    from_itself: Rows

    @classmethod
    def of(cls, arrived: Rows, copies: Rows, own: frozenset[str]) -> Self:
        """Sort the trace rows into arrivals, copies and mail from the mailbox to itself.

        If the mailbox wrote to itself, a copy is identified by its message id, because the
        forwarding mailbox may appear as the sender of the copy.
        """
        others = [row for row in arrived if row.sender.lower() not in own]
        itself = [row for row in arrived if row.sender.lower() in own]
        known = {row.message_id for row in others}
        foreign = [r for r in copies if r.message_id in known or r.sender.lower() not in own]
        return cls(others, foreign if itself or not others else copies, itself)

    @property
    def failed(self) -> TraceRow | None:
        """Return the newest row that failed; junk is none, since Exchange forwards it soon."""
        junk = (row for row in self.arrived if row.status is not TraceStatus.FILTERED_AS_SPAM)
        return next((row for row in (*self.copies, *junk) if row.status in FAILED), None)

    def since(self, moment: datetime) -> Self:
        every = (self.arrived, self.copies, self.from_itself)
        return type(self)(*([row for row in rows if row.received >= moment] for rows in every))


def sends_it(ctx: StepContext) -> bool:
    """Return whether the bot can send a test mail, from an address other than the mailbox's."""
    return ctx.settings.sends_probe and ctx.settings.probe_from.lower() not in own_addresses(ctx)


def subject_of(ctx: StepContext) -> str:
    return f"Webex email test {ctx.run.id}"


def _facts(ctx: StepContext, arrived: Rows) -> dict[str, str]:
    first = min((row.received for row in arrived), default=None)
    return {"subject": subject_of(ctx), **({"arrived_at": first.isoformat()} if first else {})}


class TraceAccess(Step, row="trace_access"):
    """Step V1: the account may trace; only Graph needs a principal (platforms/microsoft.md 2.5)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Try a message trace.

        If Graph and the cmdlet refuse, the service principal may be missing, which Graph may report
        as a 401. Reading it reports a sign-in that is no longer valid.
        """
        try:
            await ctx.trace().find(now() - timedelta(hours=1), recipient=ctx.channel.mailbox)
        except (Forbidden, NotFound, Rejected, SignInNeeded):
            if await ctx.graph.service_principal(MESSAGE_TRACE_APP_ID) is None:
                seen, facts = Text("seen.trace_service_missing"), {"missing": "yes"}
                return self.wrong(seen, facts=facts, values={"present": "no"})
            raise
        return self.ok(Text("seen.trace_readable"))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await ctx.graph.create_service_principal(MESSAGE_TRACE_APP_ID)


class AgentHasIt(Step, row="agent_has_it"):
    """Step V2: an agent confirms the test mail at the desktop, or the agent's answer shows it."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look for the agent's answer, even one that was stopped: better proof than a word."""
        found = ctx.run.findings.get("agent_answer")
        if found is not None and (found.state is State.OK or "answer_failed_at" in found.facts):
            return self.ok(Text("seen.shown_by_answer"))
        if ctx.run.answer("agent_has_it"):
            return self.ok(Text("seen.said_by_agent"))
        if found is not None and found.waiting_for in {Turn.NOBODY, Turn.REQUESTER}:
            return replace(found, step=self.name)  # an answer could not leave now
        return self.waits_for(Turn.AGENT, Text("seen.agent_asked"))


class AgentAnswer(Step, row="agent_answer"):
    """Step V3: the trace shows a delivered mail from the mailbox with the test's subject."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Follow the agent's answer; a copy or a mail from the mailbox to itself is none."""
        sender, since = ctx.channel.mailbox, ctx.run.opened - OTHER_CLOCK
        rows = await ctx.trace().find(since, sender=sender, subject=subject_of(ctx))
        answers = answers_among(ctx, rows)
        delivered = newest_delivered(answers)
        if delivered is not None:
            facts = {"answered_at": delivered.received.isoformat()}
            seen = Text("seen.answer_delivered", {"recipient": delivered.recipient})
            return self.ok(seen, facts=facts)
        failed = next((row for row in answers if row.status in FAILED), None)
        if failed is None:
            revoked, again_s = await _is_revoked(ctx), ctx.pause(self.name, PAUSES_S)
            turn, cause = (Turn.REQUESTER, Cause.SESSION_REVOKED) if revoked else (Turn.AGENT, "")
            return self.waits_for(turn, Text("seen.no_answer"), cause=cause, again_s=again_s)
        words = await ctx.trace().details(failed)
        facts = {"answer_failed_at": failed.received.isoformat()}
        cause, seen = cause_at(Station.ANSWER, words) or LOST, Text("seen.mail_failed")
        found = self.waits_for(Turn.ADMINISTRATOR, seen, cause=cause, again_s=PAUSES_S[-1])
        return replace(found, facts=facts, evidence=evidence_of(words[::-1]))


async def _is_revoked(ctx: StepContext) -> bool:
    """Return whether a revocation ended Webex Connect's token (platforms/microsoft.md 8 row 4).

    A newer sign-in in Entra's log, or Look again, says that there is a new token.
    """
    revoked, _ = await if_answered(dates_of_user(ctx)) or (None, None)
    times = (token_at(ctx.run) or ctx.run.brief.token_at, ctx.answered_at("look_again"))
    known = max(filter(None, times), default=None)
    if not revoked or not known or known >= revoked:
        return False
    row = await newest_sign_in(ctx)
    return not (row and row.good and row.at >= revoked)
