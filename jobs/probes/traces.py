"""Message traces of the last hours: what arrived, was forwarded, left as an answer, or failed.

The newest test mail of the watch is the bot's own, so it is known that it was sent, and each
station is known by the mail itself. A customer's mail says less: until it arrives, it is unknown
that it was sent.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import filterfalse

from jobs.causes.cause import Cause
from jobs.causes.patterns import patterns
from jobs.channel.mailbox import answers_among, copies_since, evidence_of, newest_delivered
from jobs.clock import now
from jobs.clouds.clock_skew import MICROSOFT, WEBEX, now_at
from jobs.clouds.errors import if_answered
from jobs.clouds.json_values import text_of
from jobs.contact_center.services import Tasks
from jobs.engine.step import Probe, StepContext
from jobs.mail import message_trace as flow, watch_mail
from jobs.mail.message_trace import LOST, MailFlow, Rows, TraceRow, TraceStatus
from jobs.mail.watch_mail import WatchMail
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import NO_SIGNALS, Access, Finding, Reason, Signals, State, Station, Text, second_of
from jobs.probes.contact_center import BACK, GRACE, SLACK, only_app, read_tasks
from jobs.probes.transport_rules import BLOCKS, stopping_rules
from jobs.storage import keys

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
    """Return the reason in a row's details, or the rule that they name; empty if unreadable."""
    words = await if_answered(ctx.trace().details(row)) or ()
    places = {
        ctx.channel.mailbox.lower(): Station.MAILBOX,
        ctx.channel.forwarding_address.lower(): Station.FORWARD,
    }
    place = places.get(row.recipient.lower(), Station.ANSWER)
    known = flow.cause_at(place, words)
    by_rule = known == Cause.TRANSPORT_RULE_MAY_BLOCK
    if words and not known:
        by_rule = names_one(" ".join(words), await if_answered(stopping_rules(ctx)) or ())
    return Why(words, BLOCKS[place] if by_rule else known)


def names_one(words: str, rules: Sequence[ExchangeRow]) -> bool:
    """Return whether the text has a rule's name, id, reason, or a code of its own."""
    codes = [text_of(rule, "RejectMessageEnhancedStatusCode") for rule in rules]
    marks = [text_of(rule, field) for rule in rules for field in _MARKS]
    marks += [code for code in codes if code.startswith(_ITS_OWN)]
    sought = (rf"(?<!\w){re.escape(mark)}(?!\w)" for mark in marks if len(mark) >= _SHORTEST)
    return any(re.search(each, words, re.IGNORECASE) for each in sought)


ANSWERED_WITHIN = timedelta(hours=4)
"""Time that the newest mail may wait for its answer before an earlier sent answer proves little."""
NO_CHANCE = 3
"""Number of mails of several senders in a row that a filter is unlikely to withhold rightly."""
MOST_READ = 5
"""Number of recipients whose details are read: Microsoft allows few traces."""


class _Traced(Probe):
    def _went(self, good: TraceRow | None) -> Finding:
        if good is None:
            return self.skipped(Text("skipped.no_mail"))
        seen = Text("seen.traced", {"at": second_of(good.received)})
        return self.ok(seen, signals=Signals(at=good.received))

    def _failed(self, passage: MailFlow, told: Why, *, certain: bool = True) -> Finding:
        """Return the failure, or a warning, with the number of failed mails since the last good."""
        reported = told.cause != Cause.REMOTE_DOMAIN_BLOCKS_FORWARDING  # which drops mail silently
        signals = Signals(failed=len(passage.failures) if reported else 0)
        if passage.good is not None:  # before it, the beginning is beyond the trace
            first = min(row.received for row in passage.failures)
            signals |= Signals(since=first, at=passage.good.received)
        seen = Text("seen.trace_failed", {"at": second_of(passage.failures[0].received)})
        evidence = evidence_of(told.words[-3:])
        found = self.wrong(seen, cause=told.cause or LOST, signals=signals, evidence=evidence)
        return found if certain else replace(found, state=State.WARNING)


