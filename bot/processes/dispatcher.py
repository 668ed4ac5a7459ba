"""Dispatch of everything that is due: runs, cards, events and the work of killed processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.services import Services
from jobs.clock import now
from jobs.storage import locks
from jobs.storage.locks import LockKind, LockName


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Dispatcher that wakes the workers.

    One dispatcher on each machine is enough; more do no harm.
    """

    services: Services

    def dispatch_due(self) -> None:
        """Wake workers for everything that is due; called every half second.

        Each kind is handed out even if another fails.

        Raises:
            ExceptionGroup: some kinds were not handed out.
            redis.RedisError: Redis is away, so no kind that follows is tried.
        """
        services, failed = self.services, list[Exception]()
        dead = partial(locks.release_dead, services.redis)
        for claim, wake in (
            (dead, self._retry),
            (services.schedule.claim_due, services.runs.ring),
            (services.cards.claim_due, services.cards.request),
            (services.events.claim_due, services.events.ring),
            (services.watching.channels.claim_due, services.rounds.ring),
        ):
            try:
                _hand_out(claim, wake)
            except (RedisConnectionError, RedisTimeoutError):
                raise
            except Exception as error:  # noqa: BLE001  it is raised after the others' turn
                failed.append(error)
        if failed:
            raise ExceptionGroup("not handed out", failed)

    def _retry(self, lock: LockName) -> None:
        """Have the work of a killed process done again.

        Locks of other kinds belong to work that is retried on its own.
        """
        if lock.kind is LockKind.RUN:
            self.services.schedule.add(lock.owner, now())
        elif lock.kind is LockKind.DRAW:
            self.services.cards.retry(lock.owner)
        elif lock.kind is LockKind.EVENT:
            self.services.events.retry(lock.owner)
        elif lock.kind is LockKind.WATCH:
            self.services.watching.channels.schedule(lock.owner, now())


def _hand_out(claim: Callable[[], Iterable[Any]], wake: Callable[[Any], object]) -> None:
    """Wake a worker for each member that is due."""
    for each in claim():
        wake(each)
