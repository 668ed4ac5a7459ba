"""Way of the newest test mail that the watch has sent: to the mailbox, to Webex Connect, to a task.

The mail is the bot's own, so it is known that it was sent, and each station is known by the mail
itself. A customer's mail says less: until it arrives, it is unknown that it was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from jobs.causes.cause import Cause
from jobs.channel.mailbox import evidence_of, newest_delivered
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.contact_center.services import Tasks
from jobs.engine.step import Probe, StepContext
from jobs.mail import watch_mail
from jobs.mail.message_trace import (
    AT_CONNECT,
    COPIED_WITHIN,
    LOST,
    TraceRow,
    cause_of_copy,
    stopped,
    withheld,
)
from jobs.mail.watch_mail import WatchMail
from jobs.model import Access, Finding, Reason, Signals, Station, Text, second_of
from jobs.probes.contact_center import GRACE, came_of, only_app, read_tasks
from jobs.probes.traces import BACK, Why, why

ARRIVES_WITHIN = timedelta(minutes=30)
"""Time after sending within which the trace shows the mail, with the delay of the trace."""
IN_A_ROW = 2
"""Number of missing test mails in a row that count if no other channel's mail proves the server."""
ALONE = timedelta(hours=30)
"""Time in which a test mail to another channel means that this channel is not the only one."""


class Fate(StrEnum):
    """State of a test mail.

    THROUGH: it went as far as can be seen. UNDER_WAY: it may still come. LOST: it stopped at a
    known station. MISSING: no cloud has ever seen it. NOTHING: it says nothing about the channel,
    because it was not sent, or because a filter or the sending server is to blame.
    """

    THROUGH = "through"
    UNDER_WAY = "under_way"
    LOST = "lost"
    MISSING = "missing"
    NOTHING = "nothing"


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
    arrived: tuple[TraceRow, ...] | None = None
    copies: tuple[TraceRow, ...] | None = None
    tasks: Tasks | None = None
    app: str = ""

    @classmethod
    async def read(cls, ctx: StepContext) -> Sightings:
        """Read the trace as far as the access allows, and the tasks as far as the settings do."""
        since, address, seen = now() - BACK, ctx.channel.forwarding_address, cls(ctx)
        if ctx.access is not Access.NONE:
            trace = ctx.trace()
            arrived = await trace.find(since, recipient=ctx.channel.mailbox)
            copies = await trace.find(since, recipient=address) if address else None
            seen = cls(ctx, arrived, copies)
        if ctx.settings.contact_center_url:
            with suppress(CloudError):  # the step of the tasks says so
                seen = replace(seen, tasks=await read_tasks(ctx), app=await only_app(ctx))
        return seen

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
            lost = now() - came > COPIED_WITHIN
            fate, station = (Fate.LOST, Station.FORWARD) if lost else (Fate.UNDER_WAY, None)
            return Way(mail, fate, came, came, station)
        passing = [row for row in rows if not withheld(row)]
        bad = next(filter(stopped, passing), None)
        if bad is None:
            return Way(mail, Fate.UNDER_WAY if passing else Fate.NOTHING)
        if copies:
            return Way(mail, Fate.LOST, bad.received, came, Station.FORWARD, bad)
        return Way(mail, Fate.LOST, bad.received, None, Station.MAILBOX, bad)

    def _never_seen(self, mail: WatchMail) -> Way:
        if mail.sent is None or (self.arrived is None and self.tasks is None):
            return Way(mail, Fate.NOTHING)
        sender = self.ctx.settings.probe_from
        if self.arrived is None and (task := self._task_of(sender, mail.sent)):
            return Way(mail, Fate.THROUGH, task, task)
        if now() - mail.sent <= ARRIVES_WITHIN + GRACE:
            return Way(mail, Fate.UNDER_WAY)
        later = watch_mail.without_watch_mails(self.arrived or ())
        if any(row.received > mail.sent and row.status.went_on for row in later):
            return Way(mail, Fate.NOTHING)  # so the sending server is to blame
        return Way(mail, Fate.MISSING)

    def _to_task(self, mail: WatchMail, handed: TraceRow) -> Way:
        at = handed.received
        if self.tasks is None or self.tasks.since > at:
            return Way(mail, Fate.THROUGH, at)
        if task := self._task_of(handed.sender, at):
            return Way(mail, Fate.THROUGH, max(task, at))
        if now() - at < GRACE:
            return Way(mail, Fate.UNDER_WAY)
        return Way(mail, Fate.LOST, at, station=Station.CONNECT)

    def _task_of(self, sender: str, at: datetime) -> datetime | None:
        mailbox, rows = self.ctx.channel.mailbox, self.tasks.rows if self.tasks else ()
        made = (t.created for t in rows if came_of(t, sender, at, mailbox, self.app))
        return next(made, None)


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
        ways = list(map(seen.way, mails))
        ways = [way for way in ways if way.fate is not Fate.NOTHING]
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
        key, station = (
            ("missing", Station.MAILBOX)
            if seen.arrived is not None
            else ("without_task", Station.CONNECT)
        )
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
        station, cause = _explained(stopped_at, told)
        signals = Signals(since=way.mail.at, station=station, disproved_by=self.passed[stopped_at])
        seen, evidence = Text(f"seen.watch_mail_lost_{station}", {"at": at}), told.words[-3:]
        return self.wrong(seen, cause=cause, signals=signals, evidence=evidence_of(evidence))


def _arrival(way: Way) -> dict[str, str]:
    return {"watch_mail_arrived": way.arrived.isoformat()} if way.arrived else {}


def _explained(station: Station, told: Why) -> tuple[Station, str]:
    if station is not Station.FORWARD:
        return station, Cause.NO_TASK if station is Station.CONNECT else told.cause
    cause = told.cause or cause_of_copy(told.words) or LOST
    return Station.CONNECT if cause in AT_CONNECT else station, cause


def _mails(ctx: StepContext) -> tuple[WatchMail, ...]:
    since = max(filter(None, (now() - BACK, ctx.run.brief.changed_at)))
    newest = watch_mail.newest(ctx.store.redis, ctx.channel.mailbox)
    return tuple(each for each in newest if each.at > since)


def _is_certain(ctx: StepContext, known: Sequence[Way]) -> bool:
    """Return whether the missing mail is the channel's fault, and not the sending server's.

    The server is known to send if another channel's test mail has arrived since. If there is no
    other channel, several mails in a row must be missing.
    """
    redis, mailbox, mail = ctx.store.redis, ctx.channel.mailbox, known[0].mail
    if watch_mail.others_arrived(redis, mailbox, mail.at):
        return True
    missing = [way.fate is Fate.MISSING for way in known[:IN_A_ROW]]
    alone = not watch_mail.others_sent(redis, mailbox, mail.at - ALONE)
    return alone and len(missing) == IN_A_ROW and all(missing)
