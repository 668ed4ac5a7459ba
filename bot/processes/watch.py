"""RQ entry point of the watch: one round of one group of channels.

A group is the watched channels of one tenant. The due list hands it to one worker, whose lock keeps
another round of the group away. If the worker dies, its lock is released at once on its own machine,
and otherwise the group is handed out again when the lease is over.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

import structlog

from bot.services import Services
from jobs.clock import now
from jobs.runs.run import AttemptOverError
from jobs.runtime import current
from jobs.storage.counters import COUNTERS, LOOKS
from jobs.storage.locks import LockKind, LockName, RenewedLock, renewed_lock
from jobs.watch import gaps, pulse
from jobs.watch.look import CloudLook, ended_by
from jobs.watch.model import Incident, WatchedChannel
from jobs.watch.round import Round, next_of, run_round
from jobs.watch.watch_store import LEASE_S

log = structlog.get_logger(__name__)


def look(group: str) -> None:
    """Look at every channel of the group that is due, and say when the group is due again."""
    services = current(Services)
    channels = services.watching.channels
    with renewed_lock(
        services.redis,
        LockName(LockKind.WATCH, group),
        LEASE_S,
        on_renewal=partial(channels.postpone, group),
    ) as held:
        if held is None:
            return
        channels.postpone(group)
        _refresh(services, group)
        gaps.note(services.watching, group, now())
        with suppress(AttemptOverError):
            result = asyncio.run(_round(services, group, held))
            _count(services, group, result)
        if not held.renew():
            return  # another worker has the group, and says when it is due
        held.stop_renewing()
        due = channels.due(group)
        channels.settle(group, due, next_of(services.watching, group, now()))


async def _round(services: Services, group: str, held: RenewedLock) -> Round:
    """Look once, and have the cards drawn of every incident that changes."""
    watching = services.watching

    def changed(incident: Incident) -> None:
        for card_id in incident.cards:
            services.cards.request(card_id)

    return await run_round(
        watching,
        group,
        CloudLook(services, lambda: not held.lost, watching.incidents.state),
        now,
        fixed_by=lambda incident, _at: ended_by(services, incident.mailbox, incident.since),
        held=held,
        changed=changed,
    )


def _refresh(services: Services, group: str) -> None:
    """Take the channels as their last run has left them; one that was undone is watched no more."""
    for watched in services.watching.channels.of_group(group):
        record = services.channels.record(watched.mailbox)
        if record is None:
            end(services, watched)
        elif record.channel != watched.channel:
            services.watching.channels.update_channel(watched.mailbox, record.channel)


def end(services: Services, watched: WatchedChannel) -> None:
    """End the watch of a channel that is no longer connected, and have its card say so."""
    _, incident = services.watching.end(watched.mailbox, now())
    log.info("watch ended", mailbox=watched.mailbox, why="the channel is not connected any more")
    for card_id in incident.cards if incident else ():
        services.cards.request(card_id)


def _count(services: Services, group: str, result: Round) -> None:
    """Keep the pulse of the watch, for the metrics and for the service that waits for it."""
    COUNTERS.add(LOOKS, by=result.looks)
    pulse.beat(services.redis, group, result, now())
    if not result.left:
        pulse.ping(services.bot.watch_ping_url, services.redis)
