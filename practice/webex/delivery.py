"""Sender of notifications to webhooks, which are signed, sent from a pool of threads, and retried.

A webhook becomes inactive after too many failures.
"""

import contextlib
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from practice.journal import Journal
from practice.webex.model import Person, Webhook, named_id
from practice.webex.world import World

WINDOW_S = 300.0
MOST_FAILURES = 100
PAUSES_S = (0.5, 1.0, 2.0)
APP_ID = named_id("APPLICATION", "practice")


def signature(secret: str, body: bytes) -> str:
    """Return ``X-Spark-Signature``: HMAC-SHA1 of the raw bytes, in hex.

    Source: platforms/webex.md 1.
    """
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def envelope(
    hook: Webhook, owner: Person, event: tuple[str, str], actor_id: str, data: dict[str, Any]
) -> dict[str, Any]:
    """Return the whole payload of a notification around ``data``, which has IDs only.

    ``event`` is the actual resource and event, even if the webhook subscribes to all.
    """
    told = {
        "id": hook.id,
        "name": hook.name,
        "targetUrl": hook.target_url,
        "resource": event[0],
        "event": event[1],
    }
    told |= {"filter": hook.filter} if hook.filter else {}
    told |= {
        "orgId": owner.org_id,
        "createdBy": owner.id,
        "appId": APP_ID,
        "ownedBy": "creator",
        "status": "active",
    }
    return {**told, "created": hook.created, "actorId": actor_id, "data": data}


class Delivery:
    """Sender of notifications to webhooks.

    A webhook with 100 failures within 5 minutes becomes inactive.
    """

    def __init__(self, world: World, journal: Journal, threads: int = 8) -> None:
        self._world, self._journal = world, journal
        self._pool = ThreadPoolExecutor(threads, "webhook")
        self._client = httpx.Client(
            timeout=10, trust_env=False, limits=httpx.Limits(max_connections=threads)
        )

    def send(self, hook: Webhook, payload: dict[str, Any]) -> None:
        """Queue one notification, and as many copies as the options ask for."""
        body = json.dumps(payload).encode()
        with contextlib.suppress(RuntimeError):  # the pool is closed: the cloud is stopping
            for _ in range(1 + self._world.options.duplicates):
                self._pool.submit(self._deliver, hook, body)

    def stop(self) -> None:
        """Drop queued notifications and close the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _deliver(self, hook: Webhook, body: bytes) -> None:
        for pause in (*PAUSES_S, None):
            if (
                hook.status != "active"
                or hook.id not in self._world.webhooks
                or self._post(hook, body)
            ):
                return
            self._failed(hook)
            if pause is not None:
                time.sleep(pause)

    def _post(self, hook: Webhook, body: bytes) -> bool:
        headers = {"Content-Type": "application/json"}
        if hook.secret:
            headers["X-Spark-Signature"] = signature(hook.secret, body)
        started, status = time.monotonic(), 0
        with contextlib.suppress(httpx.HTTPError, RuntimeError):
            status = self._client.post(hook.target_url, content=body, headers=headers).status_code
        self._journal.call(
            "webex",
            "NOTIFY",
            f"{hook.target_url} {hook.resource}:{hook.event}",
            status,
            time.monotonic() - started,
        )
        return 200 <= status < 300  # noqa: PLR2004 - any 2xx

    def _failed(self, hook: Webhook) -> None:
        """Count a failure, and disable the webhook after too many.

        Within 5 minutes after it was disabled, a re-activated webhook is disabled by a single
        failure (facts, section 1).
        """
        now = time.monotonic()
        with self._world.lock:
            hook.failures.append(now)
            while hook.failures and hook.failures[0] < now - WINDOW_S:
                hook.failures.popleft()
            on_probation = hook.disabled_at is not None and now - hook.disabled_at < WINDOW_S
            if hook.status == "active" and (on_probation or len(hook.failures) >= MOST_FAILURES):
                hook.status, hook.disabled_at = "inactive", now
                self._journal.write(
                    "webex", "webex", "webhook.disable", hook.id, "active", "inactive"
                )
