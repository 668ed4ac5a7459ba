"""Terms of the watch: the watched channel, the result of a look, and the incident.

Nothing here reads a clock, so that a simulation can drive the watch. None of the classes may hold a
secret, because cards and pages show them.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from jobs.model import Channel, ConnectChange, Person, Station, Turn

TEST_MAIL_STEP = "watch_mail"
"""Name of the step that follows the watch's test mail."""
INTERVAL_S = 900
"""Seconds between two looks at a channel, unless a person or the settings say otherwise."""


@dataclass(frozen=True, slots=True)
class WatchedChannel:
    """Channel that is watched, and the people whom the watch informs.

    ``channel`` is as it was when it was last looked at; its tenant decides which channels share
    reads. ``room`` is the space that gets the cards, in a 1:1 conversation with ``by`` if
    ``direct``. ``by`` is the person who asked for the watch, at ``since``. ``interval_s`` is in
    seconds. ``paused_until`` is None if the watch is not paused. ``notify`` are the addresses of
    the people who get the card 1:1 if nobody acts. The language, the time zone and the quiet hours
    are the space's (:mod:`bot.chat.preferences`).
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


class Sight(StrEnum):
    """Result of a look in one word.

    HEALTHY: nothing that stops mail was seen. BROKEN: mail stops, and the cause is known.
    CANNOT_LOOK: an access that the look needs has ended, which says nothing about the channel.
    UNSURE: a cloud gave no usable answer this time, which says nothing about the channel either.
    """

    HEALTHY = "healthy"
    BROKEN = "broken"
    CANNOT_LOOK = "cannot_look"
    UNSURE = "unsure"


class Eye(StrEnum):
    """Kind of access that a look has in addition to public facts, least first.

    LOGIN: the bot's own login as the mailbox. APP: the read access that the tenant has granted.
    CONNECT: Webex Connect's audit log. TASKS: the tasks of the contact center.
    """

    LOGIN = "login"
    APP = "app"
    CONNECT = "connect"
    TASKS = "tasks"


@dataclass(frozen=True, slots=True)
class Damage:
    """Mails that an incident has affected: ``late`` reached no agent yet, ``bounced`` were refused.

    ``since`` is when the first of them came; None if no mail is known to be affected.
    """

    late: int = 0
    bounced: int = 0
    since: datetime | None = None

    @property
    def mails(self) -> int:
        return self.late + self.bounced

    def most(self, other: Damage) -> Damage:
        times = [each for each in (self.since, other.since) if each is not None]
        return Damage(
            max(self.late, other.late), max(self.bounced, other.bounced), min(times, default=None)
        )


@dataclass(frozen=True, slots=True)
class LookOutcome:
    """Result of one look.

    ``cause`` is a cause code (:mod:`jobs.causes.cause`): why the channel is broken, why it
    cannot be looked at, or why the look is unsure. ``since`` is when it began according to the
    clouds; None if they do not say. ``step`` is the step that saw the cause, and ``station`` the
    station at which mail stops. ``turn`` is the person who must act, and ``fix`` the step whose
    plan would repair the cause, or empty. ``changed`` is the change that may have brought it about,
    or None. ``unseen`` are the names of the steps that this look
    could not read, and ``eyes`` the kinds of access that it had. ``mails`` are the mails that
    arrived, by the hour of their arrival (ISO, UTC), as far as the trace showed whole hours.
    ``calls`` is the number of requests that the look has made to clouds. ``check`` is the run with
    the findings, or empty.
    """

    sight: Sight
    cause: str = ""
    since: datetime | None = None
    step: str = ""
    station: Station | None = None
    turn: Turn = Turn.NOBODY
    fix: str = ""
    damage: Damage = Damage()
    changed: ConnectChange | None = None
    unseen: tuple[str, ...] = ()
    eyes: tuple[Eye, ...] = ()
    mails: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    check: str = ""


class Look(Protocol):
    """Inspection of one group's channels: by the clouds (:mod:`jobs.watch.look`), or made up."""

    def __call__(
        self, channels: tuple[WatchedChannel, ...]
    ) -> AsyncIterator[tuple[WatchedChannel, LookOutcome]]: ...


