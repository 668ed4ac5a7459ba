"""Skew of this machine's clock, measured by the ``Date`` headers of Webex and Microsoft.

A ``Date`` is exact to a second (RFC 9110, 6.6.1), so the middle of that second counts, half a round
trip ago. The median leaves out a single odd answer. An answer of a cache (``Age``) or a slow one
says nothing. Each process judges by its own measurements; those of all are in Redis for the doctor,
the log and a metric.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from statistics import median
from urllib.parse import urlsplit

import httpx
import structlog
from redis import Redis
from redis.exceptions import RedisError

from jobs.clock import now
from jobs.settings import Settings
from jobs.storage import codec, keys

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
"""Seconds between two writes of one process's measurements to Redis."""
SHARED_FOR = timedelta(minutes=15)
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Meter:
    """Measurements of one process, by cloud; threads may share it, as a deque's operations do."""

    redis: Redis | None = None
    _last: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)
    _shared_at: dict[str, float] = field(default_factory=dict)

    def note(self, cloud: str, headers: Mapping[str, str], trip_s: float) -> None:
        """Measure the clock by an answer that has just arrived after ``trip_s`` seconds."""
        if trip_s > LONGEST_TRIP_S or headers.get("Age", "0").strip() not in {"", "0"}:
            return
        told = _date(headers.get("Date", ""))
        if told is None:
            return
        made = now() - timedelta(seconds=trip_s / 2)
        seconds = (made - told).total_seconds() - 0.5
        seen = self._last.setdefault(cloud, deque(maxlen=LAST))
        seen.append((time.monotonic(), seconds))
        self._share(cloud, seconds)

    def ahead_s(self, cloud: str) -> float | None:
        """Return the seconds by which this clock is ahead; None without 15 minutes' measurement."""
        since = time.monotonic() - SHARED_FOR.total_seconds()
        seen = [seconds for at, seconds in tuple(self._last.get(cloud, ())) if at >= since]
        return median(seen) if seen else None

    def wrong_by_s(self, cloud: str) -> float | None:
        ahead = self.ahead_s(cloud)
        return ahead if ahead is not None and abs(ahead) >= TOLD_FROM_S else None

    def reset(self) -> None:
        """Make the meter like that of a new process."""
        self.redis = None
        self._last.clear()
        self._shared_at.clear()

    def _share(self, cloud: str, seconds: float) -> None:
        last = self._shared_at.get(cloud)
        just = last is not None and time.monotonic() - last < SHARED_EVERY_S
        if self.redis is None or just:
            return
        self._shared_at[cloud] = time.monotonic()
        try:
            key = keys.clock_skew(cloud)
            with self.redis.pipeline(transaction=False) as pipe:
                pipe.lpush(key, f"{now().timestamp():.0f} {seconds:.1f}")
                pipe.ltrim(key, 0, LAST - 1)
                pipe.expire(key, SHARED_FOR)
                pipe.execute()
            self._warn(self.redis, cloud)
        except RedisError:
            log.debug("clock skew not shared", cloud=cloud)

    def _warn(self, redis: Redis, cloud: str) -> None:
        ahead, key = self.wrong_by_s(cloud), keys.clock_skew_told(cloud)
        if ahead is not None and redis.set(key, "1", nx=True, ex=TOLD_EVERY_S):
            log.warning(
                "the clock is wrong",
                cloud=cloud,
                ahead_s=round(ahead),
                why=words(cloud, ahead),
                to_do="correct the clock of this machine, and keep it in sync with NTP",
            )


METER = Meter()


def webex_now() -> datetime:
    """Return the time by Webex's clock, or by this machine's while nothing is measured."""
    return now() - timedelta(seconds=METER.ahead_s(WEBEX) or 0.0)


def shared(redis: Redis) -> dict[str, float]:
    """Return by how many seconds the bot's clock is ahead of the clouds asked in 15 minutes.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    moment, longest, found = now().timestamp(), SHARED_FOR.total_seconds(), dict[str, float]()
    for cloud in NAMES:
        lines = redis.lrange(keys.clock_skew(cloud), 0, -1)
        pairs = (codec.as_bytes(line).decode().split(" ") for line in lines)
        if seen := [float(skew) for at, skew in pairs if abs(moment - float(at)) <= longest]:
            found[cloud] = median(seen)
    return found


def words(cloud: str, ahead_s: float) -> str:
    side = "ahead of" if ahead_s > 0 else "behind"
    return f"the clock of the bot's machine is {_length(abs(ahead_s))} {side} {NAMES[cloud]}'s"


def excuse() -> str:
    """Return why a time that Microsoft has set does not hold; empty if the clock is right."""
    ahead = METER.wrong_by_s(MICROSOFT)
    return words(MICROSOFT, ahead) if ahead is not None else ""


def _length(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:  # noqa: PLR2004  in seconds it is exact enough
        return f"{round(seconds)} seconds"
    return f"{minutes} minutes" if minutes < 120 else f"{round(seconds / 3600)} hours"  # noqa: PLR2004


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else None


_BEGAN = "bot_began"
"""Name of the request's extension that holds the time at which the request was sent."""


@dataclass(frozen=True, slots=True)
class DateHeaders:
    """Hooks that measure the clock by the answers of Microsoft's hosts alone."""

    hosts: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> DateHeaders:
        urls = (settings.login_url, settings.graph_url, settings.exchange_url)
        return cls(frozenset(str(urlsplit(url).hostname).lower() for url in urls))

    def begin(self, request: httpx.Request) -> None:
        request.extensions[_BEGAN] = time.monotonic()

    def measure(self, response: httpx.Response) -> None:
        """Measure the clock by the answer, regardless of its status, before its body is read."""
        began = response.request.extensions.get(_BEGAN)
        if began is not None and response.request.url.host.lower() in self.hosts:
            METER.note(MICROSOFT, response.headers, time.monotonic() - began)
