"""Limits by person: how many refusals an outsider gets, and how many commands anybody may give.

A person whom the bot does not serve is answered and recorded once an hour, or as often as
``REFUSALS_PER_HOUR`` says. Further refusals are only counted (a fixed window), and the audit trail
gets one entry with their number. A person whom the bot serves may give ``COMMANDS_PER_HOUR``
commands and presses (a sliding window of their events), against loops. Both counts are in Redis and
expire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil

import structlog
from redis.client import Pipeline

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


@dataclass(frozen=True, slots=True)
class Refusals:
    """Refusals of a person within an hour, which begins with the first one."""

    since: datetime
    by: str
    org: str
    count: int = 0

    @property
    def goes_on(self) -> bool:
        # A count that begins in the future, after the clock was set back, silences nobody.
        return self.since <= now() < self.since + WINDOW


def refuse(ctx: ChatContext, why: Denial, title: str) -> None:
    """Refuse a person whom the bot does not serve; after enough refusals an hour only count it."""
    services, person = ctx.services, ctx.person
    count = _count(services, person.id, Refusals(now(), person.email, person.org_id))
    if count <= services.bot.refusals_per_hour:
        then = "next_outsider_direct" if ctx.direct else "next_outsider"
        ctx.refuse(Text(f"refused.{why}"), title=title, then=then)
    else:
        log.info("refused again", person=person.id, room=ctx.room, why=why, count=count)


def record_ended(services: Services) -> None:
    """Record the refusals of every hour that is over, each exactly once."""
    ended = services.redis.zrangebyscore(
        keys.refusals_ending(), "-inf", now().timestamp(), start=0, num=MOST_AT_ONCE
    )
    for person in ended:
        _count(services, codec.as_text(person), None)


def _count(services: Services, person: str, first: Refusals | None) -> int:
    """Record an hour that is over, and return the number of refusals in the present one.

    One more is counted with ``first``, which begins an hour if none goes on.
    """
    hours: list[Refusals | None] = []

    def attempt(pipe: Pipeline) -> None:
        key, ending = keys.refusals(person), keys.refusals_ending()
        kept = pipe.get(key)
        last = codec.load(kept, Refusals) if isinstance(kept, bytes) else None
        present = last if last and last.goes_on else first
        hours[:] = last, present
        pipe.multi()
        if present is None:
            pipe.delete(key)
            pipe.zrem(ending, person)
        elif first:
            pipe.set(key, codec.dump(replace(present, count=present.count + 1)), ex=KEPT_S)
            pipe.zadd(ending, {person: (present.since + WINDOW).timestamp()})

    services.redis.transaction(attempt, keys.refusals(person))
    last, present = hours
    more = last.count - services.bot.refusals_per_hour if last and last is not present else 0
    if last and more > 0:
        data = {"count": str(more), "since": last.since.isoformat()}
        who = {"by": last.by, "person": person, "org": last.org}
        services.store.audit.add(entry("refused_more", None, data=data, **who))
    return present.count + 1 if present else 0


def too_many(ctx: ChatContext, event: str) -> Callable[[ChatContext], None] | None:
    """Return what to do instead of a command or a press, or None below the person's limit.

    The first event beyond the limit is answered, with the time at which the bot goes on. An event
    that is tried again keeps its place among the person's events, or its answer.
    """
    redis, most, at = ctx.services.redis, ctx.services.bot.commands_per_hour, now().timestamp()
    key, told, window_s = (
        keys.commands(ctx.person.id),
        keys.commands_limit_told(ctx.person.id),
        3600,
    )
    with redis.pipeline() as pipe:
        pipe.zremrangebyscore(key, "-inf", at - window_s)
        pipe.zadd(key, {event: at}, nx=True)
        pipe.expire(key, window_s)
        pipe.zrank(key, event)
        pipe.zrange(key, 0, 0, withscores=True)
        *_, place, [(_, oldest)] = pipe.execute()
    if place < most:
        return None
    redis.zrem(key, event)
    again = datetime.fromtimestamp(oldest, UTC) + WINDOW
    left_s = max(1, ceil(again.timestamp() - at))
    first = redis.set(told, event, nx=True, ex=left_s) or redis.get(told) == event.encode()
    log.info("too many commands", person=ctx.person.id, room=ctx.room, answered=bool(first))
    # a person who has been told that the limit is reached gets no answer
    return (lambda speaking: _tell(speaking, most, again)) if first else lambda _: None


def _tell(ctx: ChatContext, most: int, again: datetime) -> None:
    who = {"by": ctx.person.email, "person": ctx.person.id, "org": ctx.person.org_id}
    data = {"most": str(most), "again": again.isoformat()}
    ctx.services.store.audit.add(entry("limited", None, room=ctx.room, data=data, **who))
    # a minute later, because the card shows no seconds
    values = {"most": str(most), "again": clock(again + timedelta(minutes=1))}
    title, words = Text("limits.title", values), Text("limits.words", values)
    ctx.tell(Text("refused.kicker"), title, words, REFUSED)
