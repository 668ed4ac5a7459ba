"""Pulse of the watch, by which people see that the watch runs: in Redis, in metrics, and by a ping.

The ping follows the convention of healthchecks.io: GET of the address after a round, and of the
address with ``/fail`` if the watch is late, with the reason as the body of a POST.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog
from redis import Redis

from jobs.clouds.http import client_for
from jobs.storage import codec, keys
from jobs.watch.round import Round
from jobs.watch.watching import Watching

PING_EVERY_S = 60
"""Seconds between two pings to the monitoring service.

The groups end their rounds one after the other, and not each of them is reported.
"""
LATE = timedelta(minutes=5)
"""Time for which a group may wait for a worker before the watch counts as late."""
PING_S = 10.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pulse:
    """Newest round of the watch: its group, its end, and its numbers of looks and requests."""

    group: str
    at: datetime
    looks: int
    calls: int


def beat(redis: Redis, group: str, result: Round, at: datetime) -> None:
    newest = Pulse(group, at, result.looks, result.calls)
    redis.set(keys.watch_beat(), codec.dump(newest))


def newest(redis: Redis) -> Pulse | None:
    raw: Any = redis.get(keys.watch_beat())
    return codec.load(raw, Pulse) if raw is not None else None


def lateness(watching: Watching, at: datetime) -> timedelta:
    """Return for how long the longest waiting group has waited for its round; 0 if none waits.

    A round that has begun puts its group off, so it does not count as late.
    """
    times = watching.channels.schedule.all().values()
    return max((at - each for each in times), default=timedelta(0))


def ping(url: str, redis: Redis) -> bool:
    """Inform the monitoring service at ``url`` that a round has ended; return whether that worked.

    Nothing is sent without an address, or if the service was informed less than a minute ago. A
    service that does not answer changes nothing.
    """
    if not url or not redis.set(keys.watch_pinged(), "1", nx=True, ex=PING_EVERY_S):
        return False
    return _send("GET", url)


def ping_if_late(url: str, watching: Watching, at: datetime) -> bool:
    """Tell the monitoring service that the watch is late; return whether it was told."""
    late = lateness(watching, at)
    if not url or late <= LATE:
        return False
    reason = f"a group of channels has waited for {round(late.total_seconds())} s for its round"
    log.error("the watch is late", why=reason)
    return _send("POST", f"{url.rstrip('/')}/fail", reason)


def _send(method: str, url: str, reason: str = "") -> bool:
    try:
        with client_for(url, PING_S) as http:
            return http.request(method, url, content=reason.encode()).is_success
    except httpx.HTTPError as error:
        log.warning("the ping of the watch was not taken", why=type(error).__name__)
        return False
