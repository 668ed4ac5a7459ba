"""Limits by person: how many refusals an outsider gets, and how many commands anybody may give.

A person whom the bot does not serve is answered and recorded once an hour, or as often as
``REFUSALS_PER_HOUR`` says. Further refusals are only counted (a fixed window), and the audit trail
gets one entry with their number. A person whom the bot serves may give ``COMMANDS_PER_HOUR``
commands and presses (a sliding window of their events), against loops. Both counts are in Redis and
expire.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import structlog

from adaptive_cards.components import REFUSED
from adaptive_cards.times import clock
from bot.chat.context import ChatContext
from bot.chat.permissions import Denial
from bot.services import Services
from jobs.clock import now
from jobs.model import Text
from jobs.runs.event_log import entry
from jobs.storage import codec, keys

WINDOW = timedelta(hours=1)
KEPT_S = 7 * 24 * 3600
"""Seconds for which a count of refusals waits for the process that records it."""
EVERY_S = 60
"""Seconds between two looks for counts whose hour has ended."""
MOST_AT_ONCE = 100
log = structlog.get_logger(__name__)


def refuse(ctx: ChatContext, why: Denial, title: str) -> None:
    """Refuse a person whom the bot does not serve; after enough refusals an hour only count it."""
    services, person, at = ctx.services, ctx.person, now()
    key, ending = keys.refusals(person.id), keys.refusals_ending()
    last, until = services.redis.zscore(ending, person.id), (at + WINDOW).timestamp()
    # a count that ends in the far future, after the clock was set back, silences nobody
    if last is not None and not at.timestamp() < last <= until:
        _record(services, person.id, last)
    with services.redis.pipeline() as pipe:
        pipe.hincrby(key, "count", 1)
        pipe.hset(key, mapping={"by": person.email, "org": person.org_id})
        pipe.expire(key, KEPT_S)
        pipe.zadd(ending, {person.id: until}, nx=True)
        count, *_ = pipe.execute()
    if count <= services.bot.refusals_per_hour:
        then = "next_outsider_direct" if ctx.direct else "next_outsider"
        ctx.refuse(Text(f"refused.{why}"), title=title, then=then)
    else:
        log.info("refused again", person=person.id, room=ctx.room, why=why, count=count)


def record_ended(services: Services) -> None:
    """Record the refusals of every hour that is over, each exactly once."""
    ended: Any = services.redis.zrangebyscore(
        keys.refusals_ending(), "-inf", now().timestamp(), 0, MOST_AT_ONCE, withscores=True
    )
    for person, end in ended:
        _record(services, codec.as_text(person), end)


def _record(services: Services, person: str, end: float) -> None:
    with services.redis.pipeline() as pipe:
        pipe.hmget(keys.refusals(person), "count", "by", "org")
        pipe.delete(keys.refusals(person))
        pipe.zrem(keys.refusals_ending(), person)
        kept, *_ = pipe.execute()
    count, by, org = map(codec.as_text, kept)
    more = int(count or 0) - services.bot.refusals_per_hour
    if more > 0:
        since = datetime.fromtimestamp(end, UTC) - WINDOW
        data = {"count": str(more), "since": since.isoformat()}
        who = {"by": by, "person": person, "org": org}
        services.store.audit.add(entry("refused_more", None, data=data, **who))


def too_many(ctx: ChatContext, event: str) -> Callable[[ChatContext], None] | None:
    """Return what to do instead of a command or a press, or None below the person's limit.

    The first event beyond the limit is answered, with the time at which the bot goes on. An event
    that is tried again keeps its place among the person's events, or its answer.
    """
    redis, most, at = ctx.services.redis, ctx.services.bot.commands_per_hour, now().timestamp()
    key, told = keys.commands(ctx.person.id), keys.commands_limit_told(ctx.person.id)
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
    again = datetime.fromtimestamp(oldest[0][1], UTC) + WINDOW
    left_s = max(1, ceil(again.timestamp() - at))
    first = redis.set(told, event, nx=True, ex=left_s) or redis.get(told) == event.encode()
    log.info("too many commands", person=ctx.person.id, room=ctx.room, answered=bool(first))
    # a person who has been told that the limit is reached gets no answer
    return (lambda speaking: _tell(speaking, most, again)) if first else lambda _: None


def _tell(ctx: ChatContext, most: int, again: datetime) -> None:
    ctx.record("limited", data={"most": str(most), "again": again.isoformat()})
    # a minute later, because the card shows no seconds
    values = {"most": str(most), "again": clock(again + timedelta(minutes=1))}
    ctx.tell("refused.kicker", "limits.title", "limits.words", values, REFUSED)
