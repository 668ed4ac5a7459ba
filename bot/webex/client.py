"""The only module that talks to Webex: webexteamssdk 1.6.1 with its own waiting switched off, and typed answers."""

from __future__ import annotations

from contextlib import ExitStack
from email.message import EmailMessage
from functools import partial
from itertools import islice
from urllib.parse import quote

from requests import Response
from webexteamssdk import WebexTeamsAPI

from bot.webex.deadline import CHUNK
from bot.webex.errors import (
    WebexAnswerError,
    WebexBadRequestError,
    WebexError,
    WebexNotFoundError,
    WebexRateLimitError,
    WebexUnauthorizedError,
    WebexUnreachableError,
)
from bot.webex.messenger import Json, Messenger, attachments
from bot.webex.models import CardAction, File, Membership, Message, Post, WebexPerson, Webhook, as_text
from bot.webex.retry import HURRIED, PATIENT, Caller
from bot.webex.session import ApiSession, own_url
from jobs.clouds.retry import RetryPolicy

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
    "WebexRateLimitError",
    "WebexUnauthorizedError",
    "WebexUnreachableError",
    "Webhook",
]

PAGE = 100
NEWEST = 50
LARGEST_FILE = 1_048_576


class Webex(Messenger):
    """The bot's own account. Safe to make before a fork (:class:`bot.webex.session.Account`).

    Every method raises :class:`bot.webex.errors.WebexError` when its policy is at an end (:mod:`bot.webex.retry`).
    """

    def __init__(self, access_token: str, api_url: str, policy: RetryPolicy = PATIENT) -> None:
        self._account = ApiSession(access_token, api_url)
        self._calls = Caller(policy)

    def me(self) -> WebexPerson:
        """The bot itself."""
        return WebexPerson.of(self._calls.get(lambda: self._api.people.me().json_data))

    def person(self, person_id: str) -> WebexPerson:
        """Somebody by id."""
        return WebexPerson.of(self._calls.get(lambda: self._api.people.get(_segment(person_id)).json_data))

    def people(self, email: str) -> tuple[WebexPerson, ...]:
        """Who has this address, as far as the bot may see: hardly anybody beyond its own organization."""
        found = self._calls.get(lambda: [item.json_data for item in self._api.people.list(email=email)])
        return tuple(map(WebexPerson.of, found))

    def message(self, message_id: str, *, fresh: bool = True) -> Message:
        """A message. Where it is ``fresh``, a 404 is asked again for 2 seconds: the API may lag behind the webhook (facts/webex.md 1)."""
        return Message.of(self._calls.get(lambda: self._api.messages.get(_segment(message_id)).json_data, fresh=fresh))

    def action(self, action_id: str) -> CardAction:
        """A card answer that was just notified, so a 404 is asked again for 2 seconds."""
        return CardAction.of(self._calls.get(lambda: self._api.attachment_actions.get(_segment(action_id)).json_data, fresh=True))

    def membership(self, room_id: str, person_id: str) -> Membership | None:
        """Somebody's membership of a space; None where there is none (any more)."""
        found = self._calls.get(lambda: [item.json_data for item in self._api.memberships.list(roomId=room_id, personId=person_id)])
        return next((member for member in map(Membership.of, found) if member.person_id == person_id), None)

    def latest_messages(self, room_id: str) -> tuple[Message, ...]:
        """The newest messages of a 1:1, its own among them. Of a space Webex lists to a bot only what mentions it (facts/webex.md 1)."""
        found = self._calls.get(lambda: [item.json_data for item in islice(self._api.messages.list(roomId=room_id, max=NEWEST), NEWEST)])
        return tuple(map(Message.of, found))

    def room_type(self, room_id: str) -> str:
        """``group`` or ``direct``."""
        return self._of_room(room_id, "type").lower()

    def room_title(self, room_id: str) -> str:
        """What people call a space."""
        return self._of_room(room_id, "title")

    def members(self, room_id: str, *, fresh: bool = False) -> tuple[Membership, ...]:
        """Everybody in a space, all pages. Where it is ``fresh``, made a moment ago, a 404 is asked again for 2 seconds."""
        found = self._calls.get(lambda: [item.json_data for item in self._api.memberships.list(roomId=room_id, max=PAGE)], fresh=fresh)
        return tuple(Membership.of(item) for item in found)

    def post(self, post: Post) -> Message:
        """Post in the thread, or below it where Webex does not take the thread: its root is gone, or is none (facts/webex.md 2)."""
        try:
            return Message.of(self._calls.post(lambda: self._posted(post)))
        except (WebexBadRequestError, WebexNotFoundError):
            if "parentId" not in post.fields:
                raise
        return Message.of(self._calls.post(lambda: self._posted(post.below_the_thread)))

    def edit(self, message_id: str, room_id: str, text: str, card: Json | None = None) -> None:
        """Replace a message, card and all (10 times at most).

        Raises:
            WebexBadRequestError: Webex does not take this edit; post a new message.
        """
        body = {"roomId": room_id, "text": text} | ({"attachments": attachments(card)} if card else {})
        # The SDK's own edit() knows no attachments; its session has no public name (facts/webex.md 2).
        self._calls.get(lambda: self._api._session.put(f"messages/{_segment(message_id)}", json=body))  # noqa: SLF001

    def webhooks(self) -> tuple[Webhook, ...]:
        """The bot's webhooks, all pages."""
        found = self._calls.get(lambda: [hook.json_data for hook in self._api.webhooks.list(max=PAGE)])
        return tuple(Webhook.of(item) for item in found)

    def create_webhook(self, *, name: str, target_url: str, resource: str, event: str, secret: str) -> Webhook:
        """Register one."""
        create = partial(self._create_webhook, name=name, targetUrl=target_url, resource=resource, event=event, secret=secret)
        return Webhook.of(self._calls.post(create))

    def update_webhook(self, webhook_id: str, *, name: str, target_url: str, secret: str) -> None:
        """Give a webhook its name, address and newest secret, and switch it on again."""
        update = partial(self._api.webhooks.update, _segment(webhook_id), name=name, targetUrl=target_url)
        self._calls.get(lambda: update(secret=secret, status="active").json_data)

    def delete_webhook(self, webhook_id: str) -> None:
        """Remove a registration; one that is gone already is fine."""
        self._calls.gone(lambda: self._api.webhooks.delete(_segment(webhook_id)))

    def download(self, url: str, *, largest: int = LARGEST_FILE) -> File:
        """A file of a message, which must lie at the Webex API: the bot's token goes nowhere else.

        Raises:
            ValueError: the address is another one.
            FileTooLargeError: it has more than ``largest`` bytes.
        """
        api_url = self._account.api_url
        address = own_url(url, api_url)
        if not address.startswith(api_url):
            raise ValueError("the file does not lie at the Webex API")
        return self._calls.get(lambda: self._read(address, largest))

    def _of_room(self, room_id: str, key: str) -> str:
        return as_text(self._calls.get(lambda: self._api.rooms.get(_segment(room_id)).json_data).get(key))

    def _posted(self, post: Post) -> Json:
        if post.file is None:
            created = self._api.messages.create(**post.fields).json_data
        else:
            # The SDK takes files from the disk only; same private session as in edit(), without its JSON content type.
            send = partial(self._api._session.post, "messages", headers={"Content-Type": None})  # noqa: SLF001
            created = send(data=post.fields, files={"files": (post.file.name, post.file.content, post.file.content_type)})
        if not isinstance(created, dict):
            raise TypeError("not a JSON object")
        return created

    def _create_webhook(self, **fields: str) -> Json:
        created: Json = self._api.webhooks.create(**fields).json_data
        return created

    def _read(self, url: str, largest: int) -> File:
        # Same private session as in edit(): the SDK has no call for files. It forgets an answer with an error without closing it.
        with ExitStack() as answers:
            hooks = {"response": lambda answer, **_: answers.push(answer)}
            response = self._api._session.request("GET", url, 200, stream=True, allow_redirects=False, hooks=hooks)  # noqa: SLF001
            content = _at_most(largest, response)
            headers = EmailMessage()
            headers["Content-Disposition"] = response.headers.get("Content-Disposition", "attachment")
            content_type = response.headers.get("Content-Type", "application/octet-stream")
        return File(headers.get_filename() or "", content_type, content)

    @property
    def _api(self) -> WebexTeamsAPI:
        return self._account.api


class FileTooLargeError(Exception):
    """A file is larger than the caller wants to hold."""


def _at_most(largest: int, response: Response) -> bytes:
    content = bytearray()
    for piece in response.iter_content(CHUNK):
        content += piece
        if len(content) > largest:
            raise FileTooLargeError(f"the file has more than {largest} bytes")
    return bytes(content)


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
