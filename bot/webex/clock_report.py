"""Report of the doctor on the clock: how far it is from Webex's and from Microsoft's."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from bot.queue.redis_report import Report
from jobs.clouds.clock_skew import METER, NAMES, REFUSED_FROM_S, TOLD_FROM_S, shared, words


def on_clock(redis: Redis) -> Report:
    """Report how far the clock is from Webex's and Microsoft's.

    Half a minute is a doubt, and five minutes are wrong. This process has just asked the clouds. A
    worse result of another process is used instead, because that process may run on another
    machine.
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
    return max((each for each in seconds if each is not None), key=abs, default=None)
