"""RQ entry point of the watch: one round of each group of channels that is due.

A group is the watched channels of one tenant. The queue of what is due hands it to one worker, whose
lock keeps another round of the group away. If the worker dies, its lock is released at once on its
own machine, and otherwise the group is handed out again when the lease is over.
"""

import asyncio
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice

import structlog

from adaptive_cards.locale import drawn_for
from adaptive_cards.texts import text
from bot.chat import preferences
from bot.services import Services
from jobs.checks.bulk import SLICE_S, TENANTS_AT_ONCE
from jobs.clock import now
from jobs.clouds.http import run_job
from jobs.runs.run import AttemptOverError
from jobs.runtime import current
from jobs.storage.counters import COUNTERS, LOOKS
from jobs.storage.locks import LockKind, LockName, renewed_lock
from jobs.watch.look import CloudLook, ended_by
from jobs.watch.model import Incident, WatchedChannel, written
from jobs.watch.store import LEASE_S, ping, run_round

LOOK_AGAIN_S = 1.0
log = structlog.get_logger(__name__)


def look(group: str) -> None:
    """Look at every channel of the group that is due, and schedule the group's next round.

    Other groups that are or become due meanwhile are looked at in the same job, because a round
    spends most of its time waiting for Microsoft's limits, which count for each tenant by itself.
    So a suspicion in a small tenant is confirmed in time although a large one takes minutes.
    """
    run_job(_all_rounds(current(Services), group))


async def _all_rounds(services: Services, first: str) -> None:
    # Several rounds at a time begin, until nothing is due or this job has begun enough.
    end, elsewhere = time.monotonic() + SLICE_S, set[str]()
    rounds = {first: asyncio.create_task(_whole_round(services, first))}
    while rounds:
        await asyncio.wait(rounds.values(), timeout=LOOK_AGAIN_S, return_when=FIRST_COMPLETED)
        over = {name: rounds.pop(name) for name, task in tuple(rounds.items()) if task.done()}
        for name, task in over.items():
            if error := task.exception():
                log.error("round failed", group=name, exc_info=error)
            if error or not task.result():
                elsewhere.add(name)
        stop = services.shutdown.requested() or services.shutdown.run_waits()
        if time.monotonic() < end and not stop:
            for name in _due_groups(services, rounds.keys() | elsewhere):
                rounds[name] = asyncio.create_task(_whole_round(services, name))


def _due_groups(services: Services, busy: Collection[str]) -> list[str]:
    watching, at = services.watching, now()
    soon = at + timedelta(seconds=LEASE_S)  # a group that the dispatcher has handed out
    due = (
        name
        for name, when in watching.schedule.all().items()
        if when <= soon and name not in busy
        if (again := watching.next_of(name, at)) is not None and again <= at
    )
    return list(islice(due, max(TENANTS_AT_ONCE - len(busy), 0)))


async def _whole_round(services: Services, group: str) -> bool:
    """Look once at a group, and schedule its next round; return False if another worker has it."""
    schedule, name = services.watching.schedule, LockName(LockKind.WATCH, group)
    again = partial(schedule.extend, group, LEASE_S)
    with renewed_lock(services.redis, name, LEASE_S, on_renewal=again) as held:
        again()
        if held is None:
            return False
        _refresh(services, group)
        services.watching.note_gaps(group, now())
        with suppress(AttemptOverError):
            mail, every = partial(_mail, services), services.bot.watch_test_mail
            looks, left = await run_round(
                services.watching,
                group,
                CloudLook(services, lambda: not held.lost, services.watching.state, every, mail),
                now,
                fixed_by=lambda incident: ended_by(services, incident.mailbox, incident.broke),
                held=held,
                changed=partial(_draw_cards, services),
            )
            COUNTERS.add(LOOKS, by=looks)
            if not left:
                ping(services.bot.watch_ping_url, services.watching, now())
        if not held.renew():
            return False  # another worker has the group, and says when it is due
        held.stop_renewing()
        schedule.settle(group, schedule.due(group), services.watching.next_of(group, now()))
        return True


def _mail(services: Services, watched: WatchedChannel) -> tuple[str, str]:
    place = watched.by.email if watched.direct else watched.room
    interval = written(services.bot.watch_test_mail)
    with drawn_for(preferences.locale_of(services, place)):
        body = text("watch.mail_body", mailbox=watched.mailbox, interval=interval)
        return text("watch.mail_subject"), body


def _refresh(services: Services, group: str) -> None:
    # Channels follow their last runs. The watch of one that is no longer connected ends.
    for watched in services.watching.channels(group):
        record = services.channels.record(watched.mailbox)
        if record is None:
            _, incident = services.watching.end(watched.mailbox, now())
            why = "the channel is not connected any more"
            log.info("watch ended", mailbox=watched.mailbox, why=why)
            _draw_cards(services, incident)
        elif record.channel != watched.channel:
            services.watching.save(replace(watched, channel=record.channel))


def _draw_cards(services: Services, incident: Incident | None) -> None:
    services.cards.request(*(incident.cards if incident else ()))