class Arrivals(_Traced, row="arrivals"):
    """Probe that checks whether mail arrives in the mailbox."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Trace mail to the mailbox; what a filter withholds, or one alone, is no failure."""
        rows = await ctx.trace().find(now() - BACK, recipient=ctx.channel.mailbox)
        passage = MailFlow.of(watch_mail.with_proofs(rows))
        if passage.refused or not passage.good:
            failures = passage.refused if passage.good else passage.failures
            if not failures:
                return self._went(None)
            told = await why(ctx, failures[0])
            certain = bool(told.cause) or len(passage.refused) >= flow.ENOUGH
            return self._failed(replace(passage, failures=failures), told, certain=certain)
        found = await self._held_back(ctx, passage)
        held = sum(row.status is TraceStatus.QUARANTINED for row in rows)
        if not held or found.state is not State.OK:
            return found
        values = {"at": second_of(passage.good.received), "count": str(held)}
        return replace(found, seen=Text("seen.traced_quarantine", values))

    async def _held_back(self, ctx: StepContext, passage: MailFlow) -> Finding:
        """Judge mail that a filter withheld: single spam mails are normal.

        If mail of several senders in a row is withheld, nothing is proven, or all name one cause.
        """
        found, held = self._went(passage.good), passage.failures
        if len({row.sender.lower() for row in held}) < flow.ENOUGH:
            return found
        told = await asyncio.gather(*(why(ctx, row) for row in held[: flow.ENOUGH]))
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
        to_mailbox = trace.find(since, recipient=ctx.channel.mailbox)
        arrived, copies = await asyncio.gather(to_mailbox, copies_since(ctx, since))
        arrived, copies = watch_mail.without_watch_mails(arrived), watch_mail.with_proofs(copies)
        lost = flow.without_copy(arrived, copies, ctx.channel.mailbox, ctx.run.brief.changed_at)
        # one too large for Connect always fails
        taken = [each for each in copies if each.went_on or each.size <= flow.LARGEST]
        finding = await self._judge(ctx, MailFlow.of(taken), lost, copies)
        if not lost:
            return finding
        damage = Signals(missed=len(lost), missed_since=lost[-1].received)
        return replace(finding, signals=finding.signals | damage)

    async def _judge(self, ctx: StepContext, mails: MailFlow, lost: Rows, copies: Rows) -> Finding:
        """Judge the copies by failed ones first, which name a reason, then missing, then late ones.

        A copy that a filter withheld concerns only that mail.
        """
        if mails.failures:
            found = await self._stopped(ctx, mails)
            certain = found.cause != LOST or bool(mails.refused)
            return found if certain else replace(found, state=State.WARNING)
        good = mails.good
        if missing := flow.never_copied(lost, copies):
            values = {"count": str(len(missing)), "at": second_of(missing[0].received)}
            known = Signals(since=missing[-1].received, at=good.received) if good else NO_SIGNALS
            judged = self.wrong if len(missing) >= flow.ENOUGH else self.possible
            return judged(Text("seen.no_copy", values), cause=LOST, signals=known)
        if len(mails.begun) >= flow.ENOUGH:
            found = await self._stopped(ctx, replace(mails, failures=mails.begun))
            if found.cause != LOST:
                return found
        # none has failed: the first ever may be due, and late ones prove nothing
        if good is None and lost:
            return self.skipped(Text("skipped.copy_due", {"at": second_of(lost[0].received)}))
        late = flow.overdue(lost, copies)
        if not late:
            return self._went(good)
        first = late[-1].received
        seen = Text("seen.copies_late", {"count": str(len(late)), "at": second_of(first)})
        return _doubtful(self._went(good), seen, first)

    async def _stopped(self, ctx: StepContext, passage: MailFlow) -> Finding:
        told = await why(ctx, passage.failures[0])
        told = replace(told, cause=told.cause or flow.cause_of_copy(told.words))
        found = self._failed(passage, told)
        at_connect = found.signals | Signals(station=Station.CONNECT)
        return replace(found, signals=at_connect) if told.cause in flow.AT_CONNECT else found


