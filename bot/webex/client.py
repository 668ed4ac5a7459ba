"""Webex client, the only module that calls Webex, and the data of its answers.

It uses webexteamssdk 1.6.1 with the SDK's own waiting disabled. Unknown keys of an answer are
ignored. A missing value is empty, and so is a value that should be a list and is none.
"""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from email.message import Message as Headers
from functools import cached_property, partial
from itertools import islice
from typing import Any, NoReturn, Protocol, Self, TypeVar
from urllib.parse import quote, unquote, urlsplit

from adaptive_cards.components import Card
from bot.webex import errors
from bot.webex.session import CHUNK, open_api, own_url
from jobs.clock import now, parse
from jobs.clouds.clock_skew import WEBEX, now_at
from jobs.clouds.http import RetryPolicy
from jobs.clouds.json_values import as_dict, is_filled_text
from jobs.storage.counters import CARDS, COUNTERS

CARD = "application/vnd.microsoft.card.adaptive"
PAGE, NEWEST = 100, 50
Json = dict[str, Any]
Shows = tuple[str, str] | None
"""Run and slot of the card that a post shows, or None for any other post."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer:
    """Object in an answer of Webex; a field is text whose name there is in camel case."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        values: Json = {}
        for each in fields(cls):
            first, *others = each.name.split("_")
            value = as_text(data.get(first + "".join(map(str.capitalize, others))))
            values[each.name] = _READ[each.name](data, value) if each.name in _READ else value
        return cls(**values)


Answer = TypeVar("Answer", bound=_Answer)


@dataclass(frozen=True, slots=True)
class Message(_Answer):
    """Message in a space; its ``files`` are addresses that need the bot's token.

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
    shows: Shows = None


@dataclass(frozen=True, slots=True)
class CardAction(_Answer):
    """Card submission; its inputs come from outside, and none is to be trusted."""

    id: str
    message_id: str
    person_id: str
    inputs: dict[str, str] = field(repr=False)
    created: str


@dataclass(frozen=True, slots=True)
class WebexPerson(_Answer):
    """Person in Webex; ``type`` is ``person``, ``bot`` or ``appuser`` (a guest).

    Of several addresses, ``email`` is the first, which is displayed and written to.
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


@dataclass(frozen=True, slots=True)
class Membership(_Answer):
    """Membership of a person in a space, with the organization that owns the account."""

    id: str
    person_id: str
    person_email: str
    person_org_id: str
    room_type: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True)
class Webhook(_Answer):
    """Registered webhook; its secret cannot be read back."""

    id: str
    name: str
    target_url: str
    resource: str
    event: str
    filter: str
    status: str


def _texts(values: object) -> tuple[str, ...]:
    return tuple(map(as_text, values)) if isinstance(values, list) else ()


def as_text(value: Any) -> str:
    """Return a JSON value as text: null becomes empty, and a list or an object stays JSON."""
    if value is None:
        return ""
    found = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # half a surrogate pair, which JSON can contain, becomes a question mark
    return found.encode("utf-8", "replace").decode()


_READ: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "files": lambda data, _: _texts(data.get("files")),
    "card": lambda data, _: as_text(data.get("attachments") or None),
    "inputs": lambda data, _: {
        as_text(key): as_text(value) for key, value in as_dict(data.get("inputs")).items()
    },
    "email": lambda data, _: "".join(_texts(data.get("emails"))[:1]).lower(),
    "others": lambda data, _: tuple(map(str.lower, _texts(data.get("emails"))[1:])),
    **dict.fromkeys(("room_type", "type", "person_email"), lambda _, text: text.lower()),
}
"""Readers of the fields that are not the text under their name."""
MAX_EVENT_AGE = timedelta(minutes=10)
"""Age from which an event is ignored, as a captured webhook can be sent again (checklist.toml W4)."""


def is_older_than(created: str, age: timedelta) -> bool:
    """Return whether a time is longer ago by Webex's clock; an unreadable time is not."""
    when = parse(created)
    return when is not None and now_at(WEBEX) - when > age


SKEW = timedelta(seconds=10)
"""Maximum error of the measurement of Webex's clock (:mod:`jobs.clouds.clock_skew`)."""


def is_own(message: Message, bot_id: str, since: datetime) -> bool:
    return message.person_id == bot_id and not is_older_than(message.created, now() - since + SKEW)


