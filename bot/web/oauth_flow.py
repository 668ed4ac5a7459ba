"""Values of an OAuth flow with Microsoft, and the browser to which it belongs.

The web process has a few threads (:data:`bot.web.app.THREADS`). Webex disables a webhook that is
answered late (platforms/webex.md 1), so pages that wait for Microsoft must not take all of them.

A state is 256 random bits, is stored encrypted with everything the flow needs, is used only once,
and expires after ten minutes.

A cookie binds a flow to the browser in which it began. A sign-in link may be forwarded, and so may
the address at Microsoft to which the link leads. Without the cookie, one person could begin a flow
and have another finish it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any

from flask import Request, Response, abort, request

from bot import links
from bot.services import Services
from bot.settings import BotSettings
from bot.web.pages import plain, web_services
from jobs.runs.run import Event
from jobs.storage import codec
from jobs.storage.vault import Sealed, VaultName

HOST_COOKIE = "__Host-sign-in"
"""Name of the cookie for https.

Browsers accept a cookie with this prefix only from this very host over https (RFC 6265bis 4.1.3).
"""
LOOPBACK_COOKIE = "sign-in"
"""Name of the cookie for plain http, which ``PUBLIC_URL`` may use only on this machine.

Chromium and Firefox accept a Secure cookie from http://localhost. Other clients, such as Safari, do
not.
"""
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def _is_https(settings: BotSettings) -> bool:
    return settings.public_url.startswith("https://")


def cookie_name(settings: BotSettings) -> str:
    return HOST_COOKIE if _is_https(settings) else LOOPBACK_COOKIE


def read_browser(settings: BotSettings, request: Request) -> str:
    value = request.cookies.get(cookie_name(settings), "")
    return value if _VALUE.fullmatch(value) else ""


def new_browser() -> str:
    return secrets.token_urlsafe(32)


def remember_browser(settings: BotSettings, response: Response, browser: str) -> Response:
    """Add the cookie to a response; the browser drops it when it is closed."""
    response.set_cookie(
        cookie_name(settings),
        browser,
        path="/",
        secure=_is_https(settings),
        httponly=True,
        samesite="Lax",
    )
    return response


FORM = "form"
"""Field of a page's form that holds the form's token."""


def ticket_of(kind: str, token: str) -> links.PageToken:
    """Return the purpose of a link, or end the request with a page that says it is unknown."""
    ticket = links.read(web_services(), kind, token)
    if ticket is None:
        abort(plain("unknown", status=HTTPStatus.NOT_FOUND))
    return ticket


def pressing_browser() -> str:
    """Return the browser that has pressed a page's button, or end the request with a refusal.

    The form's token proves that the person saw the page: another site cannot press the button.
    """
    browser = read_browser(web_services().bot, request)
    if not is_form_token(request.form.get(FORM, ""), browser, request.path):
        abort(plain("no_cookie", status=HTTPStatus.FORBIDDEN))
    return browser


def form_token(browser: str, link: str) -> str:
    """Return the token of a page's form.

    Another site cannot know it, because it depends on the cookie. So another site cannot press the
    button in a person's browser (OWASP ASVS 5.0, 3.5.1).
    """
    return hmac.new(browser.encode(), link.encode(), hashlib.sha256).hexdigest()


def is_form_token(given: str, browser: str, link: str) -> bool:
    return browser != "" and hmac.compare_digest(given.encode(), form_token(browser, link).encode())


def fingerprint(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest() if browser else ""


def is_browser_of(known: str, browser: str) -> bool:
    return known != "" and hmac.compare_digest(known.encode(), fingerprint(browser).encode())


SLOTS = 3
PRESS_READ_S = 5.0
"""Longest pause between two bytes of the discovery document after a press, in seconds."""
CALLBACK_READ_S = 10.0
"""Longest pause between two bytes at the callback, which redeems a code, in seconds."""
_slots = BoundedSemaphore(SLOTS)


@contextmanager
def microsoft_slot() -> Iterator[bool]:
    """Hold one of the slots within the context, which gets False at once if all are taken."""
    got = _slots.acquire(blocking=False)
    try:
        yield got
    finally:
        if got:
            _slots.release()


LIFE_S = 600


@dataclass(frozen=True, slots=True)
class Flow:
    """Meaning of a state: the kind of flow, the run, and MSAL's flow as JSON.

    MSAL's flow contains the PKCE verifier and the nonce. ``browser`` is the fingerprint of the
    browser in which the flow began (:mod:`bot.web.oauth_flow`). An empty one fits no browser.
    """

    kind: str
    run: str
    flow: str = field(default="", repr=False)
    browser: str = field(default="", repr=False)

    @property
    def msal(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.flow)
        return loaded


def new_state() -> str:
    """Return a state that cannot be guessed (checklist.toml O1)."""
    return secrets.token_urlsafe(32)


def save(services: Services, state: str, flow: Flow) -> None:
    services.vault.put(Sealed.OAUTH_FLOW.of(state), codec.dump(flow).decode(), LIFE_S)


def read(services: Services, state: str) -> Flow | None:
    """Return the flow without using up its state, or None for an unknown or used state."""
    sealed = services.vault.get(Sealed.OAUTH_FLOW.of(state)) if state else None
    return codec.load(sealed, Flow) if sealed else None


def pop(services: Services, state: str) -> Flow | None:
    """Return the flow for the first callback.

    The result is None for a second callback and for an unknown state.
    """
    sealed = services.vault.take(Sealed.OAUTH_FLOW.of(state)) if state else None
    return codec.load(sealed, Flow) if sealed else None


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """Result of a callback: the event and account that the page names, or the next flow.

    ``then`` is the kind of the next flow, or an empty string. ``page`` names the page to show, or is
    empty for the flow's own. ``sealed`` are the values that the vault keeps with the event, each
    with its name and lifetime in seconds.
    """

    event: Event | None = None
    account: str = ""
    then: str = ""
    page: str = ""
    sealed: tuple[tuple[VaultName, str, int], ...] = field(default=(), repr=False)
