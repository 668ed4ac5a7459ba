"""Simulated quarter of the watch, in virtual time.

The rounds, incidents, cards and stores are real, and so is Redis. Only the look at the clouds and
the clock are replaced. Each round is the worker's own entry (:func:`bot.processes.watch.look`) for
a group that is due in the real queue. A killed worker and a lost host leave the lock as they
would in reality. The end of the lock, which Redis counts in real time, is simulated.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from unittest import mock

from cryptography.fernet import Fernet
from redis import Redis

from bench.watch_world import HOUR, World, make, midsummer
from bot.cards import draw
from bot.cards.presenters.watch import SLOT
from bot.processes import watch
from bot.services import Services
from bot.settings import BotSettings
from jobs import clock, runtime
from jobs.model import Channel, Person
from jobs.runs.run_store import Record
from jobs.settings import Settings
from jobs.storage import keys, locks
from jobs.watch.model import LookOutcome, WatchedChannel
from jobs.watch.store import LEASE_S

INTERVAL_S, OFTEN_S = 900, 300
OPERATORS = "operators"
KILLED, LOST = 1 / 300, 1 / 600
"""Shares of the rounds in which a worker is killed, and in which its whole host is lost."""
LOOK_S = (1.0, 6.0)
"""Shortest and longest duration of a look, in seconds.

The virtual clock advances by that duration.
"""
ANNA = Person("anna", "anna@example.test")


class VirtualClock:
    """Replacement for ``datetime`` in :mod:`jobs.clock`.

    Each call is a microsecond later than the one before.
    """

    at = midsummer()
    fromisoformat = staticmethod(datetime.fromisoformat)

    @classmethod
    def now(cls, tz: tzinfo) -> datetime:
        """Return the virtual time in the given time zone."""
        cls.at += timedelta(microseconds=1)
        return cls.at.astimezone(tz)


class WorkerKilledError(SystemExit):
    """Error that ends a simulated worker in a round, past what a failed round is handled by."""


@dataclass(slots=True)
class Cards:
    """Queue of cards that draws each card at once and records when it would be posted.

    ``posted`` has the time of the first card by space and id, and ``shown`` the cards by incident.
    """

    services: Services | None = None
    posted: dict[tuple[str, str], datetime] = field(default_factory=dict)
    shown: dict[str, dict[tuple[str, str], datetime]] = field(default_factory=dict)
    edits: Counter[str] = field(default_factory=Counter)

    def request(self, *card_ids: str) -> None:
        """Draw the cards as the worker does, and record when each was first drawn."""
        for card_id in card_ids:
            found = draw.of_incidents(self.services, card_id) if self.services else None
            if self.services is None or not found or all(each.slot != SLOT for each in found[1]):
                continue
            at, place = VirtualClock.at, (found[0].origin.room, card_id)
            self.posted.setdefault(place, at)
            self.edits[card_id] += 1
            for incident in self.services.watching.of_card(card_id):
                self.shown.setdefault(incident.id, {}).setdefault(place, at)


@dataclass(slots=True)
class SimulatedLook:
    """Look of the watch that sees the state of the simulated world instead of the clouds.

    It may end in the middle, as it does in a killed worker. ``under_way`` are the groups that were
    begun and not finished, because one job looks at several groups.
    """

    world: World
    dies_after: int | None = None
    under_way: set[str] = field(default_factory=set)

    async def __call__(
        self, channels: tuple[WatchedChannel, ...]
    ) -> AsyncIterator[tuple[WatchedChannel, LookOutcome]]:
        """Yield each channel with the outcome of its look, some seconds after the one before.

        Raises:
            WorkerKilledError: The worker is to die in this look.
        """
        groups = {each.group for each in channels}
        self.under_way |= groups
        for number, watched in enumerate(channels):
            if self.dies_after == number:
                raise WorkerKilledError
            seconds = random.Random(f"{VirtualClock.at}").uniform(*LOOK_S)  # noqa: S311  no secret
            VirtualClock.at += timedelta(seconds=seconds)
            await asyncio.sleep(0)
            yield watched, self.world.look(watched.group, watched.mailbox, VirtualClock.at)
        if self.dies_after is not None:
            raise WorkerKilledError
        self.under_way -= groups


@dataclass(slots=True)
class Quarter:
    """Simulated time of the watch, and the counts of its events."""

    world: World
    services: Services
    cards: Cards
    redis: Redis
    rounds: int = 0
    killed: int = 0
    hosts_lost: int = 0
    gaps_told: int = 0
    real_s: float = 0.0
    locks: dict[str, datetime] = field(default_factory=dict)
    growth: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Run the whole simulated time.

        Whenever groups of channels are due, they are handed out and looked at.
        """
        began, drawn = time.monotonic(), random.Random(f"{self.world.seed}/deaths")  # noqa: S311
        month = 1
        while VirtualClock.at < self.world.ends:
            self._free_lost_locks()
            away = next((each for each in self.world.away if each.holds(VirtualClock.at)), None)
            if away is not None:
                VirtualClock.at = away.ends
                continue
            for name in locks.claim_due(self.services.redis)[0]:
                if name.kind == "watch":
                    self._round(name.owner, drawn)
            self._tell_gaps()
            self._wait()
            if VirtualClock.at >= self.world.begins + month * 30 * 24 * HOUR:
                self.growth.append(self.bytes_per_channel())
                month += 1
        self.growth.append(self.bytes_per_channel())
        self.real_s = time.monotonic() - began

    def _wait(self) -> None:
        """Move the virtual clock to the next moment at which something is due."""
        due = list(self.services.watching.schedule.all().values())
        times = [*due, *self.locks.values(), VirtualClock.at + HOUR]
        after = VirtualClock.at + timedelta(seconds=0.5)
        VirtualClock.at = max(min(times), after)

    def _round(self, group: str, drawn: random.Random) -> None:
        """Have one worker look at the channels of the group.

        The worker may be killed in the round, or its host may be lost.
        """
        fate = drawn.random()
        dies = fate < KILLED + LOST
        look = SimulatedLook(self.world, drawn.randint(0, 3) if dies else None)
        with mock.patch.object(watch, "CloudLook", return_value=look):
            try:
                watch.look(group)
            except WorkerKilledError:
                for name in look.under_way:
                    self._after_death(name, lost=fate < LOST)
        self.rounds += 1

    def _after_death(self, group: str, *, lost: bool) -> None:
        """Leave things as a dead worker leaves them.

        A lost host leaves its lock on the group. After the death of a process of this machine the
        group is due again at once.
        """
        if lost:
            self.hosts_lost += 1
            self.redis.set(keys.watch_lock(group), "another-host.0")
            self.locks[group] = VirtualClock.at + timedelta(seconds=LEASE_S)
        else:
            self.killed += 1
            self.services.watching.schedule.add(group, clock.now())

    def _free_lost_locks(self) -> None:
        for group, ends in tuple(self.locks.items()):
            if ends <= VirtualClock.at:
                self.redis.delete(keys.watch_lock(group))
                del self.locks[group]

    def _tell_gaps(self) -> None:
        for gaps in self.services.watching.gaps_due(VirtualClock.at).values():
            self.gaps_told += 1
            self.services.watching.forget_gaps(gaps)

    def bytes_per_channel(self) -> float:
        """Return how many bytes of Redis a channel takes on average.

        They are those of its state, its history and its incidents.
        """
        total, boxes = 0, [each for some in self.world.tenants.values() for each in some]
        for mailbox in boxes:
            own = [
                keys.watched(mailbox),
                keys.watch_state(mailbox),
                keys.watch_history(mailbox),
                keys.incidents_of_channel(mailbox),
            ]
            raw: Any = self.redis.zrange(keys.incidents_of_channel(mailbox), 0, -1)
            own += [keys.incident(each.decode()) for each in raw]
            total += sum(int(self.redis.memory_usage(key, samples=0) or 0) for key in own)
        return total / len(boxes)


