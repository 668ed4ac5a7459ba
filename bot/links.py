"""Links to the bot's own pages.

A link is a long random name without meaning. It is stored as a hash and has one purpose in one run.
The purpose is sealed under that hash, so nobody who can write to Redis can make a link.
"""

import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.services import Services
from bot.webex.errors import WebexError
from jobs.clock import now
from jobs.runs.run import RunGoneError
from jobs.storage import codec
from jobs.storage.vault import Sealed, VaultName

LIFE = {
    **dict.fromkeys(("signin", "access", "consent", "rehearsal", "history"), timedelta(hours=24)),
    "handover": timedelta(minutes=15),
}
REMEMBERED_S = 180 * 24 * 3600
"""Seconds for which an expired link is known, so that its card gets a new one."""
NEVER = datetime.min.replace(tzinfo=UTC)
OPEN_FOR = timedelta(hours=1)
"""Time for which the browser that opened a one-time link may read its page."""


@dataclass(frozen=True, slots=True)
class Link:
    """Link to a page of a run, until it expires. A link to a history has an address as ``run``.

    ``asker`` is the name of the person who asked for the run, and ``space`` the title of its space,
    kept so that the page needs no network call. Both are empty if Webex did not answer. ``browser``
    is the fingerprint of the browser that has opened a one-time link, and may read it ``until``
    then, or empty.
    """

    url: str = ""  # which is not kept, but follows from the token
    until: datetime = NEVER
    kind: str = ""
    run: str = ""
    asker: str = ""
    space: str = ""
    browser: str = ""

    @property
    def is_expired(self) -> bool:
        return now() > self.until


def link(services: Services, kind: str, run_id: str) -> Link:
    """Return the run's link to a page, which stays the same until it expires, as its card does."""
    place, kept = Sealed.PAGE_TOKEN.of(kind, run_id), current(services, kind, run_id)
    if kept and not kept.is_expired:
        return kept
    asker = space = ""
    with suppress(RunGoneError):
        if kind != "handover":
            run, webex = services.store.load(run_id), services.webex
            with ThreadPoolExecutor(2, "names") as pool:
                person = pool.submit(webex.person, run.requester.id)
                title = pool.submit(webex.room_title, run.origin.room)
            with suppress(WebexError):
                asker = person.result().display_name
            with suppress(WebexError):
                space = "" if run.origin.direct else title.result()
    made = one_time(services, kind, run_id, asker, space)
    services.vault.put(place, made.url.rpartition("/")[2], int(LIFE[kind].total_seconds()))
    return made


def one_time(services: Services, kind: str, about: str, asker: str = "", space: str = "") -> Link:
    """Return a new link, which :func:`open_once` may bind to one browser."""
    token = secrets.token_urlsafe(32)
    made = Link("", now() + LIFE[kind], kind, about, asker, space)
    _keep(services, token, made)
    return replace(made, url=f"{services.bot.public_url}/{kind}/{token}")


def open_once(services: Services, kind: str, token: str, browser: str) -> bool:
    """Bind a one-time link to a browser's fingerprint; return whether this browser was the first.

    If several browsers open the link at the same time, only one of them gets its page (GETDEL).
    """
    sealed = services.vault.take(_name(token))
    if sealed is None:
        return False
    ticket = codec.load(sealed, Link)
    first = ticket.kind == kind and not ticket.browser and not ticket.is_expired
    bound = replace(ticket, browser=browser, until=now() + OPEN_FOR) if first else ticket
    _keep(services, token, bound)
    return first


def _keep(services: Services, token: str, ticket: Link) -> None:
    services.vault.put(_name(token), codec.dump(ticket).decode(), REMEMBERED_S)


def read(services: Services, kind: str, token: str) -> Link | None:
    sealed = services.vault.get(_name(token))
    ticket = codec.load(sealed, Link) if sealed else None
    url = f"{services.bot.public_url}/{kind}/{token}"
    return replace(ticket, url=url) if ticket and ticket.kind == kind else None


def current(services: Services, kind: str, run_id: str) -> Link | None:
    """Return the run's newest link to a page, which may have expired."""
    return read(services, kind, services.vault.get(Sealed.PAGE_TOKEN.of(kind, run_id)) or "")


def drop(services: Services, kind: str, run_id: str) -> None:
    services.vault.drop(Sealed.PAGE_TOKEN.of(kind, run_id))


def _name(token: str) -> VaultName:
    return Sealed.PAGE.of(hashlib.sha256(token.encode()).hexdigest())
