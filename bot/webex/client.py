"""Webex client, the only module that calls Webex, and the data of its answers.

It uses webexteamssdk 1.6.1 with the SDK's own waiting disabled. Unknown keys of an answer are
ignored. A missing value is empty, and so is a value that should be a list and is none.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar
from urllib.parse import quote, unquote, urlsplit

from bot.webex.errors import (
    FRESH,
    HURRIED,
    PATIENT,
    T,
    WebexAnswerError,
    WebexBadRequestError,
    WebexError,
    WebexNotFoundError,
    WebexUnreachableError,
    passes,
    translated,
)
from bot.webex.session import CHUNK, open_api, own_url
from jobs.clock import now
from jobs.clouds.clock_skew import webex_now
from jobs.clouds.http import RetryPolicy
from jobs.clouds.json_values import is_filled_text
from jobs.storage.counters import CARDS, COUNTERS

if TYPE_CHECKING:
    from webexteamssdk import WebexTeamsAPI

__all__ = [
    "HURRIED",
    "WebexAnswerError",
    "WebexBadRequestError",
    "WebexError",
    "WebexNotFoundError",
    "WebexUnreachableError",
]

CARD = "application/vnd.microsoft.card.adaptive"
PAGE, NEWEST = 100, 50
LARGEST_FILE = 1_048_576
Json = dict[str, Any]


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
"""Age from which an event is ignored, as a captured webhook can be sent again (W4)."""


def is_older_than(created: str, age: timedelta) -> bool:
    """Return whether a time is longer ago by Webex's clock; an unreadable time is not."""
    when = read_time(created)
    return when is not None and webex_now() - when > age


def read_time(text: str) -> datetime | None:
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


class Messenger(Protocol):
    """Interface for posting and editing messages as the bot.

    :class:`Webex` does it at once. :class:`bot.events.outbox.Outbox` keeps the
    posts that Webex does not accept. Every method raises :class:`bot.webex.errors.WebexError` if
    Webex refuses.
    """

    @abstractmethod
    def post(self, post: Post) -> Message:
        """Post a message and return it; it has no id if Webex has not accepted it yet."""

    @abstractmethod
    def edit(self, message_id: str, room_id: str, text: str, card: Json | None = None) -> None:
        """Replace a message including its card; Webex allows 10 edits at most.

        Raises:
            WebexBadRequestError: Webex does not accept this edit. Post a new message instead.
        """

    def send(  # noqa: PLR0913  each is one of the API's own fields
        self,
        *,
        room_id: str | None = None,
        to_person_id: str | None = None,
        to_email: str | None = None,
        text: str | None = None,
        card: Json | None = None,
        parent_id: str | None = None,
        shows: tuple[str, str] | None = None,
        file: File | None = None,
    ) -> Message:
        """Post a message to a space or to a person (exactly one of them).

        It is retried only if it is certain that nothing was posted.
        """
        to = {"roomId": room_id, "toPersonId": to_person_id, "toPersonEmail": to_email}
        cards = attachments(card) if card else None
        fields: Json = to | {"text": text, "attachments": cards, "parentId": parent_id}
        fields = {name: each for name, each in fields.items() if each}
        return self.post(Post(fields, file, shows=shows))


def attachments(card: Json) -> list[Json]:
    return [{"contentType": CARD, "content": card}]