class Answers(_Traced, row="answers"):
    """Probe that checks whether answers leave the mailbox."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Trace mail from the mailbox, without its copies, mail to itself and automatic mail.

        A mail may wait for its answer as long as others in this channel do, but only some hours.
        """
        trace, since = ctx.trace(), now() - BACK
        from_mailbox = trace.find(since, sender=ctx.channel.mailbox)
        sent, copies = await asyncio.gather(from_mailbox, copies_since(ctx, since))
        answers = answers_among(ctx, watch_mail.without_watch_mails(sent))
        passage = MailFlow.of(answers)
        if passage.failures:
            return await self._bounced(ctx, passage)
        found, handed = self._went(passage.good), watch_mail.without_watch_mails(copies)
        waiting = flow.unanswered(answers, handed)
        if passage.good is None or not waiting:
            return found
        first = waiting[-1].received
        waits = now() - first
        if waits <= min(flow.habit(answers, handed), ANSWERED_WITHIN):
            return found
        state = State.OK if waits <= ANSWERED_WITHIN else State.WARNING
        seen = Text("seen.unanswered", {"at": second_of(waiting[0].received)})
        signals = found.signals | Signals(unanswered=first)
        return replace(found, state=state, seen=seen, signals=signals)

    async def _bounced(self, ctx: StepContext, passage: MailFlow) -> Finding:
        told = await why(ctx, passage.failures[0])
        of_mailbox = patterns().groups["of_sender"] | {BLOCKS[Station.ANSWER]}
        ours = told.cause if told.cause in of_mailbox else ""
        certain = ours != ""
        newest = {row.recipient.lower(): row for row in reversed(passage.failures)}
        if not certain and len(newest) >= flow.ENOUGH:
            rows = [*newest.values()][-MOST_READ:]
            each_told = await asyncio.gather(*(why(ctx, row) for row in rows))
            others = [each for each in each_told if not flow.says("unknown_recipient", each.words)]
            certain = len(others) >= flow.ENOUGH
        return self._failed(passage, replace(told, cause=ours), certain=certain)


def _doubtful(found: Finding, seen: Text, since: datetime) -> Finding:
    """Return a warning that later mail has not passed yet: nothing is proven."""
    signals = found.signals | Signals(unproven=since)
    return replace(found, state=State.WARNING, seen=seen, signals=signals)


ARRIVES_WITHIN = timedelta(minutes=30)
"""Time after sending within which the trace shows the mail, with the delay of the trace."""
IN_A_ROW = 2
"""Number of missing test mails in a row that count if no other channel's mail proves the server."""
ALONE = timedelta(hours=30)
"""Time in which a test mail to another channel means that this channel is not the only one."""


Fate = StrEnum("Fate", "THROUGH UNDER_WAY LOST MISSING NOTHING")
"""State of a test mail.

THROUGH: it went as far as can be seen. UNDER_WAY: it may still come. LOST: it stopped at a
known station. MISSING: no cloud has ever seen it. NOTHING: it says nothing about the channel,
because it was not sent, or because a filter or the sending server is to blame.
"""


@dataclass(frozen=True, slots=True)
class Way:
    """Test mail with its fate: when it was last seen, and when it came to the mailbox if known.

    ``station`` is where it stopped, and ``row`` the row of the trace that says so, or None.
    """

    mail: WatchMail
    fate: Fate
    at: datetime | None = None
    arrived: datetime | None = None
    station: Station | None = None
    row: TraceRow | None = None


