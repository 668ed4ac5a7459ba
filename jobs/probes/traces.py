"""Message traces of the last hours: what arrived, was forwarded, left as an answer, or failed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jobs.causes.patterns import patterns
from jobs.causes.reader import BY_A_RULE
from jobs.channel.mailbox import all_copies_since, answers_among, copies_since, evidence_of
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.clouds.json_values import text_of
from jobs.engine.step import Probe, StepContext
from jobs.mail.message_trace import (
    AT_CONNECT,
    ENOUGH,
    LARGEST,
    LOST,
    MailFlow,
    Rows,
    TraceRow,
    TraceStatus,
    cause_at,
    cause_of_copy,
    habit,
    never_copied,
    overdue,
    unanswered,
    unknown_recipient,
    without_copy,
)
from jobs.mail.watch_mail import with_proofs, without_watch_mails
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import NO_SIGNALS, Finding, Signals, State, Station, Text, second_of
from jobs.probes.transport_rules import BLOCKS, stopping_rules

_SHORTEST = 4
"""Fewest characters of a name or reason to search for. Sentences contain shorter ones by chance."""
_ITS_OWN = "5.7.9"
"""Prefix of 5.7.900 to 5.7.999, which only a mail-flow rule returns, unlike 5.7.1."""
_MARKS = ("Name", "Identity", "Guid", "ImmutableId", "RejectMessageReasonText")


@dataclass(frozen=True, slots=True)
class Why:
    """Text of the trace, and the cause that it names (empty if none)."""

    words: tuple[str, ...]
    cause: str = ""


async def why(ctx: StepContext, row: TraceRow) -> Why:
    """Return the reason in a row's details; empty if they cannot be read."""
    try:
        words = await ctx.trace().details(row)
    except CloudError:
        return Why(())
    places = {
        ctx.channel.mailbox.lower(): Station.MAILBOX,
        ctx.channel.forwarding_address.lower(): Station.FORWARD,
    }
    return Why(words, await _cause(ctx, places.get(row.recipient.lower(), Station.ANSWER), words))


async def _cause(ctx: StepContext, place: Station, words: Sequence[str]) -> str:
    known = cause_at(place, words)
    if known == BY_A_RULE:
        return BLOCKS[place]
    if known or not words:
        return known
    return BLOCKS[place] if names_one(" ".join(words), await _stopping(ctx)) else ""


async def _stopping(ctx: StepContext) -> list[ExchangeRow]:
    try:
        return await stopping_rules(ctx)
    except CloudError:
        return []


def names_one(words: str, rules: Sequence[ExchangeRow]) -> bool:
    """Return whether the text has a rule's name, id, reason, or a code of its own."""
    codes = [text_of(rule, "RejectMessageEnhancedStatusCode") for rule in rules]
    marks = [text_of(rule, field) for rule in rules for field in _MARKS]
    marks += [code for code in codes if code.startswith(_ITS_OWN)]
    return any(
        re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", words, re.IGNORECASE)
        for mark in marks
        if len(mark) >= _SHORTEST
    )


BACK = timedelta(hours=48)
GRACE = timedelta(hours=4)
"""Time that the newest mail may wait for its answer before an earlier sent answer proves little."""
NO_CHANCE = 3
"""Number of mails withheld in a row, from several senders, that a filter is unlikely to have judged
correctly.
"""
MOST_READ = 5
"""Number of recipients whose details are read: Microsoft allows few traces."""


class _Traced(Probe):
    """Probe for the mail flow at one station."""

    def _went(self, good: TraceRow | None) -> Finding:
        if good is None:
            return self.skipped(Text("skipped.no_mail"))
        seen = Text("seen.traced", {"at": second_of(good.received)})
        return self.ok(seen, signals=Signals(at=good.received))

    def _failed(self, passage: MailFlow, told: Why, *, certain: bool = True) -> Finding:
        """Return the failure, or a warning, with the number of failed mails since the last good."""
        newest = passage.failures[0].received
        signals = Signals(failed=len(passage.failures))
        if passage.good is not None:  # before it, the beginning is beyond the trace
            first = min(row.received for row in passage.failures)
            signals |= Signals(since=first, at=passage.good.received)
        seen, evidence = Text("seen.trace_failed", {"at": second_of(newest)}), told.words[-3:]
        found = self.wrong(
            seen, cause=told.cause or LOST, signals=signals, evidence=evidence_of(evidence)
        )
        return found if certain else replace(found, state=State.WARNING)


