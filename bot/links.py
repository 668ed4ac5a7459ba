"""Links to the bot's own pages.

A link is a long random name without meaning. It is stored as a hash and has one purpose in one run.
The purpose is sealed under that hash, so nobody who can write to Redis can make a link.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.services import Services
from jobs.clock import now
from jobs.storage import codec
from jobs.storage.vault import Sealed, VaultName

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
    """Purpose of a link."""

    kind: str
    run: str
    until: datetime

    @property
    def is_expired(self) -> bool:
        """Return whether the link has expired."""
        return now() > self.until


@dataclass(frozen=True, slots=True)
class Link:
    """Link to hand out, and the time until which it is valid."""

    url: str
    until: datetime


def link(services: Services, kind: str, run_id: str) -> Link:
    """Return the run's link of this kind.

    The link stays the same until it expires, so that a redrawn card does not change.
    """
    token = services.vault.get(Sealed.PAGE_TOKEN.of(kind, run_id))
    ticket = read(services, kind, token) if token else None
    if token is None or ticket is None or ticket.is_expired:
        token, ticket = secrets.token_urlsafe(32), PageToken(kind, run_id, now() + LIFE[kind])
        services.vault.put(
            Sealed.PAGE_TOKEN.of(kind, run_id), token, int(LIFE[kind].total_seconds())
        )
        services.vault.put(
            _name(token), codec.dump(ticket).decode(), int(REMEMBERED.total_seconds())
        )
    return Link(f"{services.bot.public_url}/{kind}/{token}", ticket.until)


def read(services: Services, kind: str, token: str) -> PageToken | None:
    """Return the purpose of a token, or None if it is unknown or has another purpose."""
    sealed = services.vault.get(_name(token))
    ticket = codec.load(sealed, PageToken) if sealed else None
    return ticket if ticket and ticket.kind == kind else None


def drop(services: Services, kind: str, run_id: str) -> None:
    """Invalidate the run's link of this kind after use."""
    services.vault.drop(Sealed.PAGE_TOKEN.of(kind, run_id))


def _name(token: str) -> VaultName:
    return Sealed.PAGE.of(hashlib.sha256(token.encode()).hexdigest())
