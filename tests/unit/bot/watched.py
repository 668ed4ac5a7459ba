"""Watched channel with a history, for the tests of reports, pages and commands that show it."""

from dataclasses import replace
from datetime import timedelta

from bot.cards import draw
from jobs.clock import now
from jobs.model import Channel, Person, Station, Turn
from jobs.watch.model import Damage, Eye, LookOutcome, Sight, WatchedChannel

MAILBOX = "support@contoso.com"
GOOD = LookOutcome(Sight.HEALTHY, eyes=(Eye.APP,))
BROKEN = LookOutcome(
    Sight.BROKEN,
    "not_forwarded",
    step="forwarding",
    station=Station.FORWARD,
    turn=Turn.ADMINISTRATOR,
    damage=Damage(late=3, bounced=1),
    eyes=(Eye.APP,),
)


def watch(services, mailbox: str = MAILBOX, room: str = "room-1") -> WatchedChannel:
    """Watch a channel whose cards go to the space, and return the watched channel."""
    person = Person("person-1", "anna@example.test")
    watched = WatchedChannel(Channel(mailbox, tenant_id="t"), room, person, now())
    services.watching.save(watched)
    return watched


def incident_card(services, card: str):
    """Return the card of an incident as it is now."""
    _, cards, _ = draw.of_incidents(services, card)
    return cards[0]


def look(services, watched: WatchedChannel, outcome: LookOutcome, at) -> None:
    """Record one look at the channel, with its outcome."""
    services.watching.add_look(watched, outcome, at)


def with_incident(services, mailbox: str = MAILBOX) -> WatchedChannel:
    """Record two days of looks at a channel, with mails and a break of two hours that was fixed.

    Good looks follow the break. The looks begin at noon, so that the break is on one day.
    """
    watched = watch(services, mailbox)
    began = (now() - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
    look(services, watched, replace(GOOD, mails={began.isoformat(): 12}), began)
    for minutes, outcome in ((60, BROKEN), (61, BROKEN), (180, GOOD), (195, GOOD), (210, GOOD)):
        look(services, watched, outcome, began + timedelta(minutes=minutes))
    look(services, watched, GOOD, now() - timedelta(minutes=5))
    return watched
