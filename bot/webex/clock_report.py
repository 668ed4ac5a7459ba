"""Report of the doctor on the clock: how far it is from Webex's and from Microsoft's."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from bot.queue.redis_report import Report
from jobs.clouds.clock_skew import METER, NAMES, REFUSED_FROM_S, TOLD_FROM_S, shared, words


def on_clock(redis: Redis) -> Report:
    """Return the report: from half a minute a doubt, from five minutes wrong.

    This process has just asked the clouds. What the other processes measured is named too if it is
    worse, because they may run on other machines.
    """
    seen = {cloud: _worse(METER.ahead_s(cloud), _shared(redis).get(cloud)) for cloud in NAMES}
    known = {cloud: ahead for cloud, ahead in seen.items() if ahead is not None}
    if not known:
        return Report(doubt="no answer of Webex or Microsoft told the time")
    off = {cloud: ahead for cloud, ahead in known.items() if abs(ahead) >= TOLD_FROM_S}
    if not off:
        told = ", ".join(
            f"{abs(ahead):.0f} s from {NAMES[name]}'s" for name, ahead in known.items()
        )
        return Report(good=f"right, {told}")
    said = ", and ".join(words(cloud, ahead) for cloud, ahead in off.items())
    told = f"{said}: correct the clock and keep it in sync with NTP"
    if any(abs(ahead) >= REFUSED_FROM_S for ahead in off.values()):
        return Report(wrong=f"{told}. Sign-ins fail until then")
    return Report(doubt=told)


def _shared(redis: Redis) -> dict[str, float]:
    try:
        return shared(redis)
    except RedisError:
        return {}  # reported by an earlier check


def _worse(*seconds: float | None) -> float | None:
    """Return the larger skew of those that are known, or None."""
    return max((each for each in seconds if each is not None), key=abs, default=None)
