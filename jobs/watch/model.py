"""Terms of the watch: the watched channel, the result of a look, the incident, and a look's effect.

Nothing here reads a clock, so that a simulation can drive the watch. None of the classes may hold a
secret, because cards and pages show them. A bad look is only a suspicion until a second one
confirms it. A look without a usable answer confirms nothing and refutes nothing.
"""

import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

from jobs.causes.cause import known
from jobs.model import Channel, ConnectChange, Person, Station, Turn

INTERVAL_S = 900
"""Seconds between two looks at a channel, unless a person or the settings say otherwise."""


@dataclass(frozen=True, slots=True)
class WatchedChannel:
    """Channel that is watched, and the people whom the watch informs.

    ``channel`` is as it was when it was last looked at; its tenant decides which channels share
    reads. ``room`` is the space that gets the cards, in a 1:1 conversation with ``by``, who asked
    for the watch, if ``direct``. ``notify`` are the addresses of the people who get the card 1:1 if
    nobody acts. The language, time zone and quiet hours are the space's.
    """

    channel: Channel
    room: str
    by: Person
    since: datetime
    interval_s: int = INTERVAL_S
    paused_until: datetime | None = None
    notify: tuple[str, ...] = ()
    direct: bool = False

    @property
    def mailbox(self) -> str:
        return self.channel.mailbox

    @property
    def group(self) -> str:
        """Return the tenant, whose channels are looked at together; unknown ones are a group."""
        return self.channel.tenant_id.lower() or "unknown"

    @property
    def interval(self) -> timedelta:
        return timedelta(seconds=self.interval_s)

    def is_paused(self, at: datetime) -> bool:
        return self.paused_until is not None and at < self.paused_until


Sight = StrEnum("Sight", "HEALTHY BROKEN CANNOT_LOOK UNSURE")
"""Result of a look in one word.

HEALTHY: nothing that stops mail was seen. BROKEN: mail stops, and the cause is known.
CANNOT_LOOK: an access that the look needs has ended, which says nothing about the channel.
UNSURE: a cloud gave no usable answer this time, which says nothing about the channel either.
"""


Eye = StrEnum("Eye", "LOGIN APP CONNECT TASKS")
"""Kind of access that a look has in addition to public facts, least first.

LOGIN: the bot's own login as the mailbox. APP: the read access that the tenant has granted.
CONNECT: Webex Connect's audit log. TASKS: the tasks of the contact center.
"""


@dataclass(frozen=True, slots=True)
class Damage:
    """Mails that an incident has affected: ``late`` reached no agent yet, ``bounced`` never will.

    ``since`` is when the first of them came; None if no mail is known to be affected.
    """

    late: int = 0
    bounced: int = 0
    since: datetime | None = None

    @property
    def mails(self) -> int:
        return self.late + self.bounced

    def most(self, other: Self) -> Self:
        since = min(filter(None, (self.since, other.since)), default=None)
        bounced = max(self.bounced, other.bounced)  # a late mail may bounce later
        return type(self)(max(self.mails, other.mails) - bounced, bounced, since)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look saw of a channel.

    ``cause`` is why the channel is broken, why it cannot be looked at, or why the look is unsure
    (:mod:`jobs.causes.cause`). ``step`` saw the cause, and mail stops at ``station``. ``fix`` is
    the step whose plan would repair it, or empty. ``changed`` is the change that may have brought
    it about. ``check`` is the run with the findings, or empty.
    """

    sight: Sight
    cause: str = ""
    step: str = ""
    station: Station | None = None
    turn: Turn = Turn.NOBODY
    fix: str = ""
    damage: Damage = Damage()
    changed: ConnectChange | None = None
    check: str = ""

    @property
    def is_of_test_mail(self) -> bool:
        """Return whether only a test mail of the watch has shown it."""
        return self.step == "watch_mail" and self.sight is not Sight.CANNOT_LOOK


@dataclass(frozen=True, slots=True)
class LookOutcome(Seen):
    """Result of one look.

    ``since`` is when the cause began according to the clouds; None if they do not say. ``unseen``
    are the steps that this look could not read, and ``eyes`` the kinds of access that it had.
    ``mails`` are those that arrived, by the hour (ISO, UTC), if the trace showed whole hours.
    """

    since: datetime | None = None
    unseen: tuple[str, ...] = ()
    eyes: tuple[Eye, ...] = ()
    mails: dict[str, int] = field(default_factory=dict)


Found = tuple[WatchedChannel, LookOutcome]
Look = Callable[[tuple[WatchedChannel, ...]], AsyncIterator[Found]]
"""Inspection of one group's channels: by the clouds (:mod:`jobs.watch.look`), or made up."""