class Webex(Messenger):
    """Webex API with the bot's own account.

    An instance may be created before a fork, but not used (:func:`bot.webex.session.open_api`).
    Every method raises :class:`bot.webex.errors.WebexError` when its retries end
    (:mod:`bot.webex.errors`).
    """

    def __init__(self, access_token: str, api_url: str, policy: RetryPolicy = PATIENT) -> None:
        self._access_token, self._api_url, self._policy = access_token, api_url, policy

    def me(self) -> WebexPerson:
        return WebexPerson.of(self._object(self._api.people.me))

    def person(self, person_id: str) -> WebexPerson:
        return WebexPerson.of(self._object(lambda: self._api.people.get(_segment(person_id))))

    def people(self, email: str) -> tuple[WebexPerson, ...]:
        # Outside its own organization the bot can see almost nobody.
        return tuple(map(WebexPerson.of, self._list(lambda: self._api.people.list(email=email))))

    def message(self, message_id: str, *, fresh: bool = True) -> Message:
        """Return a message; ``fresh`` retries a 404 for 2 seconds (platforms/webex.md 1)."""
        return Message.of(
            self._object(lambda: self._api.messages.get(_segment(message_id)), fresh=fresh)
        )

    def action(self, action_id: str) -> CardAction:
        """Return a card submission; a 404 is retried for 2 seconds, because the event is new."""
        return CardAction.of(
            self._object(lambda: self._api.attachment_actions.get(_segment(action_id)), fresh=True)
        )

    def membership(self, room_id: str, person_id: str) -> Membership | None:
        found = self._list(lambda: self._api.memberships.list(roomId=room_id, personId=person_id))
        members = map(Membership.of, found)
        return next((member for member in members if member.person_id == person_id), None)

    def latest_of_person(
        self, *, person_id: str | None = None, email: str | None = None
    ) -> tuple[Message, ...]:
        """Return the newest messages of the 1:1 space, including the bot's own."""
        found = self._list(
            lambda: self._api.messages.list_direct(person_id, email, max=NEWEST), NEWEST
        )
        return tuple(map(Message.of, found))

    def room_type(self, room_id: str) -> str:
        return self._of_room(room_id, "type").lower()

    def room_title(self, room_id: str) -> str:
        return self._of_room(room_id, "title")

    def members(self, room_id: str, *, fresh: bool = False) -> tuple[Membership, ...]:
        """Return all members of a space, from all pages.

        With ``fresh``, a 404 is retried for 2 seconds, because the space was created a moment ago.
        The bot itself is a member, so an empty list is unreadable.
        """

        def read() -> list[Json]:
            found = self._api.memberships.list(roomId=room_id, max=PAGE)
            return [item.json_data for item in found] or _unreadable("a space without members")

        return tuple(map(Membership.of, self._get(read, fresh=fresh)))

    def post(self, post: Post) -> Message:
        # Webex does not accept a thread whose root message is deleted or is not the root of one
        # (platforms/webex.md 2).
        with _counted("posted", is_card="attachments" in post.fields):
            try:
                return Message.of(self._post(lambda: self._posted(post)))
            except (WebexBadRequestError, WebexNotFoundError):
                if "parentId" not in post.fields:
                    raise
            fields = {name: each for name, each in post.fields.items() if name != "parentId"}
            return Message.of(self._post(lambda: self._posted(replace(post, fields=fields))))

    def edit(self, message_id: str, room_id: str, text: str, card: Json | None = None) -> None:
        body: Json = {"roomId": room_id, "text": text}
        if card:
            body["attachments"] = attachments(card)
        # The SDK's edit() does not support attachments, and its session is private (webex.md 2).
        with _counted("edited", is_card=card is not None):
            self._get(
                lambda: self._api._session.put(f"messages/{_segment(message_id)}", json=body)  # noqa: SLF001
            )

    def webhooks(self) -> tuple[Webhook, ...]:
        return tuple(map(Webhook.of, self._list(lambda: self._api.webhooks.list(max=PAGE))))

    def create_webhook(self, **fields: str) -> Webhook:
        return Webhook.of(self._post(lambda: self._api.webhooks.create(**fields).json_data))

    def update_webhook(self, webhook_id: str, **fields: str) -> None:
        update = self._api.webhooks.update
        self._get(lambda: update(_segment(webhook_id), **fields).json_data)

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook; a webhook that no longer exists is no error."""
        with suppress(WebexNotFoundError):
            self._get(lambda: self._api.webhooks.delete(_segment(webhook_id)))

    def download(self, url: str, *, largest: int = LARGEST_FILE) -> File:
        """Return a file of a message.

        The file must be on the Webex API, because the bot's token is sent nowhere else.

        Raises:
            ValueError: The file is at another address.
            FileTooLargeError: The file has more than ``largest`` bytes.
        """
        address = own_url(url, self._api_url)
        climbs = {".", ".."} & {*unquote(urlsplit(address).path).split("/")}
        if climbs or not address.startswith(self._api_url):
            raise ValueError("the file does not lie at the Webex API")
        return self._get(lambda: self._read(address, largest))

    def _get(self, call: Callable[[], T], *, fresh: bool = False) -> T:
        """Return the answer of a GET, PUT or DELETE; ``fresh`` retries a 404 for 2 seconds."""
        if fresh:
            late = partial(self._get, call)
            return FRESH.call(late, lambda error: isinstance(error, WebexNotFoundError))
        return self._policy.call(
            lambda: translated(call), lambda error: isinstance(error, WebexError) and passes(error)
        )

    def _post(self, call: Callable[[], T]) -> T:
        """Return the answer of a POST, retried only if it certainly had no effect.

        A POST has no effect after 3xx, 423, 429, 503 and a failed connection. After a timeout or a
        502 the message may already be in the space, and a duplicate is worse than a delay.
        """
        return self._policy.call(
            lambda: translated(call),
            lambda error: isinstance(error, WebexError) and passes(error) and not error.accepted,
        )

    def _list(self, ask: Callable[[], Iterable[Any]], most: int | None = None) -> list[Json]:
        return self._get(lambda: [item.json_data for item in islice(ask(), most)])

    def _of_room(self, room_id: str, key: str) -> str:
        return as_text(self._object(lambda: self._api.rooms.get(_segment(room_id))).get(key))

    def _object(self, get: Callable[[], Any], *, fresh: bool = False) -> Json:
        """Return an object that is requested by its id; an answer without an id is unreadable."""

        def read() -> Json:
            found: Json = get().json_data
            return found if is_filled_text(found.get("id")) else _unreadable("an object without id")

        return self._get(read, fresh=fresh)

    def _posted(self, post: Post) -> Json:
        if post.file is None:
            created = self._api.messages.create(**post.fields).json_data
        else:
            # The SDK reads files only from disk: same private session as in edit(), without JSON type.
            files = {"files": (post.file.name, post.file.content, post.file.content_type)}
            created = self._api._session.post(  # noqa: SLF001  see above
                "messages", data=post.fields, files=files, headers={"Content-Type": None}
            )
        if not isinstance(created, dict):
            raise TypeError("not a JSON object")
        return created

    def _read(self, url: str, largest: int) -> File:
        # Same private session as in edit(): the SDK has no file call and leaves error responses open.
        with ExitStack() as answers:
            hooks = {"response": lambda answer, **_: answers.push(answer)}
            response = self._api._session.request(  # noqa: SLF001  see above
                "GET", url, 200, stream=True, allow_redirects=False, hooks=hooks
            )
            content = bytearray()
            for piece in response.iter_content(CHUNK):
                content += piece
                if len(content) > largest:
                    raise FileTooLargeError(f"the file has more than {largest} bytes")
            headers = EmailMessage()
            headers["Content-Disposition"] = response.headers.get(
                "Content-Disposition", "attachment"
            )
            content_type = response.headers.get("Content-Type", "application/octet-stream")
        return File(headers.get_filename() or "", content_type, bytes(content))

    @cached_property
    def _api(self) -> WebexTeamsAPI:
        return open_api(self._access_token, self._api_url)


class FileTooLargeError(Exception):
    """File larger than the caller accepts."""


@contextmanager
def _counted(done: str, *, is_card: bool) -> Iterator[None]:
    """Count a card of the block as ``done``, ``refused`` for good, or ``not_taken``."""
    how = "not_taken"
    try:
        yield
        how = done
    except WebexAnswerError as error:
        how = how if passes(error) else "refused"
        raise
    finally:
        if is_card:
            COUNTERS.add(CARDS, how)


def _unreadable(why: str) -> NoReturn:
    raise ValueError(why)  # which becomes a WebexUnreachableError


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
