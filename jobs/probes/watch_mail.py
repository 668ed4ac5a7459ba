"""Way of the newest test mail that the watch has sent: to the mailbox, to Webex Connect, to a task.

The mail is the bot's own, so it is known that it was sent, and each station is known by the mail
itself. A customer's mail says less: until it arrives, it is unknown that it was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from jobs.causes.cause import Cause
from jobs.channel.mailbox import evidence_of, newest_delivered
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.contact_center.tasks import Tasks
from jobs.engine.context import StepContext
from jobs.mail import watch_mail
from jobs.mail.flow import AT_CONNECT, COPIED_WITHIN, LOST, cause_of_copy, stopped, withheld
from jobs.mail.message_trace import TraceRow
from jobs.mail.watch_mail import WatchMail
from jobs.model import Access, Finding, Reason, Signals, Station, Text, second_of
from jobs.probes.contact_center import GRACE, came_of, only_app, read_tasks
from jobs.probes.probe import Probe
from jobs.probes.traces import BACK, Why, why

PASSED = {
    Station.MAILBOX: ("arrivals", "copies"),
    Station.FORWARD: ("copies",),
    Station.CONNECT: ("agent_tasks",),
}
"""Findings whose later mail shows that mail passes the station at which a test mail stopped."""
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

    arrived: tuple[TraceRow, ...] | None
    copies: tuple[TraceRow, ...] | None
    tasks: Tasks | None
    app: str

    @property
    def show_arrivals(self) -> bool:
        """Return whether the trace or the tasks can show that a mail arrived."""
        return self.arrived is not None or self.tasks is not None


class WatchMailProbe(Probe):
    """Probe that checks whether the watch's newest test mail went the whole way."""

    name = "watch_mail"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Follow the newest test mails through the trace and the tasks.

        The newest one whose fate is known decides, so a mail that is still under way changes
        nothing.
        """
        mails = await asyncio.to_thread(_mails, ctx)
        if not mails:
            return self.skipped(Reason.NO_WATCH_MAIL)
        seen = await _sightings(ctx)
        ways = [_way(ctx, mail, seen) for mail in mails]
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
        if way.fate is Fate.THROUGH and way.at is not None:
            text = Text("seen.watch_mail", {"at": second_of(way.at)})
            return self.ok(text, signals=Signals(at=way.at))
        if way.fate is Fate.LOST:
            return await self._lost(ctx, way)
        if not await asyncio.to_thread(_is_certain, ctx, known):
            words = {"at": second_of(way.mail.at)}
            return self.skipped(Text("skipped.watch_mail_missing", words))
        return self._missing(way.mail, traced=seen.arrived is not None)

    def _missing(self, mail: WatchMail, *, traced: bool) -> Finding:
        """Return the finding for a mail that no trace shows, or that has no task without one."""
        words = {"at": second_of(mail.at)}
        if traced:
            seen, station = Text("seen.watch_mail_missing", words), Station.MAILBOX
        else:
            seen, station = Text("seen.watch_mail_without_task", words), Station.CONNECT
        signals = Signals(since=mail.at, station=station, disproved_by=PASSED[station])
        return self.wrong(seen, cause=Cause.WATCH_MAIL_MISSING, signals=signals)

    async def _lost(self, ctx: StepContext, way: Way) -> Finding:
        """Return the finding for a stopped mail; a customer's that passes later disproves it."""
        at, stopped_at = second_of(way.mail.at), way.station or Station.FORWARD
        told = await why(ctx, way.row) if way.row else Why((), LOST)
        if stopped_at is Station.MAILBOX and not told.cause:
            # Without a cause that concerns the mailbox, the sender itself may be refused.
            return self.skipped(Text("skipped.watch_mail_says_nothing", {"at": at}))
        station, cause = _explained(stopped_at, told)
        signals = Signals(since=way.mail.at, station=station, disproved_by=PASSED[stopped_at])
        seen, evidence = Text(f"seen.watch_mail_lost_{station}", {"at": at}), told.words[-3:]
        return self.wrong(seen, cause=cause, signals=signals, evidence=evidence_of(evidence))


def _arrival(way: Way) -> dict[str, str]:
    return {"watch_mail_arrived": way.arrived.isoformat()} if way.arrived else {}


def _explained(station: Station, told: Why) -> tuple[Station, str]:
    """Return station and cause, which the trace of a copy may show more exactly."""
    if station is not Station.FORWARD:
        return station, Cause.NO_TASK if station is Station.CONNECT else told.cause
    cause = told.cause or cause_of_copy(told.words) or LOST
    return Station.CONNECT if cause in AT_CONNECT else station, cause


def _mails(ctx: StepContext) -> tuple[WatchMail, ...]:
    """Return the test mails that say something about the channel as it is now, newest first."""
    since = max(filter(None, (now() - BACK, ctx.run.brief.changed_at)))
    newest = watch_mail.newest(ctx.store.redis, ctx.channel.mailbox)
    return tuple(each for each in newest if each.at > since)