NewsKind = StrEnum("NewsKind", "BEGAN WORSE OTHER_CAUSE BLIND SEES_AGAIN FLAPS RECOVERED UNWATCHED")


@dataclass(frozen=True, slots=True)
class News:
    kind: NewsKind
    at: datetime
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident(Seen):
    """One disturbance of a channel, from the first bad look to the first good one after it.

    ``sight`` is BROKEN or CANNOT_LOOK. Only a look that reads ``step`` can end the incident.
    ``since`` is when it began according to the clouds, or else ``noticed``, the first bad look.
    ``confirmed`` is the second one, after which people are told. ``ended`` is None while it goes
    on. ``blind_since`` is when the watch lost sight of a broken channel, or None. ``flaps`` is how
    often the channel was healthy in between. ``fixed_by`` is the run that ended it, or empty if
    none of the bot's did. ``acting`` is the address of the person who said "I'm on it", at
    ``acting_since``. ``told`` are the addresses that got it 1:1. ``told_mails`` is how many mails
    were affected at the newest of the ``news``, the changes, oldest first. ``shared`` names what
    the incident has in common with those of other channels, or is empty. ``cards`` are the ids of
    the cards that show it: of its space, and of the operator's.
    """

    id: str
    mailbox: str
    room: str
    since: datetime
    noticed: datetime
    confirmed: datetime
    ended: datetime | None = None
    blind_since: datetime | None = None
    flaps: int = 0
    fixed_by: str = ""
    acting: str = ""
    acting_since: datetime | None = None
    told: tuple[str, ...] = ()
    told_mails: int = 0
    news: tuple[News, ...] = ()
    shared: str = ""
    cards: tuple[str, ...] = ()

    def shown_on(self, cards: "Iterable[IncidentCard]") -> Self:
        ids = (*self.cards, *(each.id for each in cards))
        return replace(self, cards=tuple(dict.fromkeys(ids)))

    @property
    def is_open(self) -> bool:
        return self.ended is None

    @property
    def is_unwatched(self) -> bool:
        return bool(self.news) and self.news[-1].kind is NewsKind.UNWATCHED

    @property
    def broke(self) -> datetime:
        """Return when a look confirmed the present break, or another cause of it."""
        kinds = {NewsKind.FLAPS, NewsKind.OTHER_CAUSE}
        return max((self.confirmed, *(each.at for each in self.news if each.kind in kinds)))

    @property
    def time_to_notice(self) -> timedelta | None:
        """Return None if no cloud says when it began."""
        return self.confirmed - self.since if self.since < self.noticed else None

    @property
    def time_to_fix(self) -> timedelta | None:
        """Return the time from the confirmed look to the end, if the end of the break is known."""
        if self.ended is None or self.is_unwatched:
            return None
        return max(self.ended - self.confirmed, timedelta(0))

    @property
    def duration(self) -> timedelta | None:
        ends = [end - begin for begin, end in self.breaks if end is not None]
        return None if self.ended is None else max(sum(ends, timedelta(0)), timedelta(0))

    @property
    def breaks(self) -> tuple[tuple[datetime, datetime | None], ...]:
        """Return from when to when the channel was broken, without the times in between."""
        kinds = NewsKind.RECOVERED, NewsKind.FLAPS
        pairs = [(a.at, b.at) for a, b in pairwise(self.news) if (a.kind, b.kind) == kinds]
        begins, ends = [self.since, *(again for _, again in pairs)], [well for well, _ in pairs]
        return tuple(zip(begins, (*ends, self.ended), strict=True))


