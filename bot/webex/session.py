"""The SDK's HTTP session goes to the Webex API and nowhere else: no redirect is followed, no next page elsewhere (CHECKLIST A7).

The bot's token stands in a header of every request of that session, wherever it goes.
"""

from __future__ import annotations

import os
import time
from math import ceil
from typing import Any, NoReturn
from urllib.parse import SplitResult, urljoin, urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL
from webexteamssdk import WebexTeamsAPI

from bot.webex import deadline
from bot.webex.deadline import TimedBody
from bot.webex.errors import retry_after_s
from jobs.settings import LOOPBACK

TIMEOUT_S = 12
"""The longest pause between two bytes; :mod:`bot.webex.deadline` has the longest time for all of them."""
PORTS = {"https": 443, "http": 80}


class ApiSession:
    """The bot's account by its token. Safe to make before a fork: the HTTP session is made in the process that uses it."""

    def __init__(self, access_token: str, api_url: str) -> None:
        self.api_url = api_url
        self._access_token = access_token
        self._made: tuple[int, WebexTeamsAPI] | None = None

    @property
    def api(self) -> WebexTeamsAPI:
        """The SDK, with its own waiting switched off."""
        if self._made is None or self._made[0] != os.getpid():
            api = WebexTeamsAPI(self._access_token, self.api_url, single_request_timeout=TIMEOUT_S, wait_on_rate_limit=False)
            session: Session = api._session._req_session  # noqa: SLF001  the SDK's session has no public name
            _trust(session)
            restrict_to_origin(session, self.api_url)
            self._made = (os.getpid(), api)
        return self._made[1]


class BlockedAdapter(HTTPAdapter):
    """Sends nothing."""

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> NoReturn:
        """Raises InvalidURL, which becomes a :class:`bot.webex.errors.WebexUnreachableError`."""
        raise InvalidURL(f"{urlsplit(request.url or '').hostname} is not the Webex API")


class ApiAdapter(HTTPAdapter):
    """The Webex API. Two headers of its answers are put right before the SDK stumbles over them.

    SDK 1.6.1 takes no relative address of a next page, and raises a bare ValueError for a 429 whose Retry-After is no whole number,
    such as ``rand(30),add(30)`` (facts/webex.md 4).
    """

    def __init__(self, api_url: str) -> None:
        super().__init__()
        self._api_url = api_url

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """The answer, with a next page at our own origin where it names this API, and a Retry-After that is a number.

        Its body is read against the clock that starts here, by whoever reads it.
        """
        end = time.monotonic() + deadline.TOTAL_S
        answer = super().send(request, *args, **kwargs)
        answer.raw = TimedBody(answer.raw, end)
        following = answer.links.get("next", {}).get("url", "")
        if following and (address := own_url(following, self._api_url, beside=request.url)):
            answer.headers["Link"] = f'<{address}>; rel="next"'
        wait = answer.headers.get("Retry-After")
        if wait is not None and not wait.isdecimal():
            answer.headers["Retry-After"] = str(ceil(retry_after_s(wait)))
        return answer


def restrict_to_origin(session: Session, api_url: str) -> None:
    """Let the session reach one origin only; requests takes the adapter with the longest address that fits."""
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, BlockedAdapter())
    session.mount(f"{_origin(urlsplit(api_url))}/", ApiAdapter(api_url))


def own_url(url: str, api_url: str, *, beside: str | None = None) -> str:
    """The address with our own origin in front, where it names the API by any of its names; else nothing.

    A cloud on this machine may call itself by another loopback name than we do, and any may write its default port out.
    A relative address is one beside another, or else beside the API's own.
    """
    try:
        ours, theirs = urlsplit(api_url), urlsplit(urljoin(beside or api_url, url))
        same = _place(ours) == _place(theirs)
    except ValueError:  # no port, or no address at all
        return ""
    return theirs._replace(scheme=ours.scheme, netloc=ours.netloc, fragment="").geturl() if same else ""


def _place(parts: SplitResult) -> tuple[str, str, int | None]:
    host = parts.hostname or ""
    return parts.scheme, "localhost" if host in LOOPBACK else host, parts.port or PORTS.get(parts.scheme)


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


def _trust(session: Session) -> None:
    """Trust SSL_CERT_FILE as all our other clients do; requests by itself knows only the other two."""
    authority = os.environ.get("SSL_CERT_FILE")
    if authority and not any(os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")):
        session.verify = authority
