"""What the conversation has at hand in a process: settings, Redis, the queue, Webex. Made once, before the first event."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from redis import Redis
from rq import Queue

from bot.queue import CARDS, RUNS, make_queue
from bot.settings import BotSettings
from bot.webex.client import Webex, WebexPerson
from bot.webex.messenger import Messenger
from jobs.clock import now
from jobs.runs.store import DUE, Store
from jobs.settings import Settings
from jobs.storage import codec, locks
from jobs.storage.vault import Vault

DRAWS_DUE = "draws:due"
DRAW_QUEUED_S = 4
"""How long a draw counts as queued, in seconds. A second one does no harm."""
DRAWN = "if tonumber(redis.call('zscore', KEYS[1], ARGV[1])) == tonumber(ARGV[2]) then redis.call('zrem', KEYS[1], ARGV[1]) end"
"""Takes a run off the list of draws unless somebody has put it there anew since."""
ME_S = 3600


@dataclass(frozen=True)
class Services:
    """The parts, put together; nothing here is asked over the network before it is used."""

    bot: BotSettings
    settings: Settings
    redis: Redis
    webex: Webex
    outbox: Messenger | None = None

    @property
    def messenger(self) -> Messenger:
        """What posts: the outbox of the event that is being carried out, or else Webex itself."""
        return self.webex if self.outbox is None else self.outbox

    @cached_property
    def store(self) -> Store:
        """The runs."""
        return Store(self.redis, self.settings.encryption_keys)

    @cached_property
    def vault(self) -> Vault:
        """The sealed values."""
        return Vault(self.redis, self.settings.encryption_keys)

    @cached_property
    def queue(self) -> Queue:
        """The queue of runs, which Webex cannot hold up."""
        return make_queue(self.redis, RUNS)

    @cached_property
    def cards(self) -> Queue:
        """The queue of draws, which a slow Webex may hold up."""
        return make_queue(self.redis, CARDS)

    @cached_property
    def me(self) -> WebexPerson:
        """The bot's own account, asked once an hour: every job is a new process. Another token is another account."""
        key = f"bot:me:{hashlib.sha256(self.bot.webex_access_token.encode()).hexdigest()[:16]}"
        kept = self.redis.get(key)
        if isinstance(kept, bytes):
            return codec.load(kept, WebexPerson)
        found = self.webex.me()
        self.redis.set(key, codec.dump(found), ex=ME_S)
        return found

    def advance(self, run_id: str) -> None:
        """Have a worker carry the run on. One more than needed does no harm."""
        self.queue.enqueue("jobs.advance.advance", run_id, result_ttl=0)

    def run_changed(self, run_id: str) -> None:
        """Have the run's cards drawn; a draw that is queued already will see this change too (:class:`jobs.runtime.Listener`).

        A draw that is lost with its worker, or with Redis, is made up for a little later; one that ends takes that back.
        """
        self.schedule_cards(run_id, now() + timedelta(seconds=DRAW_QUEUED_S + 1))
        if self.redis.set(f"draw:{run_id}:queued", "1", nx=True, ex=DRAW_QUEUED_S):
            self.cards.enqueue("bot.cards.draw.draw", run_id, result_ttl=0)

    def schedule_cards(self, run_id: str, when: datetime) -> None:
        """Have the run's cards drawn at that time."""
        self.redis.zadd(DRAWS_DUE, {run_id: when.timestamp()})

    def _retry_cards(self, run_id: str, when: datetime) -> None:
        """A draw was killed, and perhaps another that was just beginning: what counts as queued may be so no more."""
        self.redis.delete(f"draw:{run_id}:queued")
        self.schedule_cards(run_id, when)

    def cards_due(self, run_id: str) -> float:
        """When the run's cards are due: a number that differs after the next change."""
        return float(self.redis.zscore(DRAWS_DUE, run_id) or 0)

    def settle_cards(self, run_id: str, due: float) -> None:
        """The cards are as they should be, unless something has changed since they were due then."""
        self.redis.eval(DRAWN, 1, DRAWS_DUE, run_id, repr(due))

    def dispatch_due(self) -> None:
        """Hand out what is due: runs whose time has come, cards that waited, and what killed processes were at. Called every half second."""
        for name in locks.release_dead(self.redis):
            {"run": self.store.schedule, "draw": self._retry_cards}.get(name.split(":")[0], _ignore)(name.split(":")[1], now())
        for run_id in self.store.claim_due(DUE):
            self.advance(run_id)
        for run_id in self.store.claim_due(DRAWS_DUE):
            self.run_changed(run_id)


def _ignore(_name: str, _when: datetime) -> None:
    """A lock of something that is tried again by itself."""


_current: list[Services] = []


def install_services(services: Services) -> None:
    """Make this the process's desk."""
    _current[:] = [services]


def current_services() -> Services:
    """The process's desk.

    Raises:
        RuntimeError: nobody has made one.
    """
    if not _current:
        raise RuntimeError("no services: events are handled in `python -m bot worker`")
    return _current[0]