async def _sightings(ctx: StepContext) -> Sightings:
    """Read the trace as far as the access allows, and the tasks as far as the settings do."""
    since, address = now() - BACK, ctx.channel.forwarding_address
    arrived = copies = None
    if ctx.access is not Access.NONE:
        trace = ctx.trace()
        arrived = await trace.find(since, recipient=ctx.channel.mailbox)
        copies = await trace.find(since, recipient=address) if address else None
    return Sightings(arrived, copies, *await _tasks_and_app(ctx))


async def _tasks_and_app(ctx: StepContext) -> tuple[Tasks | None, str]:
    """Return the tasks and the only app; nothing if they are not configured or cannot be read."""
    if not ctx.settings.contact_center_url:
        return None, ""
    try:
        return await read_tasks(ctx), await only_app(ctx)
    except CloudError:
        return None, ""  # the step of the tasks says so


def _way(ctx: StepContext, mail: WatchMail, seen: Sightings) -> Way:
    """Return how far a test mail has come, according to the traces and the tasks."""
    copies = _of(mail, seen.copies)
    if (good := newest_delivered(copies)) is not None:
        arrived = min(row.received for row in (*_of(mail, seen.arrived), good))
        return replace(_to_task(ctx, mail, good, seen), arrived=arrived)
    if (bad := _stopped(copies)) is not None:
        arrived = next((row.received for row in _of(mail, seen.arrived)), bad.received)
        return Way(mail, Fate.LOST, bad.received, arrived, Station.FORWARD, bad)
    return _held_up(mail, copies) if copies else _before_the_copy(ctx, mail, seen)


def _held_up(mail: WatchMail, rows: Iterable[TraceRow]) -> Way:
    """Return the way of a mail that may go on, unless a filter withholds it."""
    return Way(mail, Fate.NOTHING if all(map(withheld, rows)) else Fate.UNDER_WAY)


def _before_the_copy(ctx: StepContext, mail: WatchMail, seen: Sightings) -> Way:
    """Return how far a mail has come if the trace shows no copy of it."""
    rows = _of(mail, seen.arrived)
    if (good := newest_delivered(rows)) is not None:
        return _without_copy(ctx, mail, good, seen)
    if (bad := _stopped(rows)) is not None:
        return Way(mail, Fate.LOST, bad.received, None, Station.MAILBOX, bad)
    return _held_up(mail, rows) if rows else _never_seen(ctx, mail, seen)


def _without_copy(ctx: StepContext, mail: WatchMail, good: TraceRow, seen: Sightings) -> Way:
    """Return how far an arrived mail has come: its copy is due, late, or unreadable."""
    at = good.received
    if seen.copies is None:
        way = _to_task(ctx, mail, good, seen) if seen.tasks else Way(mail, Fate.THROUGH, at)
        return replace(way, arrived=at)
    if now() - at > COPIED_WITHIN:
        return Way(mail, Fate.LOST, at, at, Station.FORWARD)
    return Way(mail, Fate.UNDER_WAY, at, at)


def _never_seen(ctx: StepContext, mail: WatchMail, seen: Sightings) -> Way:
    """Return the fate of a mail that no trace shows: perhaps a task does, or it is missing."""
    if mail.sent is None or not seen.show_arrivals:
        return Way(mail, Fate.NOTHING)
    if task := _untraced_task(ctx, mail.sent, seen):
        return Way(mail, Fate.THROUGH, task, task)
    if now() - mail.sent <= ARRIVES_WITHIN + GRACE:
        return Way(mail, Fate.UNDER_WAY)
    later = watch_mail.without_watch_mails(seen.arrived or ())
    if any(row.received > mail.sent and row.status.went_on for row in later):
        return Way(mail, Fate.NOTHING)  # so the sending server is to blame
    return Way(mail, Fate.MISSING)


def _untraced_task(ctx: StepContext, sent: datetime, seen: Sightings) -> datetime | None:
    if seen.arrived is not None or seen.tasks is None:
        return None
    return next(_tasks_of(ctx, seen.tasks, ctx.settings.probe_from, sent, seen.app), None)


def _to_task(ctx: StepContext, mail: WatchMail, handed: TraceRow, seen: Sightings) -> Way:
    """Return the fate of a mail handed over, as readable tasks show it."""
    at = handed.received
    if seen.tasks is None or seen.tasks.since > at:
        return Way(mail, Fate.THROUGH, at)
    if task := next(_tasks_of(ctx, seen.tasks, handed.sender, at, seen.app), None):
        return Way(mail, Fate.THROUGH, max(task, at))
    if now() - at < GRACE:
        return Way(mail, Fate.UNDER_WAY)
    return Way(mail, Fate.LOST, at, station=Station.CONNECT)


def _tasks_of(
    ctx: StepContext, tasks: Tasks, sender: str, at: datetime, app: str
) -> Iterator[datetime]:
    """Return when the tasks were made that may result from a mail at that time or later."""
    mailbox = ctx.channel.mailbox
    return (task.created for task in tasks.rows if came_of(task, sender, at, mailbox, app))


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


def _of(mail: WatchMail, rows: Iterable[TraceRow] | None) -> list[TraceRow]:
    return [row for row in rows or () if mail.has(row)]


def _stopped(rows: Iterable[TraceRow]) -> TraceRow | None:
    """Return the first row of a mail that will not go on, unless a filter withheld it."""
    return next((row for row in rows if stopped(row) and not withheld(row)), None)