class Messenger(Protocol):
    """Interface for posting and editing messages as the bot.

    :class:`bot.events.handler.Outbox` keeps the posts that Webex does not accept. Every method
    raises :class:`bot.webex.errors.WebexError` if Webex refuses.
    """

    @abstractmethod
    def post(self, post: Post) -> Message:
        """Post a message and return it; it has no id if Webex has not accepted it yet."""

    @abstractmethod
    def edit(self, message_id: str, room_id: str, card: Card) -> None:
        """Replace a message including its card; Webex allows 10 edits at most.

        Raises:
            WebexBadRequestError: Webex does not accept this edit. Post a new message instead.
        """

    def send(  # noqa: PLR0913  each is one of the API's own fields
        self,
        said: Card | str,
        *,
        room_id: str = "",
        to_person_id: str = "",
        to_email: str = "",
        parent_id: str = "",
        shows: Shows = None,
        file: File | None = None,
    ) -> Message:
        """Post a card or a text to a space or to a person (exactly one of them).

        It is retried only if it is certain that nothing was posted.
        """
        to = {"roomId": room_id, "toPersonId": to_person_id, "toPersonEmail": to_email}
        fields = {name: each for name, each in (to | {"parentId": parent_id}).items() if each}
        content = {"text": said} if isinstance(said, str) else content_of(said)
        return self.post(Post(fields | content, file, shows=shows))


def content_of(card: Card) -> Json:
    return {"text": card.text, "attachments": [{"contentType": CARD, "content": card.content}]}


