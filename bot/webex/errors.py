"""Errors of calls to Webex, each as an exception class of the bot (facts/webex.md 4 and 5)."""

from __future__ import annotations

from json import JSONDecodeError
from typing import TYPE_CHECKING

from requests import ConnectionError as RequestsConnectionError
from requests import ConnectTimeout, RequestException, Response, TooManyRedirects
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from jobs.clouds.retry import parse_retry_after
from jobs.clouds.unconnected import why_unconnected, words_of

if TYPE_CHECKING:
    from webexteamssdk import ApiError

RETRY_AFTER_S = 15.0
"""Seconds to wait after a 429 without a Retry-After or with an invalid one (facts/webex.md 4)."""
BAD_REQUEST = 400
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
"""Statuses of redirects; none is followed, and a redirected call had no effect."""


class WebexError(Exception):
    """Error answer from Webex, or no answer at all.

    Attributes:
        status: The HTTP status; 0 if there was no answer.
        tracking_id: The id that Webex support asks for; empty if there was no answer.
        retry_after: Seconds that Webex asks to wait; None if it does not ask.
        accepted: False if it is certain that the request had no effect.
    """

    status = 0
    tracking_id = ""
    retry_after: float | None = None
    accepted: bool = True


class WebexUnreachableError(WebexError):
    """Missing or incomplete answer. A message that was being sent may or may not be posted."""


class WebexAnswerError(WebexError):
    """Answer with an error status."""

    def __init__(
        self, status: int, message: str, tracking_id: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(
            f"Webex answered {status}: {message or 'no reason given'} (tracking id {tracking_id or 'none'})"
        )
        self.status = status
        self.tracking_id = tracking_id
        self.retry_after = retry_after
        self.accepted = status not in {LOCKED, TOO_MANY_REQUESTS, SERVICE_UNAVAILABLE, *REDIRECTS}


class WebexBadRequestError(WebexAnswerError):
    """Status 400; if a card was to be edited, post a new one instead."""


class WebexUnauthorizedError(WebexAnswerError):
    """Status 401: the bot's access token is wrong or was regenerated."""


class WebexNotFoundError(WebexAnswerError):
    """Status 404 or 410: the object is deleted, does not exist yet, or is hidden from the bot."""


class WebexRateLimitError(WebexAnswerError):
    """Status 429 (rate limit); ``retry_after`` is always set."""


BY_STATUS: dict[int, type[WebexAnswerError]] = {
    400: WebexBadRequestError,
    401: WebexUnauthorizedError,
    404: WebexNotFoundError,
    410: WebexNotFoundError,
    429: WebexRateLimitError,
}


def sdk_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that a call of the SDK may raise; the first call imports the SDK."""
    from webexteamssdk.exceptions import webexteamssdkException  # noqa: PLC0415  see above

    return (
        webexteamssdkException,
        RequestException,
        HTTPError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
        RecursionError,
    )


def translate(error: Exception) -> WebexError:
    from webexteamssdk import ApiError  # noqa: PLC0415  the SDK has raised the error

    if isinstance(error, ApiError):
        return _answered(error)
    if isinstance(error, RequestException | JSONDecodeError):
        return _unanswered(error)
    return WebexUnreachableError(f"Webex's answer could not be read ({type(error).__name__})")


def _answered(error: ApiError) -> WebexAnswerError:
    response: Response = error.response
    tracking_id = str(error.tracking_id or response.headers.get("trackingId", ""))
    header = response.headers.get("Retry-After")
    wait = retry_after_s(header) if header else None
    if response.status_code == TOO_MANY_REQUESTS and wait is None:
        wait = RETRY_AFTER_S
    kind = BY_STATUS.get(response.status_code, WebexAnswerError)
    return kind(
        response.status_code, str(error.message or response.reason or ""), tracking_id, wait
    )


def _unanswered(error: Exception) -> WebexUnreachableError:
    why = words_of(error, "the host of WEBEX_API_URL")
    unreachable = WebexUnreachableError(f"no answer from Webex ({why})")
    unreachable.accepted = not (_never_connected(error) or isinstance(error, TooManyRedirects))
    return unreachable


def _never_connected(error: Exception) -> bool:
    if isinstance(error, ConnectTimeout) or why_unconnected(error, ""):
        return True
    cause = error.args[0] if isinstance(error, RequestsConnectionError) and error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def retry_after_s(header: str) -> float:
    """Return the seconds that a Retry-After asks for, or 15 if it is invalid (facts/webex.md 4)."""
    asked = parse_retry_after(header)
    return RETRY_AFTER_S if asked is None else asked


def passes(error: WebexError) -> bool:
    """Return whether the error may be temporary.

    Temporary errors are a missing answer, a redirect, a locked resource, too many requests, and
    server errors of Webex.
    """
    return (
        error.status in {0, LOCKED, TOO_MANY_REQUESTS, *REDIRECTS} or error.status >= SERVER_ERROR
    )