@dataclass(frozen=True, slots=True)
class IncidentCard:
    """Card in one space, which shows one incident, or all with the same ``shared`` cause.

    ``direct`` is true in a 1:1 conversation with ``by``. ``counts`` is true for the card in the
    operator's space, which counts the channels.
    """

    id: str
    room: str
    by: Person
    shared: str = ""
    direct: bool = False
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Bad look without a second one."""

    sight: Sight
    cause: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChannelState:
    """State of a watched channel between two looks.

    ``looked`` is the time of the last look, None before the first, and ``last`` its outcome. The
    next is due at ``next_look``; None means at once. ``incident`` is the newest that is open, or
    ended so lately that a further break continues it, or empty. ``healthy_looks`` in a row were
    good. ``unsure_since`` is the first of the last looks in a row without a usable answer. ``eyes``
    are the kinds of access that the watch has had; people are told if one is missing.
    """

    looked: datetime | None = None
    last: LookOutcome | None = None
    next_look: datetime | None = None
    suspicion: Suspicion | None = None
    incident: str = ""
    healthy_looks: int = 0
    unsure_since: datetime | None = None
    eyes: tuple[Eye, ...] = ()

    def due(self, watched: WatchedChannel, at: datetime) -> datetime:
        """Return when to look at the channel: after a pause, and at ``at`` if nothing is known."""
        planned, most = self.next_look or at, at + watched.interval + CONFIRM
        # A time beyond the interval was written before the clock was set back.
        return max(planned if planned <= most else at, watched.paused_until or at)


_SPAN = re.compile(r"(\d{1,5}) ?([a-z]+)\.?", re.IGNORECASE)
_UNITS = (
    (timedelta(minutes=1), "m min mins minute minutes minuten"),
    (timedelta(hours=1), "h hour hours std stunde stunden"),
    (timedelta(days=1), "d day days tag tage tagen"),
)
"""Units of time in English and German."""
_LENGTH = {word: length for length, words in _UNITS for word in words.split()}
SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=1)
"""Limits of the time between two looks; Microsoft limits message traces."""
MAIL_SHORTEST = timedelta(hours=1)
"""Shortest time between two test mails of the watch: each of them is a task for an agent."""
LONGEST_PAUSE = timedelta(days=30)


def read_span(typed: str) -> timedelta | None:
    found = _SPAN.fullmatch(typed.strip())
    length = _LENGTH.get(found[2].lower()) if found else None
    return length * int(found[1]) if found and length else None


def read_interval(typed: str, shortest: timedelta = SHORTEST) -> timedelta | None:
    """Return the time between two looks, or None beyond the limits."""
    span = read_span(typed)
    return span if span is not None and shortest <= span <= LONGEST else None


def read_mail_interval(typed: str) -> timedelta | None:
    """Return the time between two test mails, zero for never; None beyond the limits."""
    if typed.strip().lower() in {"0", "off"}:
        return timedelta(0)
    return read_interval(typed, MAIL_SHORTEST)


def written(span: timedelta) -> str:
    """Return the span as people type it, in the largest unit that fits."""
    minutes = round(span.total_seconds() / 60)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0 and minutes >= size:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


CONFIRM = timedelta(seconds=60)
"""Time from a bad look to the look that confirms it. Nobody is told before the confirmation."""
LONGEST_UNSURE = timedelta(minutes=5)
"""Time of unsure looks, a minute apart, after which a suspicion waits for the usual interval."""
FLAPS_WITHIN = timedelta(hours=2)
"""Time after a recovery in which a further break continues the same incident."""
STEADY_LOOKS = 4
"""Number of good looks in a row after which a repeatedly broken channel counts as recovered."""
BLIND_AFTER = timedelta(hours=1)
NO_ANSWER = "clouds_silent"
"""Cause if clouds do not answer, which is in no table of causes."""
FAILED, UNDER_WORK = "look_failed", "run_under_way"
"""Reasons for an unsure look: an error of the bot, or a run of the bot that changes the channel."""
GROWS_BY = 2
"""Factor by which the number of affected mails must grow before it is reported again."""
MOST_NEWS = 40


Effect = tuple[ChannelState, tuple[Incident, ...]]
"""State of a channel after a look, and the incidents that the look has changed."""


@dataclass(frozen=True, slots=True)
class Present:
    """What is known when a look ends; ``incident`` is the newest that is open or ended lately.

    ``fixed_by`` is the run that has ended the incident if this look is good, or empty.
    """

    watched: WatchedChannel
    state: ChannelState
    incident: Incident | None
    new_id: str
    fixed_by: str = ""


def apply(present: Present, outcome: LookOutcome, at: datetime) -> Effect:
    state = replace(
        present.state,
        looked=at,
        last=outcome,
        next_look=next_round(at, present.watched.group, present.watched.interval),
        healthy_looks=present.state.healthy_looks + 1 if outcome.sight is Sight.HEALTHY else 0,
        eyes=tuple(sorted({*present.state.eyes, *outcome.eyes})),
    )
    if outcome.sight is Sight.UNSURE:
        return _unsure(present, state, outcome, at)
    state = replace(state, unsure_since=None)
    if outcome.sight is Sight.HEALTHY:
        return _healthy(present, replace(state, suspicion=None), outcome, at)
    incident, suspicion = present.incident, state.suspicion
    if incident is not None and _is_known(incident, outcome):
        return replace(state, suspicion=None), (_updated(incident, outcome, at),)
    if suspicion is not None and suspicion.sight is outcome.sight:
        return _confirmed(present, state, outcome, at)
    first = Suspicion(outcome.sight, outcome.cause, at)
    soon = at + min(CONFIRM, present.watched.interval)
    return replace(state, suspicion=first, next_look=soon), ()


def _unsure(present: Present, state: ChannelState, outcome: LookOutcome, at: datetime) -> Effect:
    since = min(state.unsure_since or at, at)
    state = replace(state, unsure_since=since)
    if at - since >= BLIND_AFTER and outcome.cause != UNDER_WORK:
        cause = FAILED if outcome.cause == FAILED else NO_ANSWER
        turn = Turn.OPERATOR if cause == FAILED else Turn.NOBODY
        silent = replace(outcome, sight=Sight.CANNOT_LOOK, cause=cause, turn=turn)
        if _is_known(present.incident, silent):
            return state, ()
        known = Suspicion(Sight.CANNOT_LOOK, cause, since)
        return _confirmed(present, replace(state, suspicion=known), silent, at)
    if state.suspicion is not None and at - since < LONGEST_UNSURE:
        state = replace(state, next_look=at + min(CONFIRM, present.watched.interval))
    return state, ()


def _healthy(present: Present, state: ChannelState, outcome: LookOutcome, at: datetime) -> Effect:
    """End the incident, unless the look could not read the break, or the channel comes and goes."""
    incident = present.incident
    if incident is None:
        return state, ()
    if incident.ended is not None:
        over = at - incident.ended > FLAPS_WITHIN
        return replace(state, incident="" if over else state.incident), ()
    unread = incident.sight is Sight.BROKEN and incident.step in outcome.unseen
    if unread or (incident.flaps > 0 and state.healthy_looks < STEADY_LOOKS):
        return state, ()
    by, kind = present.fixed_by, NewsKind.RECOVERED
    return state, (with_news(incident, kind, at, ended=at, blind_since=None, fixed_by=by),)


def _is_known(incident: Incident | None, outcome: LookOutcome) -> bool:
    if incident is None or not incident.is_open:
        return False
    blind = incident.sight is Sight.CANNOT_LOOK or incident.blind_since is not None
    if outcome.sight is Sight.CANNOT_LOOK:
        return blind
    return incident.cause == outcome.cause and not blind


def _updated(incident: Incident, outcome: LookOutcome, at: datetime) -> Incident:
    if outcome.sight is Sight.CANNOT_LOOK:
        return replace(incident, check=outcome.check or incident.check)
    grown = replace(
        incident,
        damage=incident.damage.most(outcome.damage),
        turn=outcome.turn,
        fix=outcome.fix,
        check=outcome.check or incident.check,
        since=min(incident.since, outcome.since or incident.since),
    )
    told = max(grown.told_mails, 1)
    has_grown = grown.damage.mails >= max(told * GROWS_BY, told + GROWS_BY)
    return with_news(grown, NewsKind.WORSE, at) if has_grown else grown


def _confirmed(present: Present, state: ChannelState, outcome: LookOutcome, at: datetime) -> Effect:
    """Return the effect of a second bad look.

    If the watch can look again and sees a break, the time without sight has ended, and the break is
    an incident of its own.
    """
    after, incident = replace(state, suspicion=None), present.incident
    ended: tuple[Incident, ...] = ()
    if incident is not None and incident.is_open:
        if incident.sight is Sight.BROKEN:
            return after, (_changed(present, incident, outcome, at),)
        ended = (with_news(incident, NewsKind.SEES_AGAIN, at, ended=at),)
    elif (
        incident is not None
        and incident.ended is not None
        and at - incident.ended <= FLAPS_WITHIN
        and (incident.sight, incident.cause) == (outcome.sight, outcome.cause)
    ):
        again = _with_outcome(present.watched, incident, outcome)
        flaps, kind = incident.flaps + 1, NewsKind.FLAPS
        return after, (with_news(again, kind, at, flaps=flaps, ended=None, fixed_by=""),)
    noticed, watched = state.suspicion.at if state.suspicion else at, present.watched
    new = Incident(
        id=present.new_id,
        mailbox=watched.mailbox,
        room=watched.room,
        sight=outcome.sight,
        since=noticed,
        noticed=noticed,
        confirmed=at,
    )
    opened = with_news(_with_outcome(watched, new, outcome), NewsKind.BEGAN, at)
    return replace(after, incident=opened.id), (*ended, opened)


def _changed(present: Present, incident: Incident, outcome: LookOutcome, at: datetime) -> Incident:
    if outcome.sight is Sight.CANNOT_LOOK:
        return with_news(incident, NewsKind.BLIND, at, outcome.cause, blind_since=at)
    sees_again = incident.blind_since is not None and incident.cause == outcome.cause
    kind = NewsKind.SEES_AGAIN if sees_again else NewsKind.OTHER_CAUSE
    return with_news(_with_outcome(present.watched, incident, outcome), kind, at, blind_since=None)


def _with_outcome(watched: WatchedChannel, incident: Incident, outcome: LookOutcome) -> Incident:
    shared = "everybody" if outcome.cause in {NO_ANSWER, FAILED} else known(outcome.cause).shared
    whose = f"tenant/{watched.group}" if shared == "tenant" else shared
    seen = {each.name: getattr(outcome, each.name) for each in fields(Seen)}
    seen["damage"] = incident.damage.most(outcome.damage)
    seen["check"] = outcome.check or incident.check
    seen["since"] = min(incident.since, outcome.since or incident.since)
    return replace(incident, **seen, shared=f"{whose}/{outcome.cause}" if whose else "")


def with_news(
    incident: Incident, kind: NewsKind, at: datetime, cause: str = "", **changed: Any
) -> Incident:
    """Return the changed incident with the news; of very many, the first and the newest stay."""
    news = (*incident.news, News(kind, at, cause or incident.cause))
    if len(news) > MOST_NEWS:
        news = (news[0], *news[-MOST_NEWS + 1 :])
    return replace(incident, news=news, told_mails=incident.damage.mails, **changed)


def next_round(at: datetime, group: str, interval: timedelta) -> datetime:
    """Return when the next round of a group begins, at most one interval after ``at``.

    A group's name spreads them, so neither a restart nor a late round brings many together.
    """
    length = interval.total_seconds()
    place = zlib.crc32(group.encode()) / 2**32 * length
    return at + timedelta(seconds=length - (at.timestamp() - place) % length)