@contextmanager
def virtual_time(begins: datetime) -> Iterator[None]:
    """Have the product's clock show the virtual time until the block ends."""
    VirtualClock.at = begins
    with mock.patch.object(clock, "datetime", VirtualClock):
        yield


def simulate(redis: Redis, seed: int, days: int, channels: int, tenants: int) -> Quarter:
    """Watch so many channels for so many days of virtual time, and return the quarter's counts."""
    world = make(seed, midsummer(), days, channels, tenants)
    with virtual_time(world.begins):
        cards = Cards()
        services = _services(redis, cards)
        quarter = Quarter(world, services, cards, redis)
        for tenant, mailboxes in world.tenants.items():
            for number, mailbox in enumerate(mailboxes):
                _watch(services, tenant, mailbox, number)
        quarter.run()
    return quarter


def _services(redis: Redis, cards: Cards) -> Services:
    """Return the parts that a worker consists of, with a queue that draws cards at once.

    No server listens at the addresses in the settings, and no code calls them.
    """
    bot = BotSettings(
        webex_access_token="none",  # noqa: S106  nobody is asked
        webhook_secrets=("a-secret-of-this-bench-alone",),
        public_url="https://bot.example.test",
        allowed_email_domains=("example.test",),
        webex_api_url="http://127.0.0.1:9/",
        watch_space=OPERATORS,
    )
    work = Settings(bot.public_url, "", "bot-app", "none", (Fernet.generate_key().decode(),))
    made = replace(Services.of(bot, work, redis), cards=cards)  # type: ignore[arg-type]  # a queue that draws at once
    cards.services = made
    runtime.install(made)
    return made


def _watch(services: Services, tenant: str, mailbox: str, number: int) -> None:
    """Connect a mailbox's channel and have it watched.

    Half of a tenant's channels share a space.
    """
    channel = Channel(mailbox, tenant_id=tenant)
    services.channels.keep(Record("SEEDED", clock.now(), channel))
    seconds = OFTEN_S if number == 0 and tenant == "tenant-0" else INTERVAL_S
    room = f"room-{tenant}-{number % 2}"
    services.watching.save(WatchedChannel(channel, room, ANNA, clock.now(), interval_s=seconds))
