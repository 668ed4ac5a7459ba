"""History of a channel's looks and mails, in UTC: by hour for a week, by day for 90 days.

Each day is one field of a hash. Nothing here grants anything, so the values have no MAC.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import reduce

import msgspec
from redis import Redis
from redis.client import Pipeline

from jobs.storage import codec, keys
from jobs.watch.model import Eye, Incident, LookOutcome, Sight

HOURS_KEPT = timedelta(days=7)
"""Age of a day at which its hours are added up."""
KEPT = timedelta(days=90)
"""Age at which a day is removed from the history."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers of an hour or a day; ``partly`` looks had no read access and measure no flow."""

    healthy: int = 0
    broken: int = 0
    cannot_look: int = 0
    unsure: int = 0
    mails: int = 0
    partly: int = 0

    @property
    def looks(self) -> int:
        return self.healthy + self.broken + self.cannot_look + self.unsure

    def plus(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in _NAMES))


_NAMES = tuple(each.name for each in fields(Tally))
EMPTY = Tally()


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    total: Tally = EMPTY


def days(redis: Redis, mailbox: str, at: datetime, most: int = 90) -> tuple[Day, ...]:
    """Return the last days up to ``at``, oldest first; those without a look are empty."""
    raw = redis.hgetall(keys.watch_history(mailbox))
    known = {codec.as_bytes(name).decode(): _decoded(value) for name, value in raw.items()}
    last = at.astimezone(UTC).date()
    wanted = [last - timedelta(days=back) for back in range(most - 1, -1, -1)]
    return tuple(Day(each, _sum(known.get(each.isoformat(), {}))) for each in wanted)


def add(
    pipe: Pipeline, mailbox: str, outcome: LookOutcome, at: datetime
) -> Iterable[tuple[str, bytes]]:
    """Return the changed fields of the history, which are read before ``pipe.multi()``.

    Two looks see the same mails, so the larger number counts.
    """
    key, moment = keys.watch_history(mailbox), at.astimezone(UTC)
    changed: dict[str, dict[int, Tally]] = {}

    def of_day(name: str) -> dict[int, Tally]:
        if name not in changed:
            changed[name] = _decoded(pipe.hget(key, name))
        return changed[name]

    today = of_day(moment.date().isoformat())
    partly = outcome.sight in {Sight.HEALTHY, Sight.BROKEN} and Eye.APP not in outcome.eyes
    look = Tally(**{str(outcome.sight): 1}, partly=partly)
    today[moment.hour] = today.get(moment.hour, EMPTY).plus(look)
    for hour, mails in outcome.mails.items():
        then = datetime.fromisoformat(hour).astimezone(UTC)
        if timedelta(0) <= moment - then < HOURS_KEPT:
            day = of_day(then.date().isoformat())
            known = day.get(then.hour, EMPTY)
            day[then.hour] = replace(known, mails=max(known.mails, mails))
    return [(name, _encoded(hours)) for name, hours in changed.items()]


def write(pipe: Pipeline, mailbox: str, changed: Iterable[tuple[str, bytes]]) -> None:
    key = keys.watch_history(mailbox)
    for name, value in changed:
        pipe.hset(key, name, value)
    pipe.expire(key, KEPT)


def fold(redis: Redis, mailbox: str, at: datetime) -> int:
    """Add up the hours of old days and drop days that are too old; return how many days changed."""
    key, today = keys.watch_history(mailbox), at.astimezone(UTC).date()
    changed = 0
    for raw, value in redis.hgetall(key).items():
        name, hours = codec.as_text(raw), _decoded(value)
        age = today - date.fromisoformat(name)
        if age >= KEPT:
            changed += int(redis.hdel(key, name))
        elif age >= HOURS_KEPT and set(hours) != {_WHOLE}:
            redis.hset(key, name, _encoded({_WHOLE: _sum(hours)}))
            changed += 1
    return changed


_WHOLE = -1
"""Number in place of an hour that stands for the whole day, after its hours were added up."""


def _sum(hours: Mapping[int, Tally]) -> Tally:
    return reduce(Tally.plus, hours.values(), EMPTY)


