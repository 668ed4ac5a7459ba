"""History of a channel's looks and mails, by day in UTC for 90 days.

Each day is one field of a hash. Nothing here grants anything, so the values have no MAC.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

import msgspec
from redis import Redis
from redis.client import Pipeline

from jobs.storage import codec, keys
from jobs.watch.model import Eye, Incident, LookOutcome, Sight

DAY = timedelta(days=1)
HOURS_KEPT = timedelta(days=7)
"""Age of a day at which the mails of its hours are added up."""
KEPT = timedelta(days=90)
"""Age at which a day is removed from the history."""


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """Looks and mails of a day; ``partly`` looks had no read access and measure no flow.

    ``hours`` are the mails by the hour of their arrival. After a week they are one number.
    ``began`` is the first look of a watch, or after a day without any: before it nobody looked.
    """

    healthy: int = 0
    broken: int = 0
    cannot_look: int = 0
    unsure: int = 0
    partly: int = 0
    hours: dict[int, int] = msgspec.field(default_factory=dict)
    began: datetime | None = None

    @property
    def looks(self) -> int:
        return self.healthy + self.broken + self.cannot_look + self.unsure

    @property
    def mails(self) -> int:
        return sum(self.hours.values())


Day = tuple[date, Tally]


def days(redis: Redis, mailbox: str, at: datetime, most: int = 90) -> dict[date, Tally]:
    """Return the last days up to ``at``, oldest first; those without a look are empty."""
    known = redis.hgetall(keys.watch_history(mailbox))
    last = at.astimezone(UTC).date()
    wanted = [last - timedelta(days=back) for back in range(most - 1, -1, -1)]
    return {each: _read(known.get(each.isoformat().encode())) for each in wanted}


def add(
    pipe: Pipeline, mailbox: str, outcome: LookOutcome, at: datetime, before: datetime | None
) -> dict[date, Tally]:
    """Return the changed days, which are read before ``pipe.multi()``; ``before`` is the last look.

    Two looks see the same mails, so the larger number counts. A day's first look adds up old hours.
    """
    key, moment = keys.watch_history(mailbox), at.astimezone(UTC)
    changed: dict[date, Tally] = {}

    def of_day(day: date) -> Tally:
        if day not in changed:
            changed[day] = _read(pipe.hget(key, day.isoformat()))
        return changed[day]

    today, old = of_day(moment.date()), moment.date() - HOURS_KEPT
    if not today.looks:
        changed[old] = msgspec.structs.replace(of_day(old), hours={0: of_day(old).mails})
        goes_on = before is not None and before.date() >= moment.date() - DAY
        today = msgspec.structs.replace(today, began=None if goes_on else moment)
    partly = outcome.sight in {Sight.HEALTHY, Sight.BROKEN} and Eye.APP not in outcome.eyes
    counts = {str(outcome.sight): 1, "partly": int(partly)}
    more = {name: getattr(today, name) + count for name, count in counts.items()}
    changed[moment.date()] = msgspec.structs.replace(today, **more)
    for hour, mails in outcome.mails.items():
        then = datetime.fromisoformat(hour).astimezone(UTC)
        if then <= moment and then.date() > old:
            hours = of_day(then.date()).hours
            hours[then.hour] = max(hours.get(then.hour, 0), mails)
    return changed


def write(pipe: Pipeline, mailbox: str, changed: Mapping[date, Tally]) -> None:
    key = keys.watch_history(mailbox)
    for day, tally in changed.items():
        pipe.hset(key, day.isoformat(), msgspec.json.encode(tally))
    oldest = max(changed) - KEPT  # of a watch that was off for a time, several days end at once
    pipe.hdel(key, *((oldest - DAY * age).isoformat() for age in range(KEPT.days)))
    pipe.expire(key, KEPT)


def _read(raw: object) -> Tally:
    try:
        return codec.load(raw, Tally) if isinstance(raw, bytes) else Tally()
    except msgspec.MsgspecError:
        return Tally()


DayState = StrEnum("DayState", "WELL BROKEN BLIND NONE")
"""Worst state that was seen on a day.

