"""Errors of calls to Webex as the bot's exceptions (webex.md 4 and 5), and when to try again."""

from collections.abc import Callable
from dataclasses import replace
from json import JSONDecodeError
from typing import TypeVar

import requests
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from jobs.clouds.errors import why_unconnected, words_of
from jobs.clouds.http import Pauses, RetryPolicy, parse_retry_after

RETRY_AFTER_S = 15.0
"""Seconds to wait after a 429 without a Retry-After or with an invalid one (webex.md 4)."""
UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
GONE = 410
LOCKED = 423
TOO_MANY_REQUESTS = 429
SERVICE_UNAVAILABLE = 503
SERVER_ERROR = 500
REDIRECTS = range(300, 400)
"""None is followed, so a redirected call had no effect."""


class WebexError(Exception):
    """Error answer from Webex, or no answer at all.

    Attributes:
        status: The HTTP status; 0 if there was no answer.
        tracking_id: The id that Webex support asks for; empty if there was no answer.
        retry_after: Seconds that Webex asks to wait; None if it does not ask. Always set for 429.
        accepted: False if it is certain that the request had no effect.
        gone: True if the subject of an event does not exist, or is not there yet.
    """

    status = 0
    tracking_id = ""
    retry_after: float | None = None
    accepted: bool = True
    gone: bool = False


class WebexUnreachableError(WebexError):
    """Missing or incomplete answer. A message that was being sent may or may not be posted."""


class WebexAnswerError(WebexError):
    def __init__(
        self, status: int, message: str, tracking_id: str = "", retry_after: float | None = None
    ) -> None:
        why, asked = message or "no reason given", tracking_id or "none"
        super().__init__(f"Webex answered {status}: {why} (tracking id {asked})")
        self.status, self.tracking_id, self.retry_after = status, tracking_id, retry_after
        self.accepted = status not in {LOCKED, TOO_MANY_REQUESTS, SERVICE_UNAVAILABLE, *REDIRECTS}


class WebexBadRequestError(WebexAnswerError):
    """Status 400; if a card was to be edited, post a new one instead."""


class WebexNotFoundError(WebexAnswerError):
    """Status 404 or 410: the object is deleted, does not exist yet, or is hidden from the bot."""


BY_STATUS: dict[int, type[WebexAnswerError]] = {400: WebexBadRequestError}
BY_STATUS |= dict.fromkeys((NOT_FOUND, GONE), WebexNotFoundError)


UNREADABLE = (ValueError, TypeError, AttributeError, AssertionError, LookupError, RecursionError)
"""Errors of the SDK, and of the email package, about an answer that they cannot read."""


def translate(error: Exception) -> WebexError:
    from webexteamssdk import ApiError  # noqa: PLC0415  the SDK has raised the error

    if isinstance(error, ApiError):
        response: requests.Response = error.response
        status, header = response.status_code, response.headers.get("Retry-After")
        unsaid = RETRY_AFTER_S if status == TOO_MANY_REQUESTS else None
        wait = retry_after_s(header) if header else unsaid
        tracking_id = str(error.tracking_id or response.headers.get("trackingId", ""))
        why = str(error.message or response.reason or "")
        return BY_STATUS.get(status, WebexAnswerError)(status, why, tracking_id, wait)
    if isinstance(error, requests.RequestException | JSONDecodeError):
        why = words_of(error, "the host of WEBEX_API_URL")
        unreachable = WebexUnreachableError(f"no answer from Webex ({why})")
        cause = next(iter(error.args), None)
        refused = isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
        unsent = refused or isinstance(error, requests.ConnectTimeout | requests.TooManyRedirects)
        unreachable.accepted = not (unsent or why_unconnected(error, ""))
        return unreachable
    return WebexUnreachableError(f"Webex's answer could not be read ({type(error).__name__})")


def retry_after_s(header: str) -> float:
    """Return the seconds that a Retry-After asks for, or 15 if it is invalid (webex.md 4)."""
    asked = parse_retry_after(header)
    return RETRY_AFTER_S if asked is None else asked


def passes(error: WebexError) -> bool:
    passing = {0, LOCKED, TOO_MANY_REQUESTS, *REDIRECTS}
    return error.status in passing or error.status >= SERVER_ERROR


T = TypeVar("T")
PATIENT = RetryPolicy(attempts=4, shortest_wait_s=0.0, first_pause_s=0.3, jitter_s=1.0)
HURRIED = replace(PATIENT, total_s=3.0, longest_wait_s=3.0)
"""Retry policy for a browser, and for callers that try again, such as cards and events."""
UNCONFIRMED = Pauses((5.0, 60.0, 300.0))
"""Pauses after a post that Webex may have accepted without confirming it, in seconds."""
FRESH = replace(
    HURRIED, attempts=3, total_s=2.5, longest_wait_s=2.5, first_pause_s=0.6, jitter_s=0.1
)
"""Retry policy for an object that was just created and may not exist yet (platforms/webex.md 1)."""


def translated(call: Callable[[], T]) -> T:
    """Return the answer of a call of the SDK.

    Raises:
        WebexError: There is no answer, or none that is good.
    """
    from webexteamssdk.exceptions import webexteamssdkException  # noqa: PLC0415  at the first call

    try:
        return call()
    except (webexteamssdkException, requests.RequestException, HTTPError, *UNREADABLE) as error:
        raise translate(error) from None
