"""Gauges that are expensive to read: a worker measures them, and the metrics show the result.

Several workers may measure the same gauge. A worker that finds a fresh number does not measure
again. No number shows whose run or channel it is, because runs and channels are only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from bot.cards.reminders import BEFORE_DAYS, ending_of
from bot.services import Services
from jobs.access.app_access import all_grants, own_credential
from jobs.clock import now
from jobs.next_action import next_action
from jobs.runs.channel_index import Record
from jobs.runs.run import RunGoneError
from jobs.storage import keys
from jobs.storage.counters import (
    CHANNELS,
    DAYS_LEFT,
    RUNS_OPEN,
    SECRETS_ENDING,
    Gauge,
    measure,
    measured_s_ago,
)

RUNS_EVERY_S = 60
SECRETS_EVERY_S = 3600
MOST_RUNS = 1000
"""Number of open runs that are read, the newest first.

All further runs are counted without their kind.
"""
UNREAD = ("unread", "unread")
DAY = timedelta(days=1)
Measured = dict[tuple[str, ...], float]
"""Values of a gauge by the gauge's labels."""


def measure_runs(services: Services) -> None:
    """Measure how many runs are open, by their kind and the party that must act next.

    The party is ``nobody`` while a worker is at work, and ``time`` while the run waits until a
    time.
    """
    if not _is_due(services, RUNS_OPEN, RUNS_EVERY_S):
        return
    found: Counter[tuple[str, ...]] = Counter()
    for run_id in services.channels.open_runs(MOST_RUNS):
        with suppress(RunGoneError):
            run = services.store.load(run_id)
            found[run.kind, next_action(run).turn] += 1
    found[UNREAD] = max(services.redis.zcard(keys.runs_open()) - MOST_RUNS, 0)
    measure(services.redis, RUNS_OPEN, {labels: float(count) for labels, count in found.items()})


def measure_secrets(services: Services, clock: Callable[[], datetime] = now) -> None:
    """Measure how many channels there are, and when the bot's and the channels' secrets end."""
    if not _is_due(services, DAYS_LEFT, SECRETS_EVERY_S):
        return
    at = clock()
    channels = services.channels.connected()
    left = _days_left(services, channels, at)
    measure(services.redis, CHANNELS, {(): float(len(channels))})
    measure(services.redis, SECRETS_ENDING, _ending_within(left))
    measure(services.redis, DAYS_LEFT, _shortest(services, left, at))


def _days_left(services: Services, channels: Sequence[Record], at: datetime) -> list[float]:
    """Return the days until the secret of each channel ends, if that end is known."""
    endings = (ending_of(services.store, each.channel.mailbox) for each in channels)
    return [(each.end - at) / DAY for each in endings if each is not None]


def _ending_within(left: list[float]) -> Measured:
    """Return how many secrets end within each number of days (``BEFORE_DAYS``)."""
    return {(str(days),): float(sum(each <= days for each in left)) for days in BEFORE_DAYS}


def _shortest(services: Services, left: list[float], at: datetime) -> Measured:
    """Return the days until the bot's own credential and the first channel secret end."""
    ends = own_credential(services.settings, all_grants(services.redis)).ends
    days: Measured = {}
    if ends:
        days["bot",] = (ends - at) / DAY
    if left:
        days["channels",] = min(left)
    return days


def _is_due(services: Services, gauge: Gauge, every_s: float) -> bool:
    """Return whether no worker has measured this gauge in the last half of its interval."""
    age_s = measured_s_ago(services.redis, gauge)
    return age_s is None or age_s >= every_s / 2
