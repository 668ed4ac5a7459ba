"""Cookie that binds an OAuth flow to the browser in which the flow began.

A sign-in link may be forwarded, and so may the address at Microsoft to which the link leads.
Without the cookie, one person could begin a flow and have another finish it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from flask import Request, Response

from bot.settings import BotSettings

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
    """Return a new secret of 256 random bits for a browser."""
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