class Arrivals(_Traced, row="arrivals"):
    """Probe that checks whether mail arrives in the mailbox."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Trace mail to the mailbox; what a filter withholds, or one alone, is no failure."""
        rows = await ctx.trace().find(now() - BACK, recipient=ctx.channel.mailbox)
        passage = MailFlow.of(with_proofs(rows))
        if passage.good and passage.refused:
            return await self._judged(ctx, replace(passage, failures=passage.refused))
        if not passage.good:
            return await self._judged(ctx, passage)
        found = await self._held_back(ctx, passage)
        held = sum(row.status is TraceStatus.QUARANTINED for row in rows)
        if not held or found.state is not State.OK:
            return found
        values = {"at": second_of(passage.good.received), "count": str(held)}
        return replace(found, seen=Text("seen.traced_quarantine", values))

    async def _judged(self, ctx: StepContext, passage: MailFlow) -> Finding:
        if not passage.failures:
            return self._went(passage.good)
        told = await why(ctx, passage.failures[0])
        certain = bool(told.cause) or len(passage.refused) >= ENOUGH
        return self._failed(passage, told, certain=certain)

    async def _held_back(self, ctx: StepContext, passage: MailFlow) -> Finding:
        """Return the finding for mail that a filter withheld: single spam mails are normal.

        If mail of several senders in a row is withheld, nothing is proven any more. The finding has
        a cause if their traces name the same one.
        """
        found, held = self._went(passage.good), passage.failures
        if len({row.sender.lower() for row in held}) < ENOUGH:
            return found
        told = await _why_each(ctx, held[:ENOUGH])
        causes = {each.cause for each in told}
        if len(causes) == 1 and "" not in causes:
            return self._failed(passage, told[0])
        seen = Text("seen.held_back", {"count": str(len(held)), "at": second_of(held[0].received)})
        return _doubtful(found, seen, held[-1].received) if len(held) >= NO_CHANCE else found


class Copies(_Traced, row="copies"):
    """Probe that checks whether copies are delivered to Webex Connect."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Trace copies, and mail without one, which is the damage if something stops mail."""
        if not ctx.channel.forwarding_address:
            return self.skipped(Text("skipped.no_forwarding_address"))
        trace, since = ctx.trace(), now() - BACK
        arrived, copies = await asyncio.gather(
            trace.find(since, recipient=ctx.channel.mailbox), all_copies_since(ctx, since)
        )
        arrived, copies = without_watch_mails(arrived), with_proofs(copies)
        lost = without_copy(arrived, copies, ctx.channel.mailbox, ctx.run.brief.changed_at)
        # one too large for Connect always fails
        taken = [each for each in copies if each.status.went_on or each.size <= LARGEST]
        passage = MailFlow.of(taken)
        finding = await self._judge(ctx, passage, lost, copies)
        if not lost:
            return finding
        damage = Signals(missed=len(lost), missed_since=lost[-1].received)
        return replace(finding, signals=finding.signals | damage)

    async def _judge(
        self, ctx: StepContext, passage: MailFlow, lost: Rows, copies: Rows
    ) -> Finding:
        """Judge the copies by failed ones first, then by missing ones, then by late ones.

        A failed copy names its reason, a missing one does not. A copy that a filter withheld
        concerns only that mail.
        """
        if passage.failures:
            found = await self._stopped(ctx, passage)
            certain = found.cause != LOST or bool(passage.refused)
            return found if certain else replace(found, state=State.WARNING)
        if missing := never_copied(lost, copies):
            return self._missing(passage.good, missing)
        return await self._put_off(ctx, passage) or self._under_way(passage.good, lost, copies)

    async def _put_off(self, ctx: StepContext, passage: MailFlow) -> Finding | None:
        if len(passage.begun) < ENOUGH:
            return None
        found = await self._stopped(ctx, replace(passage, failures=passage.begun))
        return found if found.cause != LOST else None

    def _under_way(self, good: TraceRow | None, lost: Rows, copies: Rows) -> Finding:
        """Judge copies none of which failed; the first ever may be due, late ones prove nothing."""
        if good is None and lost:
            return self.skipped(Text("skipped.copy_due", {"at": second_of(lost[0].received)}))
        late = overdue(lost, copies)
        if not late:
            return self._went(good)
        first = late[-1].received
        seen = Text("seen.copies_late", {"count": str(len(late)), "at": second_of(first)})
        return _doubtful(self._went(good), seen, first)

    async def _stopped(self, ctx: StepContext, passage: MailFlow) -> Finding:
        told = await why(ctx, passage.failures[0])
        told = replace(told, cause=told.cause or cause_of_copy(told.words))
        found = self._failed(passage, told)
        at_connect = found.signals | Signals(station=Station.CONNECT)
        return replace(found, signals=at_connect) if told.cause in AT_CONNECT else found

    def _missing(self, good: TraceRow | None, missing: Rows) -> Finding:
        values = {"count": str(len(missing)), "at": second_of(missing[0].received)}
        known = Signals(since=missing[-1].received, at=good.received) if good else NO_SIGNALS
        judged = self.wrong if len(missing) >= ENOUGH else self.possible
        return judged(Text("seen.no_copy", values), cause=LOST, signals=known)


