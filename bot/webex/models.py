"""What Webex answers, as frozen data. Unknown keys are ignored, and a missing one is empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from jobs.clock import now


@dataclass(frozen=True, slots=True)
class Message:
    """A message. ``files`` are addresses that need the bot's token (see :meth:`bot.webex.client.Webex.download`)."""

    id: str
    room_id: str
    room_type: str
    person_id: str
    text: str
    html: str
    parent_id: str
    files: tuple[str, ...]
    created: str

    @property
    def thread(self) -> str:
        """The message to reply to: Webex takes only the root of a thread as parent (facts/webex.md 2)."""
        return self.parent_id or self.id

    @property
    def is_direct(self) -> bool:
        """Whether this is a 1:1 conversation."""
        return self.room_type == "direct"

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Message:
        """From the API's JSON."""
        return cls(
            id=text(data, "id"),
            room_id=text(data, "roomId"),
            room_type=text(data, "roomType").lower(),
            person_id=text(data, "personId"),
            text=text(data, "text"),
            html=text(data, "html"),
            parent_id=text(data, "parentId"),
            files=tuple(str(url) for url in data.get("files") or ()),
            created=text(data, "created"),
        )


@dataclass(frozen=True, slots=True)
class File:
    """A file that somebody posted, or that the bot posts."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """A message that is to be posted: the API's own fields, and perhaps a file.

    Attributes:
        doubts: how often it was posted without a word whether it stands there.
        since: when that was first done.
        shows: the run and the slot of the run's card that it is.
    """

    fields: dict[str, Any] = field(repr=False)
    file: File | None = None
    doubts: int = 0
    since: datetime | None = None
    shows: tuple[str, str] | None = None

    @property
    def below_the_thread(self) -> Post:
        """The same in the space itself."""
        return replace(self, fields={name: value for name, value in self.fields.items() if name != "parentId"})


@dataclass(frozen=True, slots=True)
class CardAction:
    """A card that was answered. The inputs are whatever somebody sent: every value is text, and none is to be trusted."""

    id: str
    message_id: str
    person_id: str
    inputs: dict[str, str] = field(repr=False)
    created: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> CardAction:
        """From the API's JSON."""
        inputs = data.get("inputs")
        return cls(
            id=text(data, "id"),
            message_id=text(data, "messageId"),
            person_id=text(data, "personId"),
            inputs={as_text(key): as_text(value) for key, value in inputs.items()} if isinstance(inputs, Mapping) else {},
            created=text(data, "created"),
        )


@dataclass(frozen=True, slots=True)
class WebexPerson:
    """A person. ``type`` is ``person``, ``bot`` or ``appuser`` (a guest).

    An account may have several addresses, all its own: ``email`` is the first, by which it is shown and written to.
    """

    id: str
    email: str
    org_id: str
    type: str
    display_name: str
    others: tuple[str, ...] = ()

    @property
    def emails(self) -> tuple[str, ...]:
        """Every address."""
        return tuple(filter(None, (self.email, *self.others)))

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> WebexPerson:
        """From the API's JSON."""
        first, *others = (as_text(each).lower() for each in data.get("emails") or [""])
        return cls(text(data, "id"), first, text(data, "orgId"), text(data, "type").lower(), text(data, "displayName"), tuple(others))


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody in a space, with the organization that owns the account."""

    id: str
    person_id: str
    person_email: str
    person_org_id: str
    room_type: str = ""
    created: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Membership:
        """From the API's JSON."""
        keys = ("id", "personId", "personEmail", "personOrgId", "roomType", "created")
        member, person, email, org, kind, created = (text(data, key) for key in keys)
        return cls(member, person, email.lower(), org, kind.lower(), created)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registration. Its secret is not read back."""

    id: str
    name: str
    target_url: str
    resource: str
    event: str
    filter: str
    status: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Webhook:
        """From the API's JSON."""
        keys = ("id", "name", "targetUrl", "resource", "event", "filter", "status")
        return cls(*(text(data, key) for key in keys))


def text(data: Mapping[str, Any], key: str) -> str:
    """A value as text; missing and null are empty."""
    return as_text(data.get(key))


def as_text(value: Any) -> str:
    """A JSON value as text: true is ``true``, null is empty, and a list or an object stays JSON.

    JSON can hold half a surrogate pair, which nothing after this can write down: it becomes a question mark.
    """
    if value is None:
        return ""
    found = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found.encode("utf-8", "replace").decode()


MAX_EVENT_AGE = timedelta(minutes=10)


def is_stale(created: str) -> bool:
    """Whether something is too old to be meant: a captured webhook can be sent again at any time (CHECKLIST W4)."""
    return is_older_than(created, MAX_EVENT_AGE)


def is_older_than(created: str, age: timedelta) -> bool:
    """Whether something is older than that. An age that cannot be read is none."""
    when = _time(created)
    return when is not None and now() - when > age


def _time(text: str) -> datetime | None:
    """A time of Webex's; None where it cannot be read, or names no zone."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else None
