"""Frozen data classes for Webex's answers; unknown keys are ignored.

A missing value is empty, and so is a value that should be a list and is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from jobs.clock import now
from jobs.clouds.clock_skew import webex_now


@dataclass(frozen=True, slots=True)
class Message:
    """Message in a space.

    ``files`` are addresses that need the bot's token (see :meth:`bot.webex.client.Webex.download`).
    ``card`` is the JSON of its attachments. It is empty if the answer has none: a list of 1:1
    messages does not show them (Webex's OpenAPI).
    """

    id: str
    room_id: str
    room_type: str
    person_id: str
    text: str
    html: str
    parent_id: str
    files: tuple[str, ...]
    created: str
    card: str = ""

    @property
    def thread(self) -> str:
        """Return the message to reply to: only the root of a thread (platforms/webex.md 2)."""
        return self.parent_id or self.id

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Message:
        card = json.dumps(data["attachments"]) if data.get("attachments") else ""
        return _read(cls, data, files=texts(data, "files"), card=card)


@dataclass(frozen=True, slots=True)
class File:
    """File that a person posted, or that the bot posts."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """Message to be posted: the fields of the API and optionally a file.

    Attributes:
        doubts: Number of posts without confirmation that the message arrived.
        shows: The run and the slot of the run's card that the message is.
    """

    fields: dict[str, Any] = field(repr=False)
    file: File | None = None
    doubts: int = 0
    shows: tuple[str, str] | None = None

    @property
    def below_the_thread(self) -> Post:
        fields = {name: value for name, value in self.fields.items() if name != "parentId"}
        return replace(self, fields=fields)


@dataclass(frozen=True, slots=True)
class CardAction:
    """Card submission.

    The inputs come from outside. Every value is text, and none is to be trusted.
    """

    id: str
    message_id: str
    person_id: str
    inputs: dict[str, str] = field(repr=False)
    created: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> CardAction:
        given = data.get("inputs")
        inputs = given.items() if isinstance(given, Mapping) else ()
        return _read(cls, data, inputs={as_text(key): as_text(value) for key, value in inputs})


@dataclass(frozen=True, slots=True)
class WebexPerson:
    """Person in Webex; ``type`` is ``person``, ``bot`` or ``appuser`` (a guest).

    An account may have several addresses. ``email`` is the first, which is displayed and written
    to.
    """

    id: str
    email: str
    org_id: str
    type: str
    display_name: str
    others: tuple[str, ...] = ()

    @property
    def emails(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.email, *self.others)))

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> WebexPerson:
        first, *others = (each.lower() for each in texts(data, "emails") or ("",))
        return _read(cls, data, email=first, others=tuple(others))


@dataclass(frozen=True, slots=True)
class Membership:
    """Membership of a person in a space, with the organization that owns the account."""

    id: str
    person_id: str
    person_email: str
    person_org_id: str
    room_type: str = ""
    created: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Membership:
        return _read(cls, data)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Registered webhook; its secret cannot be read back."""

    id: str
    name: str
    target_url: str
    resource: str
    event: str
    filter: str
    status: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Webhook:
        return _read(cls, data)


Answer = TypeVar("Answer", Message, CardAction, WebexPerson, Membership, Webhook)
_LOWER = frozenset({"room_type", "type", "person_email"})


def _read(kind: type[Answer], data: Mapping[str, Any], **known: Any) -> Answer:
    """Return an answer whose other fields are the texts under their names in camel case."""
    for field_ in fields(kind):
        first, *others = (name := field_.name).split("_")
        if name not in known:
            value = as_text(data.get(first + "".join(map(str.capitalize, others))))
            known[name] = value.lower() if name in _LOWER else value
    return kind(**known)


def texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the values of a list as texts; anything that is no list counts as empty."""
    values = data.get(key)
    return tuple(map(as_text, values)) if isinstance(values, list | tuple) else ()


def as_text(value: Any) -> str:
    """Return a JSON value as text.

    true becomes ``true``, null becomes empty, and a list or an object stays JSON. JSON can contain
    half a surrogate pair, which cannot be encoded later, so it becomes a question mark.
    """
    if value is None:
        return ""
    found = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found.encode("utf-8", "replace").decode()


MAX_EVENT_AGE = timedelta(minutes=10)


def is_stale(created: str) -> bool:
    """Return whether an event is too old, as a captured webhook can be sent again (W4)."""
    return is_older_than(created, MAX_EVENT_AGE)


def is_older_than(created: str, age: timedelta) -> bool:
    """Return whether a time is longer ago by Webex's clock; an unreadable time is not."""
    when = _time(created)
    return when is not None and webex_now() - when > age


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else None


SKEW = timedelta(seconds=10)
"""Maximum error of the measurement of Webex's clock (:mod:`jobs.clouds.clock_skew`)."""


def is_own(message: Message, bot_id: str, since: datetime) -> bool:
    return message.person_id == bot_id and not is_older_than(message.created, now() - since + SKEW)


def may_be_of_run(message: Message, run_id: str) -> bool:
    """Return whether the message may show a card that names this run.

    A card of another run may have the same text and be a few seconds older. Webex does not show the
    card of every message.
    """
    return not message.card or run_id in message.card


def plain(text: str) -> str:
    """Return the text with single spaces, because Webex may return other spaces than were sent."""
    return " ".join(text.split())
