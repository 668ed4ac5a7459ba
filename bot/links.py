"""Links to the bot's own pages: long random names that say nothing, kept as hashes, each for one purpose of one run."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.services import Services
from jobs.clock import now
from jobs.storage import codec, keys
from jobs.storage.keys import Key
from jobs.storage.vault import Sealed

LIFE = {
    "signin": timedelta(hours=24),
    "access": timedelta(hours=24),
    "consent": timedelta(hours=24),
    "rehearsal": timedelta(hours=24),
    "handover": timedelta(minutes=15),
}
REMEMBERED = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class PageToken:
    """What a link is for."""

    kind: str
    run: str
    until: datetime

    @property
    def is_expired(self) -> bool:
        """Whether its time is up."""
        return now() > self.until


@dataclass(frozen=True, slots=True)
class Link:
    """A link to give away, and until when it is good."""

    url: str
    until: datetime


def link(services: Services, kind: str, run_id: str) -> Link:
    """The run's link of that kind; the same until its time is up, so that a card that is drawn again stays as it is."""
    token = services.vault.get(Sealed.PAGE_TOKEN.of(kind, run_id))
    ticket = read(services, kind, token) if token else None
    if token is None or ticket is None or ticket.is_expired:
        token, ticket = secrets.token_urlsafe(32), PageToken(kind, run_id, now() + LIFE[kind])
        services.vault.put(Sealed.PAGE_TOKEN.of(kind, run_id), token, int(LIFE[kind].total_seconds()))
        services.redis.set(_key(token), codec.dump(ticket), ex=int(REMEMBERED.total_seconds()))
    return Link(f"{services.bot.public_url}/{kind}/{token}", ticket.until)


def read(services: Services, kind: str, token: str) -> PageToken | None:
    """What a token is for; None where it was never given out, or for something else."""
    raw = services.redis.get(_key(token))
    ticket = codec.load(raw, PageToken) if isinstance(raw, bytes) else None
    return ticket if ticket and ticket.kind == kind else None


def drop(services: Services, kind: str, run_id: str) -> None:
    """The link is used up."""
    services.vault.drop(Sealed.PAGE_TOKEN.of(kind, run_id))


def _key(token: str) -> Key:
    return keys.page_token(hashlib.sha256(token.encode()).hexdigest())
