"""Records of Webex: people, rooms, memberships, messages, attachment actions and webhooks."""

import base64
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from practice.journal import now

PersonType = Literal["person", "bot", "appuser"]
RoomType = Literal["group", "direct"]


def new_id(kind: str) -> str:
    """Return a new ID as Webex makes them.

    It is a ``ciscospark://`` URI in base64url, without padding.
    """
    return named_id(kind, str(uuid.uuid4()))


def named_id(kind: str, name: str) -> str:
    """Return the Webex ID of an object whose inner name is known."""
    return base64.urlsafe_b64encode(f"ciscospark://us/{kind}/{name}".encode()).decode().rstrip("=")


@dataclass(slots=True)
class Person:
    """Person with a Webex account; ``appuser`` is a guest."""

    email: str
    display_name: str
    org_id: str
    type: PersonType = "person"
    id: str = field(default_factory=lambda: new_id("PEOPLE"))
    created: str = field(default_factory=now)

    @property
    def first_name(self) -> str:
        """Return the name that a mention of this person shows.

        For a bot, a mention never shows more than this name.
        """
        return self.display_name.split(" ", maxsplit=1)[0]


@dataclass(slots=True)
class Room:
    """Room of messages: a space or a 1:1."""

    title: str
    type: RoomType
    creator_id: str
    owner_id: str
    is_archived: bool = False
    id: str = field(default_factory=lambda: new_id("ROOM"))
    created: str = field(default_factory=now)
    last_activity: str = field(default_factory=now)


@dataclass(slots=True)
class Membership:
    """Membership of one person in one room."""

    room_id: str
    person_id: str
    id: str = field(default_factory=lambda: new_id("MEMBERSHIP"))
    created: str = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Version:
    """Contents of a message: the first version, or one of its edits."""

    text: str = ""
    markdown: str = ""
    html: str = ""
    card: dict[str, Any] | None = None
    mentioned: tuple[str, ...] = ()
    mentioned_groups: tuple[str, ...] = ()
    at: str = field(default_factory=now)


@dataclass(slots=True)
class Message:
    """Message with all of its versions, oldest first.

    ``change`` is the number of its last change, counted over the whole cloud.
    """

    room_id: str
    person_id: str
    versions: list[Version]
    parent_id: str = ""
    files: tuple[str, ...] = ()
    deleted: bool = False
    change: int = 0
    id: str = field(default_factory=lambda: new_id("MESSAGE"))
    created: str = field(default_factory=now)

    @property
    def current(self) -> Version:
        """Return the version of the message that people see now."""
        return self.versions[-1]


@dataclass(slots=True)
class Action:
    """Press of a submit button, which Webex calls an attachment action."""

    message_id: str
    person_id: str
    room_id: str
    inputs: dict[str, Any]
    id: str = field(default_factory=lambda: new_id("ATTACHMENT_ACTION"))
    created: str = field(default_factory=now)


@dataclass(slots=True)
class Webhook:
    """Webhook: the subscription of one account to events.

    ``failures`` are the times of failed notifications, in monotonic seconds.
    """

    name: str
    target_url: str
    resource: str
    event: str
    owner_id: str
    filter: str = ""
    secret: str = field(default="", repr=False)
    status: Literal["active", "inactive"] = "active"
    failures: deque[float] = field(default_factory=deque)
    disabled_at: float | None = None
    id: str = field(default_factory=lambda: new_id("WEBHOOK"))
    created: str = field(default_factory=now)
