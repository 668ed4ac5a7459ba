"""Skew of this machine's clock, measured by the ``Date`` headers of Webex and Microsoft.

A ``Date`` is exact to a second (RFC 9110, 6.6.1), so the middle of that second counts, half a round
trip ago. The median leaves out a single odd answer. An answer of a cache (``Age``) or a slow one
says nothing. Each process judges by its own measurements, and shares its median in Redis for the
doctor and a metric.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

import structlog
from redis import Redis
from redis.exceptions import RedisError

from jobs.clock import now, parse_http
from jobs.storage import keys

WEBEX, MICROSOFT = "webex", "microsoft"
NAMES = {WEBEX: "Webex", MICROSOFT: "Microsoft"}
LAST = 5
"""Number of the newest answers of a cloud whose median is the clock skew."""
LONGEST_TRIP_S = 10.0
"""Seconds of a round trip above which the answer's Date header is not used for the clock skew."""
TOLD_FROM_S = 30.0
"""Seconds of clock skew from which the log and the doctor report it."""
REFUSED_FROM_S = 300.0
"""Seconds of clock skew from which sign-ins fail: Microsoft tolerates five minutes."""
TOLD_EVERY_S = 3600
SHARED_EVERY_S = 5.0
"""Seconds between two writes of one process's median to Redis."""
SHARED_FOR = timedelta(minutes=15)
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Meter:
    """Measurements of one process, by cloud; threads may share it, as a deque's operations do."""

    redis: Redis | None = None
    _last: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)
    _share_at: dict[str, float] = field(default_factory=dict)

    def note(self, cloud: str, headers: Mapping[str, str], trip_s: float) -> None:
        """Measure the clock by an answer that has just arrived after ``trip_s`` seconds."""
        told, cached = parse_http(headers.get("Date", "")), headers.get("Age", "0").strip()
        if told is None or trip_s > LONGEST_TRIP_S or cached not in {"", "0"}:
            return
        seconds = (now() - timedelta(seconds=trip_s / 2) - told).total_seconds() - 0.5
        self._last.setdefault(cloud, deque(maxlen=LAST)).append((time.monotonic(), seconds))
        self._share(cloud)

    def ahead_s(self, cloud: str) -> float | None:
        """Return the seconds by which this clock is ahead; None without 15 minutes' measurement."""
        since = time.monotonic() - SHARED_FOR.total_seconds()
        seen = [seconds for at, seconds in tuple(self._last.get(cloud, ())) if at >= since]
        return median(seen) if seen else None

    def _share(self, cloud: str) -> None:
        ahead, at = self.ahead_s(cloud), time.monotonic()
        if self.redis is None or ahead is None or at < self._share_at.get(cloud, 0.0):
            return
        self._share_at[cloud] = at + SHARED_EVERY_S
        told = keys.clock_skew_told(cloud)
        try:
            self.redis.set(keys.clock_skew(cloud), f"{ahead:.1f}", ex=SHARED_FOR)
            if abs(ahead) < TOLD_FROM_S or not self.redis.set(told, 1, nx=True, ex=TOLD_EVERY_S):
                return
        except RedisError:
            log.debug("clock skew not shared", cloud=cloud)
            return
        log.warning(
            "the clock is wrong",
            cloud=cloud,
            ahead_s=round(ahead),
            why=words(cloud, ahead),
            to_do="correct the clock of this machine, and keep it in sync with NTP",
        )


METER = Meter()


def now_at(cloud: str) -> datetime:
    """Return the time by the cloud's clock, or by this machine's while nothing is measured."""
    return now() - timedelta(seconds=METER.ahead_s(cloud) or 0.0)


def shared(redis: Redis) -> dict[str, float]:
    """Return by how many seconds the bot's clock is ahead of the clouds asked in 15 minutes.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    found = redis.mget(map(keys.clock_skew, NAMES))
    return {cloud: float(raw) for cloud, raw in zip(NAMES, found, strict=True) if raw is not None}


def words(cloud: str, ahead_s: float) -> str:
    side, minutes = "ahead of" if ahead_s > 0 else "behind", round(abs(ahead_s) / 60)
    length = f"{minutes} minutes" if minutes < 2 * 60 else f"{round(minutes / 60)} hours"
    if minutes < 2:  # noqa: PLR2004  in seconds it is exact enough
        length = f"{round(abs(ahead_s))} seconds"
    return f"the clock of the bot's machine is {length} {side} {NAMES[cloud]}'s"


def excuse() -> str:
    """Return why a time that Microsoft has set does not hold; empty if the clock is right."""
    ahead = METER.ahead_s(MICROSOFT) or 0.0
    return words(MICROSOFT, ahead) if abs(ahead) >= TOLD_FROM_S else ""
