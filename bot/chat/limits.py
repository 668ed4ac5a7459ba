"""Limits by person: how many refusals an outsider gets, and how many commands anybody may give.

A person whom the bot does not serve is answered and recorded once an hour, or as often as
``REFUSALS_PER_HOUR`` says. Further refusals are only counted (a fixed window), and the audit trail
gets one entry with their number. A person whom the bot serves may give ``COMMANDS_PER_HOUR``
commands and presses (a sliding window of their events), against loops. Both counts are in Redis, in
one call each, and expire.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
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
COUNT_REFUSAL = """
local since = tonumber(redis.call('hget', KEYS[1], 'since'))
local at, span = tonumber(ARGV[1]), tonumber(ARGV[2])
local past = {}
if since and (at >= since + span or at < since - span) then
  past = redis.call('hmget', KEYS[1], 'count', 'since', 'by', 'org')
  redis.call('del', KEYS[1])
  since = nil
end
if not since then
  redis.call('hset', KEYS[1], 'since', ARGV[1], 'by', ARGV[4], 'org', ARGV[5])
  redis.call('zadd', KEYS[2], at + span, ARGV[3])
end
redis.call('expire', KEYS[1], ARGV[6])
return {redis.call('hincrby', KEYS[1], 'count', 1), past}
"""
"""Redis script that counts a refusal.

It returns the number in the present window. If the last window has ended, it also returns that
window's fields.
"""
TAKE_ENDED = """
local since = tonumber(redis.call('hget', KEYS[1], 'since'))
local at, span = tonumber(ARGV[1]), tonumber(ARGV[2])
if since and at < since + span then
  redis.call('zadd', KEYS[2], since + span, ARGV[3])
  return {}
end
redis.call('zrem', KEYS[2], ARGV[3])
if not since then return {} end
local past = redis.call('hmget', KEYS[1], 'count', 'since', 'by', 'org')
redis.call('del', KEYS[1])
return past
"""
"""Redis script that removes a window that has ended and returns its fields exactly once."""
TAKE_SLOT = """
local at, span, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('zremrangebyscore', KEYS[1], '-inf', at - span)
if redis.call('zscore', KEYS[1], ARGV[4]) then return {} end
if redis.call('zcard', KEYS[1]) < most then
  redis.call('zadd', KEYS[1], ARGV[1], ARGV[4])
  redis.call('expire', KEYS[1], ARGV[2])
  return {}
end
local again = redis.call('zrange', KEYS[1], 0, 0, 'withscores')[2] + span
local ends, event = string.match(redis.call('get', KEYS[2]) or '', '^(%S+) (.*)$')
if ends and at < tonumber(ends) and event ~= ARGV[4] then return {tostring(again), 0} end
redis.call('set', KEYS[2], string.format('%.3f %s', again, ARGV[4]), 'ex', ARGV[2])
return {tostring(again), 1}
"""
"""Redis script that gives an event its place among a person's events of the last hour.

It returns nothing if there is a free place. Otherwise it returns the time at which the next place
is free, and whether this event is the one that is answered. An event that is tried again keeps its
place.
"""
log = structlog.get_logger(__name__)


def refuse(ctx: ChatContext, why: Denial, title: str) -> None:
    """Refuse a person whom the bot does not serve.

    The person gets an answer, unless this hour had enough refusals. Then the refusal is only
    counted.
    """
    services, person = ctx.services, ctx.person
    count, past = services.redis.eval(
        COUNT_REFUSAL,
        2,
        keys.refusals(person.id),
        keys.refusals_ending(),
        *(now().timestamp(), WINDOW.total_seconds()),
        *(person.id, person.email, person.org_id, KEPT_S),
    )
    _record(services, person.id, past)
    if count <= services.bot.refusals_per_hour:
        then = "next_outsider_direct" if ctx.direct else "next_outsider"
        ctx.refuse(Text(f"refused.{why}"), title=title, then=then)
    else:
        log.info("refused again", person=person.id, room=ctx.room, why=why, count=count)


def record_ended(services: Services) -> None:
    """Record the refusals of every hour that is over.

    A person's next refusal records those of an earlier hour, too.
    """
    at = now().timestamp()
    ended = services.redis.zrangebyscore(
        keys.refusals_ending(), "-inf", at, start=0, num=MOST_AT_ONCE
    )
    for raw in ended:
        person = codec.as_text(raw)
        past = services.redis.eval(
            TAKE_ENDED,
            2,
            keys.refusals(person),
            keys.refusals_ending(),
            *(at, WINDOW.total_seconds(), person),
        )
        _record(services, person, past)


def too_many(ctx: ChatContext, event: str) -> Callable[[ChatContext], None] | None:
    """Return what to do instead of a command or a press, or None below the person's limit.

    The first event beyond the limit is answered, with the time at which the bot goes on.
    """
    services = ctx.services
    most = services.bot.commands_per_hour
    found = services.redis.eval(
        TAKE_SLOT,
        2,
        keys.commands(ctx.person.id),
        keys.commands_limit_told(ctx.person.id),
        *(now().timestamp(), int(WINDOW.total_seconds()), most, event),
    )
    if not found:
        return None
    again, first = datetime.fromtimestamp(float(found[0]), UTC), bool(found[1])
    log.info("too many commands", person=ctx.person.id, room=ctx.room, answered=first)
    # a person who has been told that the limit is reached gets no answer
    return (lambda speaking: _tell(speaking, most, again)) if first else lambda _: None


def _tell(ctx: ChatContext, most: int, again: datetime) -> None:
    who = {"by": ctx.person.email, "person": ctx.person.id, "org": ctx.person.org_id}
    data = {"most": str(most), "again": again.isoformat()}
    ctx.services.store.audit.add(entry("limited", None, room=ctx.room, data=data, **who))
    # a minute later, because the card shows no seconds
    values = {"most": str(most), "again": clock(again + timedelta(minutes=1))}
    title, words = Text("limits.title", values), Text("limits.words", values)
    ctx.say(notice(NoticeView(Text("refused.kicker"), title, words, glyph="✗", at=now())))


def _record(services: Services, person: str, past: list[bytes]) -> None:
    if not past or None in past:
        return
    count, since, by, org = (raw.decode() for raw in past)
    more = int(count) - services.bot.refusals_per_hour
    if more > 0:
        who = {"by": by, "person": person, "org": org}
        began = datetime.fromtimestamp(float(since), UTC)
        data = {"count": str(more), "since": began.isoformat()}
        services.store.audit.add(entry("refused_more", None, data=data, **who))
