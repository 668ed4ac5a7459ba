"""State of the Webex half, behind one lock: people, rooms, memberships and messages."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from practice.webex.model import Action, Membership, Message, Person, Room, Webhook, named_id

CONTOSO = named_id("ORGANIZATION", "0b0c6a9e-6b1f-4c52-9d6f-3c1f7c0a4e11")
FABRIKAM = named_id("ORGANIZATION", "5d6b3f0a-4c1b-4b7e-8b59-2f8a60f1c9d2")
EVIL = named_id("ORGANIZATION", "e7a1d1c4-93b5-4f0e-bb0e-6f3e0c9a7d33")
CONSUMER = named_id("ORGANIZATION", "consumer")

BOT = ("email-bot@webex.bot", "Email Bot")
PEOPLE = (
    ("requester@contoso.com", "Rita Requester", CONTOSO),
    ("admin@contoso.com", "Ada Admin", CONTOSO),
    ("helpdesk@contoso.com", "Hal Helpdesk", CONTOSO),
    ("support@contoso.com", "Support Desk", CONTOSO),
    ("agent@contoso.com", "Aziz Agent", CONTOSO),
    ("colleague@contoso.com", "Cora Colleague", CONTOSO),
    ("admin@fabrikam.com", "Finn Fabrikam", FABRIKAM),
    ("outsider@evil.example", "Otto Outsider", EVIL),
)
SPACE = "Contact center"
SPACE_MEMBERS = (
    "requester@contoso.com",
    "admin@contoso.com",
    "helpdesk@contoso.com",
    "agent@contoso.com",
    "colleague@contoso.com",
)


@dataclass(slots=True)
class Options:
    """Switches of behavior on which the sources disagree, or that a test needs.

    With ``card_edits`` off, edits of cards are refused, as the API reference says. ``read_lag_s``
    is the time in seconds during which a new message or action still gives a 404. ``duplicates`` is
    the number of extra copies of each notification.
    """

    card_edits: bool = True
    read_lag_s: float = 0.0
    duplicates: int = 0


class World:
    """All records of the Webex half.

    Hold ``lock`` to read or write them. ``changed`` is notified with every message.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.changes = 0
        self.people: dict[str, Person] = {}
        self.rooms: dict[str, Room] = {}
        self.memberships: dict[str, Membership] = {}
        self.messages: dict[str, Message] = {}
        self.actions: dict[str, Action] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.options = Options()
        self.bot = self.add(Person(BOT[0], BOT[1], CONSUMER, "bot"))
        self._furnish()

    def _furnish(self) -> None:
        for email, name, org_id in PEOPLE:
            self.add(Person(email, name, org_id))
        self.add(Person("other-bot@webex.bot", "Other Bot", CONSUMER, "bot"))
        self.add(Person("guest@guests.example", "Guest", CONTOSO, "appuser"))
        creator = self.by_email(SPACE_MEMBERS[0])
        space = Room(SPACE, "group", creator.id, creator.org_id)
        self.rooms[space.id] = space
        for person in (*(self.by_email(email) for email in SPACE_MEMBERS), self.bot):
            self.join(space, person)

    def add(self, person: Person) -> Person:
        """Add a person to the directory."""
        self.people[person.id] = person
        return person

    def join(self, room: Room, person: Person) -> Membership:
        """Add a person to a room, without a notification to webhooks."""
        membership = Membership(room.id, person.id)
        self.memberships[membership.id] = membership
        return membership

    def by_email(self, email: str) -> Person:
        """Return the person with this address.

        Raises:
            KeyError: when no person has this address.
        """
        for person in self.people.values():
            if person.email == email.lower():
                return person
        raise KeyError(email)

    def members(self, room_id: str) -> Iterator[Membership]:
        """Return the memberships of a room."""
        return (each for each in self.memberships.values() if each.room_id == room_id)

    def membership(self, room_id: str, person_id: str) -> Membership | None:
        """Return a person's membership of a room, or None."""
        return next((each for each in self.members(room_id) if each.person_id == person_id), None)

    def direct(self, one: Person, other: Person) -> Room | None:
        """Return the 1:1 of two people, or None if they never wrote to each other."""
        for room in self.rooms.values():
            if room.type == "direct" and {each.person_id for each in self.members(room.id)} == {
                one.id,
                other.id,
            }:
                return room
        return None

    def touch(self, message: Message) -> None:
        """Give this change of a message the next number.

        All threads that wait for a change are woken.
        """
        with self.changed:
            self.changes += 1
            message.change = self.changes
            self.changed.notify_all()
