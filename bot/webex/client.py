"""Webex client, the only module that calls Webex.

It uses webexteamssdk 1.6.1 with the SDK's own waiting disabled, and returns typed answers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.message import EmailMessage
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, Protocol
from urllib.parse import quote, unquote, urlsplit

from bot.webex.errors import (
    HURRIED,
    PATIENT,
    Caller,
    WebexAnswerError,
    WebexBadRequestError,
    WebexError,
    WebexNotFoundError,
    WebexUnauthorizedError,
    WebexUnreachableError,
    passes,
)
from bot.webex.models import (
    CardAction,
    File,
    Membership,
    Message,
    Post,
    WebexPerson,
    Webhook,
    as_text,
)
from bot.webex.session import CHUNK, ApiSession, own_url
from jobs.clouds.json_values import is_filled_text
from jobs.clouds.retry import RetryPolicy
from jobs.storage.counters import CARDS, COUNTERS

CARD = "application/vnd.microsoft.card.adaptive"
Json = dict[str, Any]


class Messenger(Protocol):
    """Interface for posting and editing messages as the bot.

    :class:`bot.webex.client.Webex` does it at once. :class:`bot.events.outbox.Outbox` keeps the
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
    ) -> Message:
        """Post a message to a space or to a person (exactly one of them).

        It is retried only if it is certain that nothing was posted.
        """
        to = {"roomId": room_id, "toPersonId": to_person_id, "toPersonEmail": to_email}
        cards = attachments(card) if card else None
        fields: Json = to | {"text": text, "attachments": cards, "parentId": parent_id}
        return self.post(Post({name: each for name, each in fields.items() if each}, shows=shows))

    def send_file(  # noqa: PLR0913  each is one of the API's own fields
        self,
        *,
        room_id: str,
        text: str,
        name: str,
        content_type: str,
        content: bytes,
        parent_id: str = "",
    ) -> Message:
        """Post a file from memory with a text to a space; the retries are those of :meth:`send`."""
        thread = {"parentId": parent_id} if parent_id else {}
        return self.post(
            Post({"roomId": room_id, "text": text, **thread}, File(name, content_type, content))
        )


def attachments(card: Json) -> list[Json]:
    return [{"contentType": CARD, "content": card}]


if TYPE_CHECKING:
    from webexteamssdk import WebexTeamsAPI

__all__ = [
    "HURRIED",
    "PATIENT",
    "CardAction",
    "File",
    "FileTooLargeError",
    "Membership",
    "Message",
    "Post",
    "Webex",
    "WebexAnswerError",
    "WebexBadRequestError",
    "WebexError",
    "WebexNotFoundError",
    "WebexPerson",
    "WebexUnauthorizedError",
    "WebexUnreachableError",
    "Webhook",
]

PAGE = 100
NEWEST = 50
LARGEST_FILE = 1_048_576


class Webex(Messenger):
    """Webex API with the bot's own account.

    An instance may be created before a fork (:class:`bot.webex.session.ApiSession`). Every method
    raises :class:`bot.webex.errors.WebexError` when its retries end (:mod:`bot.webex.errors`).
    """

    def __init__(self, access_token: str, api_url: str, policy: RetryPolicy = PATIENT) -> None:
        self._account = ApiSession(access_token, api_url)
        self._calls = Caller(policy)

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

        return tuple(map(Membership.of, self._calls.get(read, fresh=fresh)))

    def post(self, post: Post) -> Message:
        # Webex does not accept a thread whose root message is deleted or is not the root of one
        # (platforms/webex.md 2).
        with _counted("posted", is_card="attachments" in post.fields):
            try:
                return Message.of(self._calls.post(lambda: self._posted(post)))
            except (WebexBadRequestError, WebexNotFoundError):
                if "parentId" not in post.fields:
                    raise
            return Message.of(self._calls.post(lambda: self._posted(post.below_the_thread)))

    def edit(self, message_id: str, room_id: str, text: str, card: Json | None = None) -> None:
        body: Json = {"roomId": room_id, "text": text}
        if card:
            body["attachments"] = attachments(card)
        # The SDK's edit() does not support attachments, and its session is private (webex.md 2).
        with _counted("edited", is_card=card is not None):
            self._calls.get(
                lambda: self._api._session.put(f"messages/{_segment(message_id)}", json=body)  # noqa: SLF001
            )

    def webhooks(self) -> tuple[Webhook, ...]:
        return tuple(map(Webhook.of, self._list(lambda: self._api.webhooks.list(max=PAGE))))

    def create_webhook(
        self, *, name: str, target_url: str, resource: str, event: str, secret: str
    ) -> Webhook:
        fields = {"name": name, "targetUrl": target_url, "resource": resource, "event": event}
        create = partial(self._api.webhooks.create, **fields, secret=secret)
        return Webhook.of(self._calls.post(lambda: create().json_data))

    def update_webhook(self, webhook_id: str, *, name: str, target_url: str, secret: str) -> None:
        fields = {"name": name, "targetUrl": target_url, "secret": secret, "status": "active"}
        update = partial(self._api.webhooks.update, _segment(webhook_id), **fields)
        self._calls.get(lambda: update().json_data)

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook; a webhook that no longer exists is no error."""
        with suppress(WebexNotFoundError):
            self._calls.get(lambda: self._api.webhooks.delete(_segment(webhook_id)))

    def download(self, url: str, *, largest: int = LARGEST_FILE) -> File:
        """Return a file of a message.

        The file must be on the Webex API, because the bot's token is sent nowhere else.

        Raises:
            ValueError: The file is at another address.
            FileTooLargeError: The file has more than ``largest`` bytes.
        """
        api_url = self._account.api_url
        address = own_url(url, api_url)
        climbs = {".", ".."} & {*unquote(urlsplit(address).path).split("/")}
        if climbs or not address.startswith(api_url):
            raise ValueError("the file does not lie at the Webex API")
        return self._calls.get(lambda: self._read(address, largest))

    def _list(self, ask: Callable[[], Iterable[Any]], most: int | None = None) -> list[Json]:
        return self._calls.get(lambda: [item.json_data for item in islice(ask(), most)])

    def _of_room(self, room_id: str, key: str) -> str:
        return as_text(self._object(lambda: self._api.rooms.get(_segment(room_id))).get(key))

    def _object(self, get: Callable[[], Any], *, fresh: bool = False) -> Json:
        """Return an object that is requested by its id; an answer without an id is unreadable."""

        def read() -> Json:
            found: Json = get().json_data
            return found if is_filled_text(found.get("id")) else _unreadable("an object without id")

        return self._calls.get(read, fresh=fresh)

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

    @property
    def _api(self) -> WebexTeamsAPI:
        return self._account.api


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
