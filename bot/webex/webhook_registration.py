"""Registration of the bot's own webhooks.

There is exactly one active webhook for each resource, with the right address and the newest secret.
A webhook that Webex has disabled stays disabled until it is enabled again, and Webex sends no
notice (platforms/webex.md 1). So the bot checks regularly.

A webhook belongs to this installation if its name contains the bot's address, or if Redis has
recorded its id. After a change of PUBLIC_URL the name no longer matches.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import structlog
from redis import Redis

from bot.queue import RESOURCES, WEBHOOKS_PATH
from bot.settings import BotSettings
from bot.webex.client import Webex, Webhook
from jobs.storage import keys
from jobs.storage.counters import COUNTERS, WEBHOOKS_WRONG
from jobs.storage.locks import LockKind, LockName, renewed_lock

PREFIX, EVENT = "email-bot", "created"
WATCH_S, BACK_OFF_S, LOCK_S = 300, 300, 120
LOCK = LockName(LockKind.WEBHOOKS)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Resources whose webhook was created or repaired, and the number of those deleted."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: int = 0


class WebhookRegistrar:
    """Registration and repair of webhooks, by one process at a time.

    Webhooks of instances at other addresses, or of other people, are not changed. Both methods
    raise :class:`bot.webex.errors.WebexError` and redis.RedisError.
    """

    def __init__(self, webex: Webex, redis: Redis, settings: BotSettings) -> None:
        self._webex, self._redis = webex, redis
        self._secret = settings.webhook_secrets[0]
        self._target = settings.public_url + WEBHOOKS_PATH
        self._prefix = f"{PREFIX} {hashlib.sha256(settings.public_url.encode()).hexdigest()[:8]} "

    def register(self) -> Outcome:
        """Set up all webhooks with the newest secret, because Webex does not show which they have.

        Those that this installation created under another address are taken over or deleted.
        """
        with renewed_lock(self._redis, LOCK, LOCK_S, wait_s=math.inf):
            return self._reconcile(self.own(moved=True), all_of_them=True)

    def watch(self) -> Outcome:
        """Repair only missing, disabled, duplicate or wrong webhooks.

        A webhook that was enabled less than 5 minutes ago is left alone, because until then a
        single failure disables it (platforms/webex.md 1).
        """
        with renewed_lock(self._redis, LOCK, LOCK_S, wait_s=math.inf):
            return self._reconcile(self.own(), all_of_them=False)

    def own(self, *, moved: bool = False) -> tuple[Webhook, ...]:
        """Return this installation's webhooks; with ``moved`` also those of an earlier address."""
        known = self._redis.smembers(keys.webhooks_ours()) if moved else frozenset[bytes]()
        return tuple(
            hook
            for hook in self._webex.webhooks()
            if hook.name.startswith(self._prefix) or hook.id.encode() in known
        )

    def is_good(self, hook: Webhook) -> bool:
        return hook.status.lower() == "active" and hook.target_url == self._target

    def _reconcile(self, mine: Sequence[Webhook], *, all_of_them: bool) -> Outcome:
        kept = {resource: self._best(mine, resource) for resource in RESOURCES.values()}
        if not all_of_them:
            good = sum(each is not None and self.is_good(each) for each in kept.values())
            COUNTERS.add(WEBHOOKS_WRONG, by=len(kept) - good)
        created, updated = [], []
        for resource, hook in kept.items():
            if hook is None:
                of_kind = self._fields(resource) | {"resource": resource, "event": EVENT}
                self._redis.sadd(keys.webhooks_ours(), self._webex.create_webhook(**of_kind).id)
                created.append(resource)
            elif self._repair(hook, resource, always=all_of_them):
                updated.append(resource)
        surplus = [hook for hook in mine if hook not in kept.values()]
        for hook in surplus:
            self._webex.delete_webhook(hook.id)
            self._redis.srem(keys.webhooks_ours(), hook.id)
        outcome = Outcome(tuple(created), tuple(updated), len(surplus))
        if outcome != Outcome():
            log.info("webhooks", **asdict(outcome))
        return outcome

    def _best(self, mine: Sequence[Webhook], resource: str) -> Webhook | None:
        # The fields of a webhook cannot be changed. Of several fitting ones, a good one is best.
        wanted = (resource.lower(), EVENT, "")
        fields = {hook: (hook.resource.lower(), hook.event.lower(), hook.filter) for hook in mine}
        fitting = [hook for hook, its in fields.items() if its == wanted]
        return max(fitting, key=self.is_good, default=None)

    def _fields(self, resource: str) -> dict[str, str]:
        return {"name": self._prefix + resource, "targetUrl": self._target, "secret": self._secret}

    def _repair(self, hook: Webhook, resource: str, *, always: bool) -> bool:
        good, mended = self.is_good(hook), keys.webhook_repaired(hook.id)
        if not always and (good or self._redis.exists(mended)):
            return False
        self._webex.update_webhook(hook.id, **self._fields(resource), status="active")
        self._redis.sadd(keys.webhooks_ours(), hook.id)
        if not good:
            self._redis.set(mended, "1", ex=BACK_OFF_S)
        return True