class Answers(_Traced, row="answers"):
    """Probe that checks whether answers leave the mailbox."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Trace mail from the mailbox, without its copies, mail to itself and automatic mail."""
        trace, since = ctx.trace(), now() - BACK
        sent, copies = await asyncio.gather(
            trace.find(since, sender=ctx.channel.mailbox), copies_since(ctx, since)
        )
        answers = answers_among(ctx, without_watch_mails(sent))
        passage = MailFlow.of(answers)
        if passage.failures:
            return await self._bounced(ctx, passage)
        if passage.good is None:
            return self._went(None)
        return self._answered(passage.good, answers, copies)

    async def _bounced(self, ctx: StepContext, passage: MailFlow) -> Finding:
        told = await why(ctx, passage.failures[0])
        of_mailbox = patterns().groups["of_sender"] | {BLOCKS[Station.ANSWER]}
        ours = told.cause if told.cause in of_mailbox else ""
        certain = bool(ours) or await self._several(ctx, passage)
        return self._failed(passage, replace(told, cause=ours), certain=certain)

    async def _several(self, ctx: StepContext, passage: MailFlow) -> bool:
        newest = {row.recipient.lower(): row for row in reversed(passage.failures)}
        if len(newest) < ENOUGH:
            return False
        told = await _why_each(ctx, [*newest.values()][-MOST_READ:])
        return sum(not unknown_recipient(each.words) for each in told) >= ENOUGH

    def _answered(self, good: TraceRow, answers: Rows, copies: Rows) -> Finding:
        """Return the finding if answers left and mail may be waiting for an answer.

        A mail may wait as long as others in this channel do; after some hours it is a warning.
        """
        found, waiting = self._went(good), unanswered(answers, copies)
        if not waiting:
            return found
        first = waiting[-1].received
        waits = now() - first
        if waits <= min(habit(answers, copies), GRACE):
            return found
        state = State.OK if waits <= GRACE else State.WARNING
        seen = Text("seen.unanswered", {"at": second_of(waiting[0].received)})
        signals = found.signals | Signals(unanswered=first)
        return replace(found, state=state, seen=seen, signals=signals)


async def _why_each(ctx: StepContext, rows: Rows) -> list[Why]:
    return await asyncio.gather(*(why(ctx, row) for row in rows))


def _doubtful(found: Finding, seen: Text, since: datetime) -> Finding:
    """Return a warning that later mail has not passed yet: nothing is proven."""
    signals = found.signals | Signals(unproven=since)
    return replace(found, state=State.WARNING, seen=seen, signals=signals)
