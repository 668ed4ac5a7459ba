"""History of a channel's looks and mails: by hour for a week, by day for 90 days.

Each day is one field of a hash, so a channel's history is bounded. Days and hours are those of UTC.
Nothing here grants anything, so the values have no MAC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta

import msgspec
from redis import Redis
from redis.client import Pipeline

from jobs.storage import codec, keys
from jobs.watch import records
from jobs.watch.model import Eye, LookOutcome, Sight

HOURS_KEPT = timedelta(days=7)
"""Age of a day at which its hours are added up."""
KEPT = timedelta(days=90)
"""Age at which a day is removed from the history."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers of an hour or a day: looks by their result, arrived mails, and requests to clouds.

    ``partly`` looks got an answer without the tenant's read access, so they do not measure that mail
    flows.
    """

    healthy: int = 0
    broken: int = 0
    cannot_look: int = 0
    unsure: int = 0
    mails: int = 0
    calls: int = 0
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
    """One day of a channel in UTC: its sum, and its hours (0 to 23) while they are kept."""

    date: date
    total: Tally = EMPTY
    hours: dict[int, Tally] = field(default_factory=dict)


def days(redis: Redis, mailbox: str, at: datetime, most: int = 90) -> tuple[Day, ...]:
    """Return the last days up to ``at``, oldest first; those without a look are empty."""
    raw = redis.hgetall(keys.watch_history(mailbox))
    known = {codec.as_bytes(name).decode(): _decoded(value) for name, value in raw.items()}
    last = at.astimezone(UTC).date()
    wanted = [last - timedelta(days=back) for back in range(most - 1, -1, -1)]
    return tuple(_day(each, known.get(each.isoformat(), {})) for each in wanted)


def add(
    pipe: Pipeline, mailbox: str, outcome: LookOutcome, at: datetime
) -> Iterable[tuple[str, bytes]]:
    """Return the fields of the history that a look changes, with their new values.

    The fields are read in a transaction before ``pipe.multi()``. Mails are not added up but
    replaced by the larger number, because two looks see the same mails.
    """
    key, moment = keys.watch_history(mailbox), at.astimezone(UTC)
    changed: dict[str, dict[int, Tally]] = {}

    def of_day(name: str) -> dict[int, Tally]:
        if name not in changed:
            changed[name] = _decoded(pipe.hget(key, name))
        return changed[name]

    today = of_day(moment.date().isoformat())
    today[moment.hour] = today.get(moment.hour, EMPTY).plus(
        Tally(**{str(outcome.sight): 1}, calls=outcome.calls, partly=_is_partly(outcome))
    )
    for hour, mails in outcome.mails.items():
        then = datetime.fromisoformat(hour).astimezone(UTC)
        if timedelta(0) <= moment - then < HOURS_KEPT:
            _raise_mails(of_day(then.date().isoformat()), then.hour, mails)
    return [(name, _encoded(hours)) for name, hours in changed.items()]


def _is_partly(outcome: LookOutcome) -> bool:
    return outcome.sight in {Sight.HEALTHY, Sight.BROKEN} and Eye.APP not in outcome.eyes


def _raise_mails(hours: dict[int, Tally], hour: int, mails: int) -> None:
    known = hours.get(hour, EMPTY)
    hours[hour] = replace(known, mails=max(known.mails, mails))


def write(pipe: Pipeline, mailbox: str, changed: Iterable[tuple[str, bytes]]) -> None:
    key = keys.watch_history(mailbox)
    for name, value in changed:
        pipe.hset(key, name, value)
    pipe.expire(key, KEPT)


def fold(redis: Redis, mailbox: str, at: datetime) -> int:
    """Add up the hours of old days and drop days that are too old; return how many days changed.

    It is called at most once a day for each channel, at the first look of a day.
    """
    key, today = keys.watch_history(mailbox), at.astimezone(UTC).date()
    changed = 0
    for name, value in redis.hgetall(key).items():
        changed += _fold_day(redis, key, codec.as_bytes(name).decode(), value, today)
    return changed


def _fold_day(redis: Redis, key: str, name: str, value: object, today: date) -> int:
    """Drop a day that is too old, or add up the hours of an old day.

    Return 1 if that changed the day, else 0.
    """
    age, hours = today - date.fromisoformat(name), _decoded(value)
    if age >= KEPT:
        return int(redis.hdel(key, name))
    if age >= HOURS_KEPT and set(hours) != {_WHOLE}:
        redis.hset(key, name, _encoded({_WHOLE: _sum(hours)}))
        return 1
    return 0


_WHOLE = -1
"""Number in place of an hour that stands for the whole day, after its hours were added up."""


def _day(day: date, hours: Mapping[int, Tally]) -> Day:
    return Day(day, _sum(hours), {hour: one for hour, one in sorted(hours.items()) if hour >= 0})


def _sum(hours: Mapping[int, Tally]) -> Tally:
    total = EMPTY
    for one in hours.values():
        total = total.plus(one)
    return total


def _decoded(raw: object) -> dict[int, Tally]:
    """Return the hours that a history field holds; none if it is missing or not readable."""
    rows = records.decoded(raw, dict[int, list[int]]) or {}
    return {hour: Tally(*numbers[: len(_NAMES)]) for hour, numbers in rows.items()}


def _encoded(hours: Mapping[int, Tally]) -> bytes:
    """Return the hours as short JSON: trailing zeros are left out."""
    return msgspec.json.encode({hour: _numbers(one) for hour, one in hours.items()})


def _numbers(tally: Tally) -> list[int]:
    numbers = [getattr(tally, name) for name in _NAMES]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return numbers
