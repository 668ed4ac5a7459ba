"""Figures of a channel over a time: availability, incidents, mails, time to notice and to fix.

The functions are pure and use only the history and the incidents. Days are those of UTC, as in the
history.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from jobs.watch.history import Day
from jobs.watch.model import Incident, Sight

DAY = timedelta(days=1)


class DayState(StrEnum):
    """State of a channel on one day, which is the worst state that was seen on it.

    WELL: looked at, and no break. BROKEN: an incident went on. BLIND: the watch could not look for
    a part of the day, or no look measured whether mail flows. NONE: nobody looked.
    """

    WELL = "well"
    BROKEN = "broken"
    BLIND = "blind"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DayFigures:
    date: date
    state: DayState
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
        """Return whether the newest looks did not measure whether mail flows."""
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
    found = (each for each in incidents if each.since < end and (each.ended or at) > since)
    touching = sorted(found, key=lambda each: each.since)
    breaks, blind = _of_sight(Sight.BROKEN, touching), _of_sight(Sight.CANNOT_LOOK, touching)
    counted = tuple(
        _of_day(each, breaks, blind, since, end)
        for each in days
        if midnight(each.date) < end and midnight(each.date) + DAY > since
    )
    watched, broken = _watched_and_broken(counted, since, end)
    late, bounced = _damage(breaks)
    return Figures(
        since=since,
        until=end,
        days=counted,
        watched=watched,
        broken=broken,
        incidents=breaks,
        blind=len(blind),
        mails=sum(each.mails for each in counted),
        late=late,
        bounced=bounced,
        to_notice=_median([known for each in breaks if (known := each.time_to_notice) is not None]),
        to_fix=_median([known for each in breaks if (known := time_to_fix(each)) is not None]),
    )


def _of_sight(sight: Sight, incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    return tuple(each for each in incidents if each.sight is sight)


def _watched_and_broken(
    days: Sequence[DayFigures], since: datetime, end: datetime
) -> tuple[timedelta, timedelta]:
    seen = [each for each in days if each.measured]
    watched = _total(
        min(midnight(each.date) + DAY, end) - max(midnight(each.date), since) for each in seen
    )
    return watched, _total(each.broken for each in seen)


def _damage(breaks: Sequence[Incident]) -> tuple[int, int]:
    late = sum(each.damage.late for each in breaks)
    return late, sum(each.damage.bounced for each in breaks)


def _total(times: Iterable[timedelta]) -> timedelta:
    return sum(times, timedelta(0))


def time_to_fix(incident: Incident) -> timedelta | None:
    """Return the time from the look that confirmed the incident to the end of the incident.

    It is None while the incident goes on, and if only the watch of its channel has ended.
    """
    if incident.ended is None or incident.is_unwatched:
        return None
    return max(incident.ended - incident.confirmed, timedelta(0))


def last_days(at: datetime, count: int) -> tuple[datetime, datetime]:
    end = midnight(at.astimezone(UTC).date()) + DAY
    return end - count * DAY, end


def month(year: int, number: int) -> tuple[datetime, datetime]:
    """Return the beginning and the end of a month, in UTC.

    Raises:
        ValueError: There is no such month.
    """
    first = date(year, number, 1)
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return midnight(first), midnight(following)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)


def _of_day(
    day: Day,
    breaks: Iterable[Incident],
    blind: Iterable[Incident],
    since: datetime,
    end: datetime,
) -> DayFigures:
    first, last = max(midnight(day.date), since), min(midnight(day.date) + DAY, end)
    broken = _total(_overlap(each, first, last) for each in breaks)
    unseen = any(_overlap(each, first, last) for each in blind)
    return DayFigures(
        day.date,
        _state(day, broken, unseen=unseen),
        min(broken, last - first),
        day.total.mails,
        day.total.looks,
        _is_measured(day),
    )


def _state(day: Day, broken: timedelta, *, unseen: bool) -> DayState:
    if not day.total.looks:
        return DayState.NONE
    if broken:
        return DayState.BROKEN
    return DayState.BLIND if unseen or not _is_measured(day) else DayState.WELL


def _is_measured(day: Day) -> bool:
    return day.total.healthy + day.total.broken > day.total.partly


def _overlap(incident: Incident, first: datetime, last: datetime) -> timedelta:
    """Return how long the incident went on between the two moments."""
    end = last if incident.ended is None else min(incident.ended, last)
    return max(end - max(incident.since, first), timedelta(0))


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    if not spans:
        return None
    return timedelta(seconds=statistics.median(each.total_seconds() for each in spans))
