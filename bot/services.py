"""Container of the parts that a process of the bot needs, built once before the first event."""

import hashlib
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from redis import Redis

from bot.queue import CardQueue, Doorbell, EventQueue
from bot.settings import BotSettings
from bot.webex.client import Messenger, Webex, WebexPerson
from bot.webex.errors import HURRIED
from jobs.clouds.clock_skew import METER
from jobs.redact import SHORTEST_KNOWN
from jobs.runs.run import Event
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime
from jobs.settings import Settings
from jobs.storage import codec, keys
from jobs.storage.locks import LockKind
from jobs.storage.vault import Vault
from jobs.watch.store import Watching

ME_S = 3600
"""Seconds after which the bot's own account is requested from Webex again."""
KNOWN_S = 30 * 86_400
"""Seconds for which the bot's last known account is kept for the pages in a browser."""


@dataclass(frozen=True, kw_only=True)
class Services(Runtime):
    """Parts of the jobs and of the conversation; none makes a network request before it is used."""

    bot: BotSettings
    redis: Redis
    webex: Webex
    events: EventQueue
    runs: Doorbell
    cards: CardQueue
    messenger: Messenger
    """Webex itself, or the outbox of the event that is being handled."""
    account: dict[str, tuple[WebexPerson, float]] = field(default_factory=dict)
    """Bot's own account, and until when it counts by ``time.monotonic``; the jobs share it."""

    @classmethod
    def of(cls, bot: BotSettings, settings: Settings, redis: Redis) -> Self:
        METER.redis = redis
        cards = CardQueue(redis, LockKind.DRAW)
        webex = Webex(bot.webex_access_token, bot.webex_api_url, HURRIED)
        return cls(
            settings=settings,
            store=RunStore(redis, settings.encryption_keys),
            vault=Vault(redis, settings.encryption_keys),
            listener=cards.request,
            bot=bot,
            redis=redis,
            webex=webex,
            messenger=webex,
            events=EventQueue(redis),
            runs=Doorbell(redis, LockKind.RUN),
            cards=cards,
        )

    @property
    def own_secrets(self) -> tuple[str, ...]:
        """Return every secret of the settings, to be removed from each file that people get.

        A secret of less than 8 characters is left out, because it could be part of any word.
        """
        bot, work = self.bot, self.settings
        urls = [urlsplit(url) for url in (work.probe_smtp_url, work.redis_url)]
        held = (
            *(bot.webex_access_token, *bot.webhook_secrets, bot.metrics_token, bot.watch_ping_url),
            *(work.microsoft_client_secret, *work.encryption_keys),
            *(work.contact_center_token, work.connect_audit_token),
            *(read(url.password or "") for url in urls for read in (str, unquote)),
            *(value for url in urls for value in parse_qs(url.query).get("sentinel_password", ())),
        )
        return tuple(secret for secret in held if len(secret) >= SHORTEST_KNOWN)

    @cached_property
    def watching(self) -> Watching:
        return Watching(self.redis, self.store.authenticator, self.bot.watch_space)

    @property
    def me(self) -> WebexPerson:
        """Return the bot's own account, requested from Webex once an hour for all processes.

        It is cached per access token, because another token may be another account.
        """
        known, until = self.account.get("me", (None, 0.0))
        if known is None or time.monotonic() >= until:
            left_s = self.redis.ttl(self._account_key) - (KNOWN_S - ME_S)
            known = self.known_account if left_s > 0 else None
            if known is None:
                known, left_s = self.webex.me(), ME_S
                self.redis.set(self._account_key, codec.dump(known), ex=KNOWN_S)
            self.account["me"] = known, time.monotonic() + left_s
        return known

    @property
    def known_account(self) -> WebexPerson | None:
        """Return the bot's own account as it was last read, or None, without waiting for Webex."""
        kept = self.redis.get(self._account_key)
        return codec.load(kept, WebexPerson) if isinstance(kept, bytes) else None

    @property
    def _account_key(self) -> keys.Key:
        token = hashlib.sha256(self.bot.webex_access_token.encode()).hexdigest()
        return keys.bot_account(token[:16])

    def carry_on(self, run_id: str, *events: Event) -> None:
        """Add to the run's history, and have a worker carry the run on and draw its cards.

        Raises:
            RunGoneError: The run does not exist.
            RunEndedError: The run has ended.
        """
        if events:
            self.store.append(run_id, *events)
        self.runs.ring(run_id)
        self.cards.request(run_id)