BLIND: the watch could not look for a part of the day, or no look measured whether mail flows.
NONE: nobody looked.
"""


@dataclass(frozen=True, slots=True)
class DayFigures:
    """State and figures of a day; ``length`` is how long of it, within the span, was watched."""

    date: date
    state: DayState
    length: timedelta
    broken: timedelta
    mails: int
    looks: int
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a channel over a span of time.

    ``watched`` is how long the measured days were watched, and ``broken`` how long of it an
    incident went on. ``incidents`` are the breaks that touch the span, oldest first. ``blind`` is
    how often the watch could not look. ``late`` and ``bounced`` are the mails that met a break. The
    median times are ``to_notice``, from the beginning of a break to the confirmed look, and
    ``to_fix``, from there to its end; None without a break whose beginning, or end, is known.
    """

    days: tuple[DayFigures, ...]
    watched: timedelta
    broken: timedelta
    incidents: tuple[Incident, ...]
    blind: int
    mails: int
    late: int
    bounced: int
    to_notice: timedelta | None
    to_fix: timedelta | None

    @property
    def availability(self) -> float | None:
        """Return the share of the watched time without a break (0 to 1); None if not measured."""
        return 1 - self.broken / self.watched if self.watched else None

    @property
    def first_day(self) -> date | None:
        return next((each.date for each in self.days if each.looks), None)

    @property
    def is_blind_now(self) -> bool:
        return not next((each.measured for each in reversed(self.days) if each.looks), True)


def figures(
    days: Mapping[date, Tally], incidents: Sequence[Incident], since: datetime, end: datetime
) -> Figures:
    """Return the channel's figures from ``since`` to ``end``, which is not in the future."""
    breaks = _touching(incidents, Sight.BROKEN, since, end)
    blind = _touching(incidents, Sight.CANNOT_LOOK, since, end)
    every = (_of_day(each, breaks, blind, since, end) for each in days.items())
    counted = tuple(filter(None, every))
    seen = [each for each in counted if each.measured]
    return Figures(
        days=counted,
        watched=_total(each.length for each in seen),
        broken=_total(each.broken for each in seen),
        incidents=breaks,
        blind=len(blind),
        mails=sum(each.mails for each in counted),
        late=sum(each.damage.late for each in breaks),
        bounced=sum(each.damage.bounced for each in breaks),
        to_notice=_median(each.time_to_notice for each in breaks),
        to_fix=_median(each.time_to_fix for each in breaks),
    )


def _touching(
    incidents: Sequence[Incident], sight: Sight, since: datetime, end: datetime
) -> tuple[Incident, ...]:
    found = (each for each in incidents if each.sight is sight and _overlap(each, since, end))
    return tuple(sorted(found, key=lambda each: each.since))


def _total(times: Iterable[timedelta]) -> timedelta:
    return sum(times, timedelta(0))


def last_days(at: datetime, count: int) -> tuple[datetime, datetime]:
    end = midnight(at.astimezone(UTC).date()) + DAY
    return end - count * DAY, end


def month(year: int, number: int) -> tuple[datetime, datetime]:
    """Return the beginning and the end of a month, in UTC; a ValueError if there is none."""
    first = date(year, number, 1)
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return midnight(first), midnight(following)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)


def _of_day(
    day: Day, breaks: Iterable[Incident], blind: Iterable[Incident], since: datetime, end: datetime
) -> DayFigures | None:
    at, total = day
    begins, ends = max(midnight(at), since), min(midnight(at) + DAY, end)
    if begins >= ends:
        return None
    begins = max(begins, total.began or begins)
    broken = _total(_overlap(each, begins, ends) for each in breaks)
    measured = total.healthy + total.broken > total.partly
    if not total.looks:
        state = DayState.NONE
    elif broken:
        state = DayState.BROKEN
    else:
        unseen = not measured or any(_overlap(each, begins, ends) for each in blind)
        state = DayState.BLIND if unseen else DayState.WELL
    length = ends - begins
    broken = min(broken, length)
    return DayFigures(at, state, length, broken, total.mails, total.looks, measured)


def _overlap(incident: Incident, first: datetime, last: datetime) -> timedelta:
    spans = (min(end or last, last) - max(begin, first) for begin, end in incident.breaks)
    return _total(max(each, timedelta(0)) for each in spans)


def _median(spans: Iterable[timedelta | None]) -> timedelta | None:
    known = [each.total_seconds() for each in spans if each is not None]
    return timedelta(seconds=statistics.median(known)) if known else None
