"""Mails that a channel usually gets, by hour of the week, and the hint that silence gives.

Silence proves nothing: customers sleep, and a shop may be closed. So silence against all expectation
never makes an incident. It only has the channel looked at again earlier than its interval says.

Hours are those of UTC. Summer time moves the working day by one of them, so an hour is expected to be
only as busy as the quietest of itself and its two neighbors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from redis.client import Pipeline

from jobs.storage import watch_keys
from jobs.watch import records
from jobs.watch.history import KEPT
from jobs.watch.model import ChannelState, Eye, LookOutcome, Sight

HOUR = timedelta(hours=1)
HOURS_A_WEEK = 168
SETTLED = timedelta(hours=1)
"""Age of an hour's end from which the message trace shows all mails of the hour, even late ones."""
NEWEST = 0.3
"""Weight of the newest week in the average. After five weeks an older habit counts for a sixth."""
TRACED = timedelta(hours=40)
"""Shortest time that the mails of a look reach back."""
FEWEST_WEEKS = 2
"""Number of observed weeks after which the usual mail of an hour of the week is known."""
SILENT_HOURS = 3
"""Length of the silence that is compared with the expectation, in whole hours."""
EXPECTED_LEAST = 8.0
"""Number of expected mails from which silence is odd.

By chance such a silence is as rare as 1 in 3000.
"""
EARLIER = 3
"""Divisor of the usual interval that gives the time to the next look at a silent channel."""
WITNESS = "arrivals"
"""Step that reads the arrived mails.

If the step was not read, a lack of mail does not mean silence.
"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Learned numbers of mails by hour of the week, from Monday 0:00 UTC on.

    ``means`` are hundredths of a mail. ``weeks`` are the numbers of weeks from which each mean was
    learned. ``until`` is the end of the last hour that was learned, in seconds since the epoch, or
    0.
    """

    means: tuple[int, ...] = (0,) * HOURS_A_WEEK
    weeks: tuple[int, ...] = (0,) * HOURS_A_WEEK
    until: int = 0


class _Written(NamedTuple):
    """Traffic in the form that it has in Redis: an array of these three values."""

    means: list[int]
    weeks: list[int]
    until: int


def read(pipe: Pipeline, mailbox: str) -> Traffic:
    """Return the learned traffic of a channel; empty traffic if it is missing or not readable.

    It is read in a transaction before ``pipe.multi()``.
    """
    raw = pipe.get(watch_keys.watch_traffic(mailbox))
    found = records.decoded(raw, _Written)
    if found is None:
        return Traffic()
    whole = len(found.means) == len(found.weeks) == HOURS_A_WEEK
    return Traffic(tuple(found.means), tuple(found.weeks), found.until) if whole else Traffic()


def write(pipe: Pipeline, mailbox: str, traffic: Traffic) -> None:
    """Add the write of a channel's learned traffic to a transaction."""
    body = msgspec.json.encode((traffic.means, traffic.weeks, traffic.until))
    pipe.set(watch_keys.watch_traffic(mailbox), body, ex=KEPT)


def learned(traffic: Traffic, outcome: LookOutcome, at: datetime) -> Traffic:
    """Return the traffic with the hours that have settled since it was learned last.

    Only a good look that read the arrivals teaches: a broken channel must not become the habit. Hours
    that no look has shown are left out.
    """
    if not _is_witnessed(outcome) or outcome.sight is not Sight.HEALTHY:
        return traffic
    last = _hour_of(at - SETTLED)
    if not traffic.until:
        return replace(traffic, until=int(last.timestamp()))
    first = max(datetime.fromtimestamp(traffic.until, UTC), last - TRACED)
    return _with_hours(traffic, _counts(outcome.mails), first, last)


def _with_hours(
    traffic: Traffic, counts: Mapping[datetime, int], first: datetime, last: datetime
) -> Traffic:
    """Return the traffic after it has learned the mails of each hour from ``first`` to ``last``."""
    means, weeks = list(traffic.means), list(traffic.weeks)
    for hour in _hours(first, last):
        number, count = _number(hour), counts.get(hour, 0) * 100
        share = max(NEWEST, 1 / (weeks[number] + 1))
        means[number] = round(means[number] * (1 - share) + count * share)
        weeks[number] += 1
    return Traffic(tuple(means), tuple(weeks), int(last.timestamp()))


def expected(traffic: Traffic, hour: datetime) -> float:
    """Return how many mails are expected in an hour at least; 0 if the hour is not known yet."""
    number = _number(hour)
    near = [(number + step) % HOURS_A_WEEK for step in (-1, 0, 1)]
    if any(traffic.weeks[each] < FEWEST_WEEKS for each in near):
        return 0.0
    return min(traffic.means[each] for each in near) / 100


def is_silent(traffic: Traffic, outcome: LookOutcome, at: datetime) -> bool:
    """Return whether no mail came in the last whole hours although many were expected."""
    if not _is_witnessed(outcome):
        return False
    end = _hour_of(at)
    hours = list(_hours(end - SILENT_HOURS * HOUR, end))
    if _mails_since(hours[0], outcome):
        return False
    return sum(expected(traffic, hour) for hour in hours) >= EXPECTED_LEAST


def _mails_since(hour: datetime, outcome: LookOutcome) -> int:
    counts = _counts(outcome.mails)
    return sum(count for each, count in counts.items() if each >= hour)


def hinted(
    state: ChannelState, traffic: Traffic, outcome: LookOutcome, at: datetime, interval: timedelta
) -> ChannelState:
    """Return the state with an earlier next look if the channel is silent against expectation.

    Nothing else of the state is changed, so the hint can neither begin nor confirm an incident.
    """
    if not is_silent(traffic, outcome, at):
        return state
    soon = at + interval / EARLIER
    return replace(state, next_look=min(state.next_look or soon, soon))


def _is_witnessed(outcome: LookOutcome) -> bool:
    """Return whether the look has read the arrived mails."""
    usable = outcome.sight in {Sight.HEALTHY, Sight.BROKEN}
    return usable and Eye.APP in outcome.eyes and WITNESS not in outcome.unseen


def _counts(mails: Mapping[str, int]) -> dict[datetime, int]:
    return {datetime.fromisoformat(hour).astimezone(UTC): count for hour, count in mails.items()}


def _hours(first: datetime, last: datetime) -> Iterator[datetime]:
    while first < last:
        yield first
        first += HOUR


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _number(hour: datetime) -> int:
    """Return the number of an hour in the week, from 0 for Monday 0:00 UTC."""
    moment = hour.astimezone(UTC)
    return moment.weekday() * 24 + moment.hour
