"""POST /webhooks/webex: verify the event, drop duplicates, enqueue it and answer 200.

Only Redis is called here. Webex disables a webhook after 100 failures within 5 minutes and does not
say how often it delivers an event (platforms/webex.md 1). So the answer is quick, and an event that
arrives twice is handled once.

With a wrong WEBEX_WEBHOOK_SECRET every webhook is refused and the bot says nothing. The log, one
line a minute at most, the metrics and ``doctor`` show the bot's operator why.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from bot.queue.events import RESOURCES, EventQueue, WebhookEvent
from jobs.clock import now
from jobs.storage import keys

EVERY_S = 60.0
REFUSED_KEPT_S = 24 * 3600
"""Seconds for which the time of the last wrong signature is kept for ``doctor``."""
log = structlog.get_logger(__name__)


class RefusedError(Exception):
    """Refusal of a request, with its status and the headers that explain it."""

    def __init__(self, status: HTTPStatus, **headers: str) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


TEXT = "text/plain; charset=utf-8"
LARGEST_BODY = 65_536


class Webhooks:
    """Receiver of webhooks that are signed with one of ``secrets``.

    Wrong signatures are logged at the first one, and then at most once in ``every_s`` seconds.
    """

    def __init__(self, secrets: tuple[str, ...], redis: Redis, every_s: float = EVERY_S) -> None:
        self._secrets, self._redis, self._every_s = secrets, redis, every_s
        self._events, self._quiet_until = EventQueue(redis), -every_s

    def receive(self, environ: Mapping[str, Any]) -> None:
        """Accept one event.

        Raises:
            RefusedError: The request is refused with 401, 413, 415 or 400.
            redis.RedisError: Redis is unavailable.
        """
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0]
        if kind.strip().lower() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        body, signature = _body(environ), environ.get("HTTP_X_SPARK_SIGNATURE", "")
        if not is_signed(body, signature, self._secrets):
            self.note_refused()
            raise RefusedError(HTTPStatus.UNAUTHORIZED)
        try:
            envelope = json.loads(body)
        except (ValueError, RecursionError):
            raise RefusedError(HTTPStatus.BAD_REQUEST) from None
        if not isinstance(envelope, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST)
        if event := read(envelope):
            self._events.add(event)

    def note_refused(self) -> None:
        if time.monotonic() < self._quiet_until:
            return
        self._quiet_until = time.monotonic() + self._every_s
        log.warning(
            "webhooks refused: wrong signature",
            to_do="compare WEBEX_WEBHOOK_SECRET of web and worker; nothing in between may change the body",
        )
        with suppress(RedisError):
            self._redis.set(keys.webhooks_refused(), now().isoformat(), ex=REFUSED_KEPT_S)


def _body(environ: Mapping[str, Any]) -> bytes:
    """Return the body, as long as the request says, or as the server has found the end.

    Raises:
        RefusedError: The body is too large.
    """
    said, ends = environ.get("CONTENT_LENGTH", ""), environ.get("wsgi.input_terminated")
    length = int(said) if said.isdecimal() else LARGEST_BODY + 1 if ends else 0
    body: bytes = environ["wsgi.input"].read(min(length, LARGEST_BODY + 1))
    if len(body) > LARGEST_BODY:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body


def is_signed(body: bytes, signature: str, secrets: tuple[str, ...]) -> bool:
    """Return whether the signature is the hexadecimal HMAC-SHA1 of the raw body under a secret.

    Webex uses SHA-1 (platforms/webex.md 1). Every secret is tried, so that the time does not reveal
    which one matched.
    """
    signed = (hmac.digest(each.encode(), body, "sha1").hex() for each in secrets if each)
    return any([hmac.compare_digest(each.encode(), signature.encode()) for each in signed])  # noqa: C419  see the docstring


def read(envelope: Mapping[str, Any]) -> WebhookEvent | None:
    """Return the event in Webex's payload, or None if it is irrelevant to the bot.

    Other resources, other events and the bot's own posts are irrelevant.

    Raises:
        RefusedError: The resource is relevant, but the payload has no id.
    """
    resource = RESOURCES.get(str(envelope.get("resource", "")).lower())
    if resource is None or str(envelope.get("event", "")).lower() != "created":
        return None
    data = envelope.get("data")
    if not isinstance(data, Mapping) or not _text(data, "id"):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    actor = _text(data, "personId") or _text(envelope, "actorId")
    if resource != "memberships" and actor and actor == _text(envelope, "createdBy"):
        return None  # the webhook's owner is the bot, so this is its own post
    return WebhookEvent(
        resource, _text(data, "id"), actor, _text(data, "roomId"), _text(data, "created")
    )


def _text(data: Mapping[str, Any], key: str) -> str:
    # Half a surrogate pair, which is valid in JSON but not in UTF-8, becomes a question mark.
    value = data.get(key)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
