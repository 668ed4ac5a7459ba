"""Rounds of the watch: look at the due channels of one group, and record the outcomes.

A round holds the group's lock. One that dies is handed out again when its lease is over.

A time without looks of more than three intervals is a gap, which is kept until the space was told.
Channels of one space are told together, because a gap usually concerns them all.

The ping shows people that the watch runs: a service such as healthchecks.io gets a GET after a
round, and raises an alarm when none comes.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog
from redis import Redis

from jobs.clouds.http import client_of
from jobs.storage import codec, keys
from jobs.storage.locks import RenewedLock
from jobs.watch.model import ChannelState, Incident, Look, WatchedChannel
from jobs.watch.store import Watching


@dataclass(slots=True)
class Round:
    """Result of a round; ``left`` due channels were not looked at, because its time was over."""

    looks: int = 0
    left: int = 0


async def run_round(  # noqa: PLR0913  what a round is made of
    watching: Watching,
    group: str,
    look: Look,
    clock: Callable[[], datetime],
    *,
    fixed_by: Callable[[Incident], str] = lambda _: "",
    held: RenewedLock | None = None,
    changed: Callable[[Incident], object] = lambda _: None,
) -> Round:
    """Look at every channel of the group that is due, and return the result of the round.

    ``changed`` is called for each incident that a look has changed, after that is recorded.
    """
    result, began = Round(), clock()
    states = _states(watching, group)
    due = [each for each, state in states.items() if state.due(each, began) <= began]
    due.sort(key=lambda each: _place(each.mailbox, states[each]))
    if due:
        async for watched, outcome in look(tuple(due)):
            for incident in watching.incidents.add_look(watched, outcome, clock(), fixed_by, held):
                changed(incident)
            result.looks += 1
    result.left = len(due) - result.looks
    return result


def _place(mailbox: str, state: ChannelState) -> tuple[bool, int]:
    """Return the place: a suspicion or an incident first, others as drawn: traces may run out."""
    calm = state.suspicion is None and not state.incident
    return calm, zlib.crc32(f"{state.looked} {mailbox}".encode())


def next_of(watching: Watching, group: str, at: datetime) -> datetime | None:
    states = _states(watching, group).items()
    return min((state.due(each, at) for each, state in states), default=None)


def _states(watching: Watching, group: str) -> dict[WatchedChannel, ChannelState]:
    return {each: watching.incidents.state(each.mailbox) for each in watching.channels.all(group)}


INTERVALS = 3
COLLECT = timedelta(seconds=90)
"""Time from a space's first gap until it is told, in which the other groups look again."""


@dataclass(frozen=True, slots=True)
class Gap:
    mailbox: str
    room: str
    since: datetime
    until: datetime
    due: datetime


def gap_of(watched: WatchedChannel, state: ChannelState, at: datetime) -> Gap | None:
    """Return the time without looks, pauses apart, that ends at ``at``, or None if it is short."""
    if watched.is_paused(at) or state.looked is None:
        return None
    since = max(filter(None, (state.looked, watched.paused_until, watched.since)))
    gap = Gap(watched.mailbox, watched.room, since, at, at + COLLECT)
    return gap if at - since > INTERVALS * watched.interval else None


def note_gaps(watching: Watching, group: str, at: datetime) -> int:
    states = _states(watching, group).items()
    gaps = [gap for each, state in states if (gap := gap_of(each, state, at))]
    keep_gaps(watching.channels.redis, gaps)
    return len(gaps)


def keep_gaps(redis: Redis, gaps: Iterable[Gap]) -> None:
    for each in gaps:
        redis.hset(keys.watch_gaps(), each.mailbox, codec.dump(each))


def gaps_due(redis: Redis, at: datetime) -> dict[str, tuple[Gap, ...]]:
    """Return all gaps of each space that is to be told of one."""
    rows: Any = redis.hgetall(keys.watch_gaps())
    gaps = [codec.load(rows[name], Gap) for name in sorted(rows)]
    due = {each.room for each in gaps if each.due <= at}
    return {room: tuple(each for each in gaps if each.room == room) for room in due}


def forget_gaps(redis: Redis, gaps: Iterable[Gap]) -> None:
    redis.hdel(keys.watch_gaps(), *(each.mailbox for each in gaps))


PING_EVERY_S = 60
"""Seconds between two pings: the groups end their rounds one after the other."""
LATE = timedelta(minutes=5)
"""Time for which a group may wait for a worker before the watch counts as late."""
PING_S = 10.0
log = structlog.get_logger(__name__)


def lateness(watching: Watching, at: datetime) -> timedelta:
    """Return for how long the longest waiting group has waited for its round; 0 if none waits."""
    times = watching.channels.schedule.all().values()
    return max((at - each for each in times), default=timedelta(0))


def ping(url: str, watching: Watching, at: datetime) -> bool:
    """Tell ``url`` once a minute that a round ended, unless a group waits too long."""
    redis, late = watching.channels.redis, lateness(watching, at) > LATE
    if not url or late or not redis.set(keys.watch_pinged(), "1", nx=True, ex=PING_EVERY_S):
        return False
    try:
        with client_of(frozenset({httpx.URL(url).host.lower()}), PING_S) as http:
            return http.get(url).is_success
    except httpx.HTTPError as error:
        log.warning("the ping of the watch was not taken", why=type(error).__name__)
        return False
