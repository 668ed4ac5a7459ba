"""Limits per hour: how often a stranger is answered, and how many commands a person may give.

A person whom the bot does not serve is answered and recorded once an hour, or as often as
``REFUSALS_PER_HOUR`` says. Further refusals are only in the log. A person whom the bot serves may
give ``COMMANDS_PER_HOUR`` commands and presses, against loops. Both are a sliding window of the
person's events in Redis, which expires.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from redis import Redis

from adaptive_cards.components import REFUSED
from adaptive_cards.times import clock
from bot.chat.context import ChatContext
from bot.chat.permissions import Denial
from jobs.clock import now
from jobs.model import Text
from jobs.storage import keys

log = structlog.get_logger(__name__)
WINDOW = timedelta(hours=1)


def refuse(ctx: ChatContext, why: Denial, title: str) -> None:
    """Refuse a person whom the bot does not serve, or only log it after enough refusals an hour."""
    services, person = ctx.services, ctx.person
    key, most = keys.refusals(person.id), services.bot.refusals_per_hour
    if _full_until(services.redis, key, ctx.request, most) is None:
        then = "next_outsider_direct" if ctx.direct else "next_outsider"
        ctx.refuse(Text(f"refused.{why}"), title=title, then=then)
    else:
        log.info("refused again", person=person.id, room=ctx.room, why=why)


def _full_until(redis: Redis, key: keys.Key, event: str, most: int) -> datetime | None:
    """Return when the person may do more, or None if the event is among the ``most`` of an hour.

    An event that is tried again keeps its place among the person's events.
    """
    at = now().timestamp()
    with redis.pipeline(transaction=False) as pipe:
        pipe.zremrangebyscore(key, "-inf", at - WINDOW.total_seconds())
        pipe.zadd(key, {event: at}, nx=True)
        pipe.expire(key, WINDOW)
        pipe.zrank(key, event)
        *_, place = pipe.execute()
    if place < most:
        return None
    oldest: Any = redis.zrange(key, 0, 0, withscores=True)
    redis.zrem(key, event)
    return datetime.fromtimestamp(oldest[0][1], UTC) + WINDOW


def too_many(ctx: ChatContext, event: str) -> Callable[[ChatContext], None] | None:
    """Return what to do instead of a command or a press, or None below the person's limit.

    The first event beyond the limit is answered, with the time at which the bot goes on. If that
    event is tried again, it gets its answer again.
    """
    redis, most = ctx.services.redis, ctx.services.bot.commands_per_hour
    again = _full_until(redis, keys.commands(ctx.person.id), event, most)
    if again is None:
        return None
    told = keys.commands_limit_told(ctx.person.id)
    first = redis.set(told, event, nx=True, ex=again - now() + timedelta(seconds=1))
    first = first or redis.get(told) == event.encode()
    log.info("too many commands", person=ctx.person.id, room=ctx.room, answered=bool(first))
    # a person who has been told that the limit is reached gets no answer
    return (lambda speaking: _tell(speaking, most, again)) if first else lambda _: None


def _tell(ctx: ChatContext, most: int, again: datetime) -> None:
    ctx.attest("limited", data={"most": str(most), "again": again.isoformat()})
    # a minute later, because the card shows no seconds
    values = {"most": str(most), "again": clock(again + timedelta(minutes=1))}
    ctx.tell("refused.kicker", "limits.title", "limits.words", values, REFUSED)