class Webex(Messenger):
    """Webex API with the bot's own account.

    An instance may be created before a fork, but not used (:func:`bot.webex.session.open_api`).
    Every method raises :class:`bot.webex.errors.WebexError` when its retries end.
    """

    def __init__(self, token: str, api_url: str, policy: RetryPolicy = errors.PATIENT) -> None:
        self._token, self._api_url, self._policy = token, api_url, policy

    def me(self) -> WebexPerson:
        return WebexPerson.of(self._object(self._api.people.me))

    def person(self, person_id: str) -> WebexPerson:
        return WebexPerson.of(self._object(lambda: self._api.people.get(_segment(person_id))))

    def people(self, email: str) -> tuple[WebexPerson, ...]:
        # Outside its own organization the bot can see almost nobody.
        return self._list(WebexPerson, lambda: self._api.people.list(email=email))

    def message(self, message_id: str, *, fresh: bool = True) -> Message:
        """Return a message; ``fresh`` retries a 404 for 2 seconds (platforms/webex.md 1)."""
        get = partial(self._api.messages.get, _segment(message_id))
        return Message.of(self._object(get, fresh=fresh))

    def action(self, action_id: str) -> CardAction:
        """Return a card submission; a 404 is retried for 2 seconds, because the event is new."""
        get = partial(self._api.attachment_actions.get, _segment(action_id))
        return CardAction.of(self._object(get, fresh=True))

    def membership(self, room_id: str, person_id: str) -> Membership | None:
        ask = partial(self._api.memberships.list, roomId=room_id, personId=person_id)
        members = self._list(Membership, ask)
        return next((member for member in members if member.person_id == person_id), None)

    def latest_of_person(self, person_id: str, email: str) -> tuple[Message, ...]:
        # The messages are those of the 1:1 space, the bot's own included. One of both is empty.
        ask = partial(self._api.messages.list_direct, person_id or None, email or None, max=NEWEST)
        return self._list(Message, ask, NEWEST)

    def room_type(self, room_id: str) -> str:
        return self._of_room(room_id, "type").lower()

    def room_title(self, room_id: str) -> str:
        return self._of_room(room_id, "title")

    def members(self, room_id: str, *, fresh: bool = False) -> tuple[Membership, ...]:
        """Return all members of a space, from all pages.

        With ``fresh``, a 404 is retried for 2 seconds, because the space was created a moment ago.
        The bot itself is a member, so an empty list is unreadable.
        """

        def read() -> list[Membership]:
            found = self._api.memberships.list(roomId=room_id, max=PAGE)
            members = [Membership.of(item.json_data) for item in found]
            return members or _unreadable("a space without the bot as a member")

        return tuple(self._ask(read, fresh=fresh))

    def post(self, post: Post) -> Message:
        # Webex does not accept a thread whose root message is deleted or is not the root of one
        # (platforms/webex.md 2).
        with _counted("posted", is_card="attachments" in post.fields):
            try:
                return self._posted(post)
            except (errors.WebexBadRequestError, errors.WebexNotFoundError):
                if "parentId" not in post.fields:
                    raise
            fields = {name: each for name, each in post.fields.items() if name != "parentId"}
            return self._posted(replace(post, fields=fields))

    def edit(self, message_id: str, room_id: str, card: Card) -> None:
        body = {"roomId": room_id} | content_of(card)
        # The SDK's edit() does not support attachments, and its session is private (webex.md 2).
        with _counted("edited", is_card=True):
            put = self._api._session.put  # noqa: SLF001  see above
            self._ask(lambda: put(f"messages/{_segment(message_id)}", json=body))

    def webhooks(self) -> tuple[Webhook, ...]:
        return self._list(Webhook, lambda: self._api.webhooks.list(max=PAGE))

    def create_webhook(self, **fields: str) -> Webhook:
        create = self._api.webhooks.create
        return self._ask(lambda: Webhook.of(create(**fields).json_data), is_post=True)

    def update_webhook(self, webhook_id: str, **fields: str) -> None:
        self._ask(lambda: self._api.webhooks.update(_segment(webhook_id), **fields).json_data)

    def delete_webhook(self, webhook_id: str) -> None:
        with suppress(errors.WebexNotFoundError):
            self._ask(lambda: self._api.webhooks.delete(_segment(webhook_id)))

    def download(self, url: str, largest: int) -> File:
        """Return a file of a message.

        Raises:
            ValueError: The file is not on the Webex API, and the bot's token is sent nowhere else.
            FileTooLargeError: The file has more than ``largest`` bytes.
        """
        address = own_url(url, self._api_url)
        climbs = {".", ".."} & {*unquote(urlsplit(address).path).split("/")}
        if climbs or not address.startswith(self._api_url):
            raise ValueError("the file does not lie at the Webex API")
        return self._ask(lambda: self._read(address, largest))

    def _ask(self, call: Callable[[], T], *, fresh: bool = False, is_post: bool = False) -> T:
        """Return the answer of a call; ``fresh`` retries a 404 for 2 seconds.

        A POST is retried only if it certainly had no effect. It has none after 3xx, 423, 429, 503
        and a failed connection. After a timeout or a 502 the message may already be in the space,
        and a duplicate is worse than a delay.
        """
        if fresh:
            late, missing = partial(self._ask, call), errors.WebexNotFoundError
            return errors.FRESH.call(late, lambda error: isinstance(error, missing))

        return self._policy.call(
            lambda: errors.translated(call),
            lambda error: (
                isinstance(error, errors.WebexError)
                and errors.passes(error)
                and not (is_post and error.accepted)
            ),
        )

    def _list(
        self, kind: type[Answer], ask: Callable[[], Iterable[Any]], most: int | None = None
    ) -> tuple[Answer, ...]:
        return self._ask(lambda: tuple(kind.of(item.json_data) for item in islice(ask(), most)))

    def _of_room(self, room_id: str, key: str) -> str:
        return as_text(self._object(lambda: self._api.rooms.get(_segment(room_id))).get(key))

    def _object(self, get: Callable[[], Any], *, fresh: bool = False) -> Json:
        def read() -> Json:
            found: Json = get().json_data
            return found if is_filled_text(found.get("id")) else _unreadable("an object without id")

        return self._ask(read, fresh=fresh)

    def _posted(self, post: Post) -> Message:
        def send() -> Message:
            if post.file is None:
                found: Json = self._api.messages.create(**post.fields).json_data
                return Message.of(found | {"attachments": None})  # the card that was just sent
            # The SDK reads files only from disk: same private session as in edit(), without JSON type.
            files = {"files": (post.file.name, post.file.content, post.file.content_type)}
            more: Json = {"files": files, "headers": {"Content-Type": None}}
            session = self._api._session  # noqa: SLF001  see above
            return Message.of(session.post("messages", data=post.fields, **more))

        return self._ask(send, is_post=True)

    def _read(self, url: str, largest: int) -> File:
        # Same private session as in edit(): the SDK has no file call and leaves error responses open.
        with ExitStack() as answers:
            hooks = {"response": lambda answer, **_: answers.push(answer)}
            ask = self._api._session.request  # noqa: SLF001  see above
            response = ask("GET", url, 200, stream=True, allow_redirects=False, hooks=hooks)
            content = bytearray()
            for piece in response.iter_content(CHUNK):
                content += piece
                if len(content) > largest:
                    raise FileTooLargeError(f"the file has more than {largest} bytes")
            # EmailMessage would take a minute for a header of many semicolons, and raise IndexError.
            given, headers = response.headers, Headers()
            headers["Content-Disposition"] = given.get("Content-Disposition", "attachment")
            content_type = given.get("Content-Type", "application/octet-stream")
        return File(headers.get_filename(""), content_type, bytes(content))

    @cached_property
    def _api(self) -> Any:
        return open_api(self._token, self._api_url)


class FileTooLargeError(Exception):
    """Error because a file is larger than the caller accepts."""


@contextmanager
def _counted(done: str, *, is_card: bool) -> Iterator[None]:
    """Count a card of the block as ``done``, ``refused`` for good, or ``not_taken``."""
    how = "not_taken"
    try:
        yield
        how = done
    except errors.WebexAnswerError as error:
        how = how if errors.passes(error) else "refused"
        raise
    finally:
        if is_card:
            COUNTERS.add(CARDS, how)


def _unreadable(why: str) -> NoReturn:
    raise ValueError(why)  # which becomes a WebexUnreachableError


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
