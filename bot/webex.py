"""The only module that talks to Webex: webexteamssdk 1.6.1 with its own waiting switched off, and typed answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from email.message import EmailMessage
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import stamina
from webexteamssdk import WebexTeamsAPI

from bot.webex_errors import (
    SDK_ERRORS,
    WebexAnswerError,
    WebexBadRequestError,
    WebexError,
    WebexNotFoundError,
    WebexRateLimitError,
    WebexUnauthorizedError,
    WebexUnreachableError,
    again,
    again_post,
    translate,
)
from bot.webex_model import Action, File, Membership, Message, WebexPerson, Webhook
from bot.webex_session import confine

__all__ = [
    "Action",
    "File",
    "FileTooLargeError",
    "Membership",
    "Message",
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

TIMEOUT_S = 12
ATTEMPTS = 4
TOTAL_S = 90.0
FRESH_ATTEMPTS = 3
PAGE = 100
LARGEST_FILE = 1_048_576
CARD = "application/vnd.microsoft.card.adaptive"
T = TypeVar("T")
Json = dict[str, Any]


class Webex:
    """The bot's own account. Safe to make before a fork: the HTTP session is made in the process that uses it.

    Every method raises :class:`bot.webex_errors.WebexError` after its own retries (at most 4 tries within 90 seconds).
    """

    def __init__(self, access_token: str, api_url: str) -> None:
        self._access_token = access_token
        self._api_url = api_url
        self._made: tuple[int, WebexTeamsAPI] | None = None

    def me(self) -> WebexPerson:
        """The bot itself."""
        return WebexPerson.of(_get(lambda: self._api.people.me().json_data))

    def person(self, person_id: str) -> WebexPerson:
        """Somebody by id."""
        return WebexPerson.of(_get(lambda: self._api.people.get(_segment(person_id)).json_data))

    def message(self, message_id: str, *, fresh: bool = True) -> Message:
        """A message. Where it is ``fresh``, a 404 is asked again for 2 seconds: the API may lag behind the webhook (facts/webex.md 1)."""
        return Message.of(_get(lambda: self._api.messages.get(_segment(message_id)).json_data, fresh=fresh))

    def action(self, action_id: str) -> Action:
        """A card answer that was just notified, so a 404 is asked again for 2 seconds."""
        return Action.of(_get(lambda: self._api.attachment_actions.get(_segment(action_id)).json_data, fresh=True))

    def membership(self, room_id: str, person_id: str) -> Membership | None:
        """Somebody's membership of a space; None where there is none (any more)."""
        found = _get(lambda: [item.json_data for item in self._api.memberships.list(roomId=room_id, personId=person_id)])
        return next((member for member in map(Membership.of, found) if member.person_id == person_id), None)

    def members(self, room_id: str) -> tuple[Membership, ...]:
        """Everybody in a space, all pages."""
        found = _get(lambda: [item.json_data for item in self._api.memberships.list(roomId=room_id, max=PAGE)])
        return tuple(Membership.of(item) for item in found)

    def send(  # noqa: PLR0913  each is one of the API's own fields
        self,
        *,
        room_id: str | None = None,
        to_person_id: str | None = None,
        to_email: str | None = None,
        markdown: str | None = None,
        text: str | None = None,
        card: Json | None = None,
        parent_id: str | None = None,
    ) -> str:
        """Post to a space or to a person (exactly one of them) and return the message's id.

        It is tried again only where it is sure that nothing was posted.
        """
        fields: Json = {"roomId": room_id, "toPersonId": to_person_id, "toPersonEmail": to_email, "markdown": markdown, "text": text}
        fields |= {"attachments": _attachments(card)} if card else {}
        return _threaded(lambda thread: self._create_message(fields | {"parentId": thread or None}), parent_id or "")

    def send_file(self, *, room_id: str, text: str, name: str, content_type: str, content: bytes, parent_id: str = "") -> str:  # noqa: PLR0913  each is one of the API's own fields
        """Post a file to a space with a text, from memory, and return the message's id. It is tried again as :meth:`send` is."""
        fields, file = {"roomId": room_id, "text": text}, (name, content, content_type)
        return _threaded(lambda thread: self._post_form(fields | ({"parentId": thread} if thread else {}), file), parent_id)

    def edit(self, message_id: str, room_id: str, text: str, card: Json | None = None) -> None:
        """Replace a message, card and all (10 times at most).

        Raises:
            WebexBadRequestError: Webex does not take this edit; post a new message.
        """
        body = {"roomId": room_id, "text": text} | ({"attachments": _attachments(card)} if card else {})
        # The SDK's own edit() knows no attachments; its session has no public name (facts/webex.md 2).
        _get(lambda: self._api._session.put(f"messages/{_segment(message_id)}", json=body))  # noqa: SLF001

    def delete(self, message_id: str) -> None:
        """Delete one of the bot's messages; one that is gone already is fine."""
        _gone(lambda: self._api.messages.delete(_segment(message_id)))

    def webhooks(self) -> tuple[Webhook, ...]:
        """The bot's webhooks, all pages."""
        return tuple(Webhook.of(item) for item in _get(lambda: [hook.json_data for hook in self._api.webhooks.list(max=PAGE)]))

    def create_webhook(self, *, name: str, target_url: str, resource: str, event: str, secret: str) -> Webhook:
        """Register one."""
        create = partial(self._create_webhook, name=name, targetUrl=target_url, resource=resource, event=event, secret=secret)
        return Webhook.of(_retrying(create, again_post))

    def update_webhook(self, webhook_id: str, *, name: str, target_url: str, secret: str) -> None:
        """Give a webhook its name, address and newest secret, and switch it on again."""
        update = partial(self._api.webhooks.update, _segment(webhook_id), name=name, targetUrl=target_url)
        _get(lambda: update(secret=secret, status="active").json_data)

    def delete_webhook(self, webhook_id: str) -> None:
        """Remove a registration; one that is gone already is fine."""
        _gone(lambda: self._api.webhooks.delete(_segment(webhook_id)))

    def download(self, url: str, *, largest: int = LARGEST_FILE) -> File:
        """A file of a message, which must lie at the Webex API: the bot's token goes nowhere else.

        Raises:
            ValueError: the address is another one.
            FileTooLargeError: it has more than ``largest`` bytes.
        """
        if not url.startswith(self._api_url):
            raise ValueError("the file does not lie at the Webex API")
        return _get(lambda: self._read(url, largest))

    def _create_message(self, fields: Json) -> Json:
        created: Json = self._api.messages.create(**fields).json_data
        return created

    def _post_form(self, fields: dict[str, str], file: tuple[str, bytes, str]) -> Json:
        # The SDK takes files from the disk only; same private session as in edit(), without its JSON content type.
        post = partial(self._api._session.post, "messages", headers={"Content-Type": None})  # noqa: SLF001
        created = post(data=fields, files={"files": file})
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
            content = response.raw.read(largest + 1, decode_content=True)
            headers = EmailMessage()
            headers["Content-Disposition"] = response.headers.get("Content-Disposition", "attachment")
            content_type = response.headers.get("Content-Type", "application/octet-stream")
        if len(content) > largest:
            raise FileTooLargeError(f"the file has more than {largest} bytes")
        return File(headers.get_filename() or "", content_type, content)

    @property
    def _api(self) -> WebexTeamsAPI:
        if self._made is None or self._made[0] != os.getpid():
            api = WebexTeamsAPI(self._access_token, self._api_url, single_request_timeout=TIMEOUT_S, wait_on_rate_limit=False)
            _trust(api)
            confine(api._session._req_session, self._api_url)  # noqa: SLF001  no public name, as in edit()
            self._made = (os.getpid(), api)
        return self._made[1]


