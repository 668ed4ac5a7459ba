"""World of the simulated quarter: the true state of each channel, and disturbances of the clouds.

Everything is drawn from a seed. Nothing here knows the code of the watch: the world only gives the
outcome of a look at a moment.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

from jobs.watch.model import Damage, Eye, LookOutcome, Sight

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BROKEN_FOR, FINE_FOR = 25 * MINUTE, 20 * MINUTE
"""Times for which a flapping channel is broken, and then fine, in each cycle."""
APART = 5 * HOUR
"""Shortest time between two breaks of a tenant. Each break then has incidents of its own."""
BLIP = timedelta(seconds=45)
"""Longest time for which a cloud shows an error that does not exist."""
LATEST = 20 * MINUTE
"""Longest delay of a message trace."""
EYES = (Eye.APP,)
SHOWN = 40
"""Number of hours for which each look reports the arrived mails."""


WORK, AWAKE, SATURDAY = range(8, 18), range(6, 22), 5
MAILS = (6.0, 1.0)
"""Mails per hour in working hours, and in the other hours in which people are awake."""


class BreakKind(StrEnum):
    """Kind of a break of channels.

    * SETTING is a wrong setting, which any look sees.
    * MAIL is a break that only the trace of a mail shows.
    * TENANT is a wrong setting of all channels of a tenant.
    * FLAPS is a break that comes and goes.
    * ACCESS means that the tenant takes the bot's read access away, which breaks no channel.
    """

    SETTING = "setting"
    MAIL = "mail trace"
    TENANT = "whole tenant"
    FLAPS = "flapping"
    ACCESS = "access ended"


CAUSES = {
    BreakKind.SETTING: "smtp_auth_off_for_mailbox",
    BreakKind.MAIL: "not_forwarded",
    BreakKind.TENANT: "smtp_auth_off_for_tenant",
    BreakKind.FLAPS: "forwarding_missing",
    BreakKind.ACCESS: "app_access_withdrawn",
}


@dataclass(frozen=True, slots=True)
class Break:
    """Break of channels as it really happened in the simulated world."""

    kind: BreakKind
    mailboxes: tuple[str, ...]
    begins: datetime
    ends: datetime

    def is_seen(self, at: datetime) -> bool:
        """Return whether a look at that moment would see the break.

        The delay of the message trace does not count here.
        """
        if not self.begins <= at < self.ends:
            return False
        passed = (at - self.begins) % (BROKEN_FOR + FINE_FOR)
        return self.kind is not BreakKind.FLAPS or passed < BROKEN_FOR


@dataclass(frozen=True, slots=True)
class Spell:
    """Time in which something is the case, such as a cloud that gives no answer."""

    begins: datetime
    ends: datetime
    cause: str = ""

    def within(self, begins: datetime, ends: datetime) -> timedelta:
        """Return how much of this spell is between the two moments."""
        return max(min(self.ends, ends) - max(self.begins, begins), timedelta(0))

    def holds(self, at: datetime) -> bool:
        """Return whether the moment is in this spell."""
        return self.begins <= at < self.ends


@dataclass(slots=True)
class World:
    """True state of the channels and the clouds in a simulated time.

    ``tenants`` has the mailboxes by tenant. ``silent`` are the times in which a tenant's clouds
    give no answer, ``outages`` those in which no cloud does, ``away`` those in which no worker
    runs, and ``blips`` those in which a channel looks broken and is not.
    """

    seed: int
    begins: datetime
    ends: datetime
    tenants: dict[str, tuple[str, ...]]
    breaks: list[Break] = field(default_factory=list)
    silent: dict[str, list[Spell]] = field(default_factory=dict)
    outages: list[Spell] = field(default_factory=list)
    away: list[Spell] = field(default_factory=list)
    blips: dict[str, list[Spell]] = field(default_factory=dict)

    def look(self, tenant: str, mailbox: str, at: datetime) -> LookOutcome:
        """Return the outcome of a look at a mailbox's channel at that moment."""
        silent = next(
            (each for each in (*self.outages, *self.silent[tenant]) if each.holds(at)), None
        )
        if silent is not None:
            return LookOutcome(Sight.UNSURE, silent.cause)
        mails = self.shown_mails(mailbox, at)
        for each in self.breaks:
            if mailbox in each.mailboxes and each.is_seen(at):
                seen = self._look_at(each, mailbox, at)
                if seen is not None:
                    return seen
        if any(each.holds(at) for each in self.blips[mailbox]):
            return LookOutcome(Sight.BROKEN, "connection_lost", mails=mails, eyes=EYES)
        return LookOutcome(Sight.HEALTHY, mails=mails, eyes=EYES)

    def _look_at(self, each: Break, mailbox: str, at: datetime) -> LookOutcome | None:
        """Return the outcome of a look at a broken channel.

        The result is None for a break that only a mail shows, as long as the trace shows no mail.
        """
        if each.kind is BreakKind.ACCESS:
            return LookOutcome(Sight.CANNOT_LOOK, CAUSES[each.kind])
        late = self.arrived(mailbox, each.begins, at - self.delay(mailbox, at))
        if each.kind is BreakKind.MAIL and not late:
            return None
        return LookOutcome(
            Sight.BROKEN,
            CAUSES[each.kind],
            since=each.begins if each.kind is not BreakKind.FLAPS else None,
            step="smtp_auth",
            damage=Damage(late=late),
            mails=self.shown_mails(mailbox, at),
            eyes=EYES,
        )

    def delay(self, mailbox: str, at: datetime) -> timedelta:
        """Return by how much the message trace is late at that moment."""
        drawn = random.Random(f"{self.seed}/{mailbox}/{at:%Y%m%d%H}/trace")  # noqa: S311  no secret
        return drawn.random() ** 3 * LATEST

    def arrived(self, mailbox: str, since: datetime, until: datetime) -> int:
        """Return how many mails the mailbox received between the two moments."""
        hour, found = since.replace(minute=0, second=0, microsecond=0), 0
        while hour < until:
            found += sum(since <= each < until for each in mails_of(self.seed, mailbox, hour))
            hour += HOUR
        return found

    def first_mail(self, mailbox: str, since: datetime, until: datetime) -> datetime | None:
        """Return when the first mail after ``since`` came; None without a mail before ``until``."""
        hour = since.replace(minute=0, second=0, microsecond=0)
        while hour < until:
            for each in sorted(mails_of(self.seed, mailbox, hour)):
                if since <= each < until:
                    return each
            hour += HOUR
        return None

    def shown_mails(self, mailbox: str, at: datetime) -> dict[str, int]:
        """Return the number of mails in each of the last whole hours.

        The hours are those that even a late message trace shows.
        """
        last = (at - LATEST).replace(minute=0, second=0, microsecond=0)
        hours = (last - number * HOUR for number in range(1, SHOWN + 1))
        return {
            hour.isoformat(): len(mails)
            for hour in hours
            if hour >= self.begins and (mails := mails_of(self.seed, mailbox, hour))
        }

    def lost(self, tenant: str, begins: datetime, ends: datetime) -> timedelta:
        """Return how long no cloud answered or no worker ran between the two moments."""
        spells = (*self.outages, *self.silent[tenant], *self.away)
        return sum((each.within(begins, ends) for each in spells), timedelta(0))


