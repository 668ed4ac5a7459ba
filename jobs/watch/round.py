"""One round of the watch: look at the due channels of one group, and record the outcomes.

A round holds the group's lock, so it never runs twice at once. Each outcome is recorded as soon as
it is known. A round that dies is handed out again when its lease is over, and looks only at the
channels that are still due.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.storage.locks import RenewedLock
from jobs.watch import history
from jobs.watch.incident_store import FixedBy, nothing_fixed
from jobs.watch.model import ChannelState, Incident, Look, WatchedChannel
from jobs.watch.watch_store import due_now, next_due
from jobs.watch.watching import Watching

Clock = Callable[[], datetime]


@dataclass(slots=True)
class Round:
    """Result of a round: the numbers of looks and requests, and the changed incidents.

    ``left`` is how many due channels were not looked at, because the process stops or the time of a
    turn is over.
    """

    looks: int = 0
    calls: int = 0
    left: int = 0
    incidents: tuple[Incident, ...] = ()


async def run_round(  # noqa: PLR0913  what a round is made of
    watching: Watching,
    group: str,
    look: Look,
    clock: Clock,
    *,
    fixed_by: FixedBy = nothing_fixed,
    held: RenewedLock | None = None,
    changed: Callable[[Incident], object] = lambda _: None,
) -> Round:
    """Look at every channel of the group that is due, and return the result of the round.

    ``clock`` gives the time, real or virtual. ``changed`` is called for each incident that a look
    has changed, right after that is recorded.

    Raises:
        redis.RedisError: Redis is unreachable.
    """
    result, began = Round(), clock()
    channels = watching.channels.of_group(group)
    states = _states(watching, channels)
    due = _in_order(
        states, [each for each in channels if due_now(states[each.mailbox], each, began)]
    )
    if due:
        async for watched, outcome in look(due):
            incidents = watching.incidents.record(watched, outcome, clock(), fixed_by, held)
            result.looks += 1
            result.calls += outcome.calls
            result.incidents += incidents
            for incident in incidents:
                changed(incident)
            before = states[watched.mailbox]
            at = clock()
            if before.looked is None or before.looked.date() != at.date():
                history.fold(watching.incidents.redis, watched.mailbox, at)
    result.left = len(due) - result.looks
    return result


def _in_order(
    states: Mapping[str, ChannelState], due: Iterable[WatchedChannel]
) -> tuple[WatchedChannel, ...]:
    """Return the channels in the order of the looks, those with a suspicion or an incident first.

    The order of the others is different in each round. A tenant with many channels may use up
    Microsoft's message traces, and then not always the same channels go without.
    """
    return tuple(sorted(due, key=lambda each: _place(each.mailbox, states[each.mailbox])))


def _place(mailbox: str, state: ChannelState) -> tuple[bool, int]:
    calm = state.suspicion is None and not state.incident
    turn = f"{state.looked} {mailbox}"
    return calm, zlib.crc32(turn.encode())


def next_of(watching: Watching, group: str, at: datetime) -> datetime | None:
    """Return when the first channel of the group is due again; None if the group has no channel."""
    channels = watching.channels.of_group(group)
    return next_due(channels, _states(watching, channels), at)


def _states(watching: Watching, channels: Iterable[WatchedChannel]) -> dict[str, ChannelState]:
    return {each.mailbox: watching.incidents.state(each.mailbox) for each in channels}