@dataclass(frozen=True, slots=True)
class Sightings:
    """Mails and tasks of the last days that the clouds show; None if a source cannot be read.

    ``app`` is the app of Webex Connect whose tasks can only be this channel's, or empty.
    """

    ctx: StepContext
    arrived: tuple[TraceRow, ...] | None
    copies: tuple[TraceRow, ...] | None
    tasks: Tasks | None
    app: str

    @classmethod
    async def read(cls, ctx: StepContext) -> "Sightings":
        """Read the trace as far as the access allows, and the tasks as far as the settings do."""
        since, address = now() - BACK, ctx.channel.forwarding_address
        arrived = copies = tasks = None
        if ctx.access is not Access.NONE:
            arrived = await ctx.trace().find(since, recipient=ctx.channel.mailbox)
            copies = await ctx.trace().find(since, recipient=address) if address else None
        if ctx.settings.contact_center_url:
            tasks = await if_answered(read_tasks(ctx))  # the step of the tasks says why not
        return cls(ctx, arrived, copies, tasks, await only_app(ctx) if tasks else "")

    def way(self, mail: WatchMail) -> Way:
        """Return how far a test mail has come, according to the traces and the tasks."""
        arrived, copies = _of(mail, self.arrived), _of(mail, self.copies)
        rows = copies or arrived
        if not rows:
            return self._never_seen(mail)
        came = min(row.received for row in (*arrived, *copies))
        if good := newest_delivered(rows):
            if copies or self.copies is None:
                return replace(self._to_task(mail, good), arrived=came)
            lost = now_at(MICROSOFT) - came > flow.COPIED_WITHIN
            fate, station = (Fate.LOST, Station.FORWARD) if lost else (Fate.UNDER_WAY, None)
            return Way(mail, fate, came, came, station)
        passing = list(filterfalse(flow.withheld, rows))
        bad = next(filter(flow.stopped, passing), None)
        if bad is None:
            return Way(mail, Fate.UNDER_WAY if passing else Fate.NOTHING)
        station, arrival = (Station.FORWARD, came) if copies else (Station.MAILBOX, None)
        return Way(mail, Fate.LOST, bad.received, arrival, station, bad)

    def _never_seen(self, mail: WatchMail) -> Way:
        if mail.sent is None or (self.arrived is None and self.tasks is None):
            return Way(mail, Fate.NOTHING)
        sender, ahead = self.ctx.settings.probe_from, now() - now_at(WEBEX)
        if self.arrived is None and (task := self._task_of(sender, mail.sent - ahead)):
            return Way(mail, Fate.THROUGH, task, task)
        if now() - mail.sent <= ARRIVES_WITHIN + GRACE:
            return Way(mail, Fate.UNDER_WAY)
        later = watch_mail.without_watch_mails(self.arrived or ())
        if any(row.received > mail.sent and row.went_on for row in later):
            return Way(mail, Fate.NOTHING)  # so the sending server is to blame
        return Way(mail, Fate.MISSING)

    def _to_task(self, mail: WatchMail, handed: TraceRow) -> Way:
        at = handed.received
        if self.tasks is None or self.tasks.since > at:
            return Way(mail, Fate.THROUGH, at)
        if task := self._task_of(handed.sender, at):
            return Way(mail, Fate.THROUGH, max(task, at))
        if now_at(MICROSOFT) - at < GRACE:
            return Way(mail, Fate.UNDER_WAY)
        return Way(mail, Fate.LOST, at, station=Station.CONNECT)

    def _task_of(self, sender: str, at: datetime) -> datetime | None:
        mailbox, rows = self.ctx.channel.mailbox, self.tasks.rows if self.tasks else ()
        way = (sender, at - SLACK, mailbox, self.app)
        return next((task.created for task in rows if task.came_of(*way)), None)


def _of(mail: WatchMail, rows: tuple[TraceRow, ...] | None) -> list[TraceRow]:
    return list(filter(mail.has, rows or ()))