class FileTooLargeError(Exception):
    """A file is larger than the caller wants to hold."""


def _get(call: Callable[[], T], *, fresh: bool = False) -> T:
    if not fresh:
        return _retrying(call, again)
    waits = stamina.retry_context(on=WebexNotFoundError, attempts=FRESH_ATTEMPTS, wait_initial=0.6, wait_jitter=0.1, timeout=2.5)
    for attempt in waits:
        with attempt:
            return _retrying(call, again)
    raise AssertionError  # stamina ends by a return or by the error


def _threaded(post: Callable[[str], Json], thread: str) -> str:
    """Post in the thread, or below it where Webex does not take the thread: its root is gone, or is none (facts/webex.md 2)."""
    try:
        return Message.of(_retrying(lambda: post(thread), again_post)).id
    except (WebexBadRequestError, WebexNotFoundError):
        if not thread:
            raise
    return Message.of(_retrying(lambda: post(""), again_post)).id


def _trust(api: WebexTeamsAPI) -> None:
    """Trust SSL_CERT_FILE as all our other clients do; requests by itself knows only the other two."""
    authority = os.environ.get("SSL_CERT_FILE")
    if authority and not any(os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")):
        api._session._req_session.verify = authority  # noqa: SLF001  no public name, as in edit()


def _gone(call: Callable[[], object]) -> None:
    try:
        _retrying(call, again)
    except WebexNotFoundError:
        return


def _retrying(call: Callable[[], T], when: Callable[[Exception], bool | float]) -> T:
    for attempt in stamina.retry_context(on=when, attempts=ATTEMPTS, timeout=TOTAL_S, wait_initial=0.3, wait_max=8.0):
        with attempt:
            return _translated(call)
    raise AssertionError  # stamina ends by a return or by the error


def _translated(call: Callable[[], T]) -> T:
    try:
        return call()
    except SDK_ERRORS as error:
        raise translate(error) from None


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


def _attachments(card: Json) -> list[Json]:
    return [{"contentType": CARD, "content": card}]
