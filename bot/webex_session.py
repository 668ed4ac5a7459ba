"""The SDK's HTTP session goes to the Webex API and nowhere else: no redirect is followed, no next page elsewhere (CHECKLIST A7).

The bot's token stands in a header of every request of that session, wherever it goes.
"""

from __future__ import annotations

from typing import Any, NoReturn
from urllib.parse import urlsplit

from requests import PreparedRequest, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL


class Elsewhere(HTTPAdapter):
    """Sends nothing."""

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> NoReturn:
        """Raises InvalidURL, which becomes a :class:`bot.webex_errors.WebexUnreachableError`."""
        raise InvalidURL(f"{urlsplit(request.url or '').hostname} is not the Webex API")


def confine(session: Session, api_url: str) -> None:
    """Let the session reach one origin only; requests takes the adapter with the longest address that fits."""
    parts = urlsplit(api_url)
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, Elsewhere())
    session.mount(f"{parts.scheme}://{parts.netloc}/", HTTPAdapter())
