"""HTTP session of the SDK, restricted to the Webex API, with a deadline.

The session follows no redirect, and no link to a next page elsewhere (checklist.toml A7). The bot's
token is in a header of every request of that session, wherever the request goes.

The timeout of requests limits only the pause between two bytes, which a slowly dripping body never
exceeds. So the clock is read between two reads of the body. ``http.client`` reads the status line,
the headers and the size of a chunk in one call. If these drip, only the timeout between two bytes
applies, and in a worker RQ's own timeout ends the job (:data:`bot.queue.JOB_TIMEOUT_S`).
"""

import os
import time
from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from requests import PreparedRequest, ReadTimeout, Response, Session, TooManyRedirects
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from bot.webex.errors import retry_after_s
from jobs.clouds.calls import measured
from jobs.settings import LOOPBACK

TOTAL_S = 20.0
"""Seconds for one request and its whole answer. The last read may add its own timeout."""
CHUNK = 65_536


class TimedBody:
    """Body of an answer, as requests reads it, of which no read begins after the deadline."""

    def __init__(self, body: HTTPResponse, end: float) -> None:
        self._body, self._end = body, end

    def stream(self, _size: int | None = None, **how: Any) -> Iterator[bytes]:
        """Yield the body in pieces, of the bytes that are available.

        Raises:
            requests.ReadTimeout: The body was not complete in time. Do not use the part that was
                read, because without a length it looks complete.
        """
        while piece := self._body.read1(CHUNK, **how):
            if time.monotonic() > self._end:
                self._body.close()
                raise ReadTimeout(f"no whole answer in {TOTAL_S:g} seconds")
            yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


if TYPE_CHECKING:
    from webexteamssdk import WebexTeamsAPI

TIMEOUT_S = 12
"""Longest pause between two bytes, in seconds."""


def open_api(access_token: str, api_url: str) -> "WebexTeamsAPI":
    """Return the SDK for the bot's account, with its own waiting disabled.

    Its connections belong to one process, so it is not opened before a fork.
    """
    from webexteamssdk import WebexTeamsAPI  # noqa: PLC0415  imported at the first call

    api = WebexTeamsAPI(
        access_token, api_url, single_request_timeout=TIMEOUT_S, wait_on_rate_limit=False
    )
    session: Session = api._session._req_session  # noqa: SLF001  the SDK has no public name
    session.verify = os.environ.get("SSL_CERT_FILE") or True  # unknown to requests itself
    # requests would read the proxies, the other variables and .netrc for each request
    found = session.merge_environment_settings(api_url, {}, None, None, None)
    session.trust_env, session.verify = False, found["verify"]
    session.proxies = dict(found["proxies"])
    session.max_redirects = 0
    parts = urlsplit(api_url)
    session.adapters.clear()  # so that requests refuses every other address (InvalidSchema)
    session.mount(f"{parts.scheme}://{parts.netloc}/", ApiAdapter(api_url))
    return api


class ApiAdapter(HTTPAdapter):
    """Adapter for the Webex API that corrects two response headers that the SDK cannot handle.

    SDK 1.6.1 does not accept a relative address of a next page. It also raises a bare ValueError
    for a 429 whose Retry-After is not a whole number, such as ``rand(30),add(30)`` (webex.md 4).
    """

    def __init__(self, api_url: str) -> None:
        super().__init__()
        self._api_url = api_url

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        # The deadline for reading the body starts here.
        began = time.monotonic()
        with measured("webex") as noted:
            answer = super().send(request, *args, **kwargs)
            noted.answered(answer.status_code, answer.headers)
        answer.raw = TimedBody(answer.raw, began + TOTAL_S)
        following = answer.links.get("next", {}).get("url", "")
        if following and (address := own_url(following, self._api_url, beside=request.url)):
            if address == request.url:  # and so on without an end
                answer.close()
                raise TooManyRedirects("the next page is the same page")
            answer.headers["Link"] = f'<{address}>; rel="next"'
        wait = answer.headers.get("Retry-After")
        if wait is not None and not wait.isdecimal():
            answer.headers["Retry-After"] = str(ceil(retry_after_s(wait)))
        return answer


def own_url(url: str, api_url: str, *, beside: str | None = None) -> str:
    """Return the URL with the API's own origin if it refers to the API; otherwise an empty string.

    It may have another loopback name, or the default port. A relative URL is resolved against
    ``beside``, or else against the API's URL.
    """
    try:
        ours, theirs = urlsplit(api_url), urlsplit(urljoin(beside or api_url, url))
        same = _place(ours) == _place(theirs)
    except ValueError:  # invalid port or address
        return ""
    own = theirs._replace(scheme=ours.scheme, netloc=ours.netloc, fragment="")
    return own.geturl() if same else ""


def _place(parts: SplitResult) -> tuple[str, str, int | None]:
    host = "localhost" if parts.hostname in LOOPBACK else parts.hostname or ""
    return parts.scheme, host, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