class WatchMailProbe(Probe, row="watch_mail"):
    """Probe that checks whether the watch's newest test mail went the whole way."""

    passed: Mapping[Station, tuple[str, ...]]
    """Findings whose later mail shows that mail passes the station at which a test mail stopped."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Follow the newest test mails through the trace and the tasks.

        The newest one whose fate is known decides, so a mail that is still under way changes
        nothing.
        """
        mails = await asyncio.to_thread(_mails, ctx)
        if not mails:
            return self.skipped(Reason.NO_WATCH_MAIL)
        seen = await Sightings.read(ctx)
        ways = [way for way in map(seen.way, mails) if way.fate is not Fate.NOTHING]
        known = [way for way in ways if way.fate is not Fate.UNDER_WAY]
        if not known:
            facts = _arrival(ways[0]) if ways else {}
            key = "arrived" if facts else "under_way" if ways else "says_nothing"
            words = Text(f"skipped.watch_mail_{key}", {"at": second_of(mails[0].at)})
            return self.skipped(words, facts=facts)
        return replace(await self._judged(ctx, known, seen), facts=_arrival(known[0]))

    async def _judged(self, ctx: StepContext, known: Sequence[Way], seen: Sightings) -> Finding:
        way = known[0]
        at = {"at": second_of(way.mail.at)}
        if way.fate is Fate.THROUGH and way.at is not None:
            text = Text("seen.watch_mail", {"at": second_of(way.at)})
            return self.ok(text, signals=Signals(at=way.at))
        if way.fate is Fate.LOST:
            return await self._lost(ctx, way)
        if not await asyncio.to_thread(_is_certain, ctx, known):
            return self.skipped(Text("skipped.watch_mail_missing", at))
        # no trace shows the mail, or without a trace no task does
        traced = seen.arrived is not None
        key, station = ("missing", Station.MAILBOX) if traced else ("without_task", Station.CONNECT)
        signals = Signals(since=way.mail.at, station=station, disproved_by=self.passed[station])
        words = Text(f"seen.watch_mail_{key}", at)
        return self.wrong(words, cause=Cause.WATCH_MAIL_MISSING, signals=signals)

    async def _lost(self, ctx: StepContext, way: Way) -> Finding:
        """Return the finding for a stopped mail; a customer's that passes later disproves it."""
        at, stopped_at = second_of(way.mail.at), way.station or Station.FORWARD
        told = await why(ctx, way.row) if way.row else Why((), LOST)
        if stopped_at is Station.MAILBOX and not told.cause:
            # Without a cause that concerns the mailbox, the sender itself may be refused.
            return self.skipped(Text("skipped.watch_mail_says_nothing", {"at": at}))
        station, cause = stopped_at, told.cause
        if station is Station.CONNECT:
            cause = Cause.NO_TASK
        elif station is Station.FORWARD:
            cause = cause or flow.cause_of_copy(told.words) or LOST
            station = Station.CONNECT if cause in flow.AT_CONNECT else station
        signals = Signals(since=way.mail.at, station=station, disproved_by=self.passed[stopped_at])
        seen, evidence = Text(f"seen.watch_mail_lost_{station}", {"at": at}), told.words[-3:]
        return self.wrong(seen, cause=cause, signals=signals, evidence=evidence_of(evidence))


def _arrival(way: Way) -> dict[str, str]:
    return {"watch_mail_arrived": way.arrived.isoformat()} if way.arrived else {}


def _mails(ctx: StepContext) -> tuple[WatchMail, ...]:
    since = max(filter(None, (now() - BACK, ctx.run.brief.changed_at)))
    newest = watch_mail.newest(ctx.store.redis, ctx.channel.mailbox)
    return tuple(each for each in newest if each.at > since)


def _is_certain(ctx: StepContext, known: Sequence[Way]) -> bool:
    """Return whether the missing mail is the channel's fault, and not the sending server's.

    The server is known to send if another channel's test mail has arrived since. If there is no
    other channel, several mails in a row must be missing.
    """
    redis, mailbox, at = ctx.store.redis, ctx.channel.mailbox, known[0].mail.at
    if watch_mail.has_others(redis, keys.watch_mails_arrived(), mailbox, at):
        return True
    missing = [way.fate is Fate.MISSING for way in known[:IN_A_ROW]]
    alone = not watch_mail.has_others(redis, keys.watch_mails_sent(), mailbox, at - ALONE)
    return alone and len(missing) == IN_A_ROW and all(missing)