@cache
def mails_of(seed: int, mailbox: str, hour: datetime) -> tuple[datetime, ...]:
    """Return the times at which mails arrive in one hour of UTC.

    Many mails come by day, few at the weekend, and none at night in Berlin. The working day follows
    the local clock, so it moves with summer time.
    """
    local = hour.astimezone(BERLIN)
    busy = MAILS[0] if local.hour in WORK else (MAILS[1] if local.hour in AWAKE else 0.0)
    drawn = random.Random(f"{seed}/{mailbox}/{hour.isoformat()}")  # noqa: S311  no secret
    most = busy if local.weekday() < SATURDAY else busy / MAILS[0]
    return tuple(hour + drawn.random() * HOUR for _ in range(round(most * 2 * drawn.random())))


def make(seed: int, begins: datetime, days: int, channels: int, tenants: int) -> World:
    """Return a world that lasts so many days.

    It has the breaks of its channels and the disturbances of its clouds.
    """
    names = {
        f"tenant-{number}": tuple(
            f"box{each}@tenant{number}.example" for each in range(number, channels, tenants)
        )
        for number in range(tenants)
    }
    world = World(seed, begins, begins + days * DAY, names)
    drawn = random.Random(f"{seed}/world")  # noqa: S311  no secret
    for tenant, mailboxes in names.items():
        world.silent[tenant] = list(_spells(world, drawn, 2.5 * DAY, (5, 40), "throttled"))
        world.breaks += _breaks(world, drawn, mailboxes)
        for mailbox in mailboxes:
            world.blips[mailbox] = list(_blips(world, drawn))
    world.outages = list(_spells(world, drawn, 30 * DAY, (90, 150), "service_unavailable"))
    world.away = list(_spells(world, drawn, 20 * DAY, (10, 180)))
    return world


def _spells(
    world: World, drawn: random.Random, each: timedelta, minutes: tuple[int, int], cause: str = ""
) -> Iterator[Spell]:
    """Yield spells that last a drawn number of minutes, one in each period of length ``each``.

    Two spells are hours apart.
    """
    at = world.begins + HOUR
    while at + each < world.ends + HOUR:
        begins = at + drawn.random() * (each - 4 * HOUR)
        yield Spell(begins, begins + drawn.uniform(*minutes) * MINUTE, cause)
        at += each


def _blips(world: World, drawn: random.Random) -> Iterator[Spell]:
    """Yield short moments in which a cloud shows an error that is not real, twelve a day."""
    at = world.begins + HOUR
    while at < world.ends:
        yield Spell(at, at + drawn.uniform(0.3, 1.0) * BLIP)
        at += drawn.uniform(1.0, 3.0) * HOUR


def _breaks(world: World, drawn: random.Random, mailboxes: tuple[str, ...]) -> Iterator[Break]:
    """Yield the breaks of a tenant's channels, one after the other."""
    kinds = (
        [BreakKind.SETTING] * 5
        + [BreakKind.MAIL] * 4
        + [BreakKind.TENANT] * 2
        + [BreakKind.FLAPS, BreakKind.ACCESS]
    )
    at = world.begins + drawn.uniform(3.0, 12.0) * HOUR
    while True:
        kind = drawn.choice(kinds)
        length = (
            drawn.uniform(4.0, 6.0) * HOUR
            if kind is BreakKind.FLAPS
            else drawn.lognormvariate(4.2, 1.1) * MINUTE
        )
        if at + length > world.ends - HOUR:
            return
        whole = kind in {BreakKind.TENANT, BreakKind.ACCESS}
        struck = mailboxes if whole else (drawn.choice(mailboxes),)
        yield Break(kind, struck, at, at + length)
        at += length + APART + drawn.expovariate(1 / 30.0) * HOUR


def midsummer(year: int = 2026) -> datetime:
    """Return 1 September, the start of a quarter in which summer time ends (25 October 2026)."""
    return datetime(year, 9, 1, tzinfo=UTC)