def _decoded(raw: object) -> dict[int, Tally]:
    try:
        rows = codec.load(raw, dict[int, list[int]]) if isinstance(raw, bytes) else {}
    except msgspec.MsgspecError:
        rows = {}
    return {hour: Tally(*numbers[: len(_NAMES)]) for hour, numbers in rows.items()}


def _encoded(hours: Mapping[int, Tally]) -> bytes:
    return msgspec.json.encode({hour: _numbers(one) for hour, one in hours.items()})


def _numbers(tally: Tally) -> list[int]:
    numbers = [getattr(tally, name) for name in _NAMES]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return numbers


DAY = timedelta(days=1)


class DayState(StrEnum):
    """Worst state that was seen on a day.

    BLIND: the watch could not look for a part of the day, or no look measured whether mail flows.
    NONE: nobody looked.
    """

    WELL = "well"
    BROKEN = "broken"
    BLIND = "blind"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DayFigures:
    """State and figures of a day, or of the part of it, ``length``, in the span."""

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

    ``watched`` is the length of the measured days, up to the end of the span. ``broken`` is how
    long of it an incident went on. ``incidents`` are the breaks that touch the span, oldest first.
    ``blind`` is how often the watch could not look. ``late`` and ``bounced`` are the mails that met
    a break. ``to_notice`` is the median time from the beginning of a break to the confirmed look,
    and ``to_fix`` the median time from there to its end. Each is None without a break whose
    beginning, or end, is known.
    """

    since: datetime
    until: datetime
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
    days: Sequence[Day],
    incidents: Iterable[Incident],
    since: datetime,
    until: datetime,
    at: datetime,
) -> Figures:
    """Return the channel's figures from ``since`` to ``until``, or to ``at`` if that is earlier."""
    end = min(until, at)
    found = (each for each in incidents if _overlap(each, since, end))
    touching = sorted(found, key=lambda each: each.since)
    breaks = tuple(each for each in touching if each.sight is Sight.BROKEN)
    blind = [each for each in touching if each.sight is Sight.CANNOT_LOOK]
    every = (_of_day(each, breaks, blind, since, end) for each in days)
    counted = tuple(each for each in every if each.length > timedelta(0))
    return _summed(since, end, counted, breaks, len(blind))


def _summed(
    since: datetime,
    end: datetime,
    counted: tuple[DayFigures, ...],
    breaks: tuple[Incident, ...],
    blind: int,
) -> Figures:
    seen = [each for each in counted if each.measured]
    return Figures(
        since=since,
        until=end,
        days=counted,
        watched=_total(each.length for each in seen),
        broken=_total(each.broken for each in seen),
        incidents=breaks,
        blind=blind,
        mails=sum(each.mails for each in counted),
        late=sum(each.damage.late for each in breaks),
        bounced=sum(each.damage.bounced for each in breaks),
        to_notice=_median(each.time_to_notice for each in breaks),
        to_fix=_median(map(time_to_fix, breaks)),
    )


def _total(times: Iterable[timedelta]) -> timedelta:
    return sum(times, timedelta(0))


def time_to_fix(incident: Incident) -> timedelta | None:
    """Return the time from the confirmed look to the end; None if no end of the break is known."""
    if incident.ended is None or incident.is_unwatched:
        return None
    return max(incident.ended - incident.confirmed, timedelta(0))


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
) -> DayFigures:
    first, last = max(midnight(day.date), since), min(midnight(day.date) + DAY, end)
    broken = _total(_overlap(each, first, last) for each in breaks)
    total, length = day.total, last - first
    measured = total.healthy + total.broken > total.partly
    if not total.looks:
        state = DayState.NONE
    elif broken:
        state = DayState.BROKEN
    else:
        unseen = not measured or any(_overlap(each, first, last) for each in blind)
        state = DayState.BLIND if unseen else DayState.WELL
    return DayFigures(
        day.date, state, length, min(broken, length), total.mails, total.looks, measured
    )


def _overlap(incident: Incident, first: datetime, last: datetime) -> timedelta:
    end = last if incident.ended is None else min(incident.ended, last)
    return max(end - max(incident.since, first), timedelta(0))


def _median(spans: Iterable[timedelta | None]) -> timedelta | None:
    known = [each.total_seconds() for each in spans if each is not None]
    return timedelta(seconds=statistics.median(known)) if known else None