class NewsKind(StrEnum):
    BEGAN = "began"
    WORSE = "worse"
    BLIND = "blind"
    SEES_AGAIN = "sees_again"
    FLAPS = "flaps"
    RECOVERED = "recovered"
    UNWATCHED = "unwatched"


@dataclass(frozen=True, slots=True)
class News:
    kind: NewsKind
    at: datetime
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """One disturbance of a channel, from the first bad look to the first good one after it.

    ``sight`` is BROKEN or CANNOT_LOOK. ``since`` is when it began according to the clouds, or else
    ``noticed``, the first bad look. ``confirmed`` is the second one, after which people are told.
    ``step`` is the step that saw the cause: only a look that reads it can end the incident.
    ``ended`` is None while it goes on. ``blind_since`` is when the watch lost sight of a broken
    channel, or None. ``flaps`` is how often the channel was healthy in between. ``fixed_by`` is the
    run that ended it, or empty if none of the bot's did. ``acting`` is the address of the person
    who said "I'm on it", at ``acting_since``. ``told`` are the addresses that got it 1:1.
    ``told_mails`` is how many mails were affected at the newest of the ``news``, the changes,
    oldest first. ``check`` is the run with the newest findings, or empty. ``shared`` names what the
    incident has in common with those of other channels, or is empty.
    ``cards`` are the ids of the cards that show it: of its space, and of the operator's.
    """

    id: str
    mailbox: str
    room: str
    sight: Sight
    cause: str
    since: datetime
    noticed: datetime
    confirmed: datetime
    step: str = ""
    station: Station | None = None
    turn: Turn = Turn.NOBODY
    fix: str = ""
    damage: Damage = Damage()
    changed: ConnectChange | None = None
    ended: datetime | None = None
    blind_since: datetime | None = None
    flaps: int = 0
    fixed_by: str = ""
    acting: str = ""
    acting_since: datetime | None = None
    told: tuple[str, ...] = ()
    told_mails: int = 0
    news: tuple[News, ...] = ()
    check: str = ""
    shared: str = ""
    cards: tuple[str, ...] = ()

    def shown_on(self, cards: Iterable[IncidentCard]) -> Incident:
        ids = (*self.cards, *(each.id for each in cards))
        return replace(self, cards=tuple(dict.fromkeys(ids)))

    @property
    def is_open(self) -> bool:
        return self.ended is None

    @property
    def is_unwatched(self) -> bool:
        return bool(self.news) and self.news[-1].kind is NewsKind.UNWATCHED

    @property
    def time_to_notice(self) -> timedelta | None:
        """Return None if no cloud says when it began."""
        return self.confirmed - self.since if self.since < self.noticed else None

    @property
    def duration(self) -> timedelta | None:
        return None if self.ended is None else max(self.ended - self.since, timedelta(0))


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
    """Bad look without a second one; ``unsure`` looks since gave no usable answer."""

    sight: Sight
    cause: str
    at: datetime
    since: datetime | None = None
    unsure: int = 0


@dataclass(frozen=True, slots=True)
class ChannelState:
    """State of a watched channel between two looks.

    ``looked`` is the time of the last look, None before the first, and ``last`` its outcome.
    ``next_look`` is when the next is due; None means at once. ``incident`` is the newest incident
    that is open, or ended so lately that a further break continues it; empty if there is none.
    ``healthy_looks`` is how many looks in a row were good. ``unsure_since`` is the time of the
    first of the last looks in a row without a usable answer. ``eyes`` are the kinds of access that
    the watch has had since it began; people are told if one of them is missing.
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
        return max(self.next_look or at, watched.paused_until or at)


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


def read_interval(typed: str) -> timedelta | None:
    """Return the time between two looks; None beyond the limits."""
    return _limited(typed, SHORTEST)


def read_mail_interval(typed: str) -> timedelta | None:
    """Return the time between two test mails, zero for never; None beyond the limits."""
    if typed.strip().lower() in {"0", "off"}:
        return timedelta(0)
    return _limited(typed, MAIL_SHORTEST)


def _limited(typed: str, shortest: timedelta) -> timedelta | None:
    span = read_span(typed)
    return span if span is not None and shortest <= span <= LONGEST else None


def written(span: timedelta) -> str:
    """Return the span as people type it, in the largest unit that fits."""
    minutes = round(span.total_seconds() / 60)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0 and minutes >= size:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
