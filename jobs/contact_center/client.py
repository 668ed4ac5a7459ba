"""Client for a single request to a Webex service.

The request is short and retried at most once, because a check waits for it.
"""

from __future__ import annotations

from typing import Any

import httpx

from jobs.causes.cause import Cause
from jobs.causes.meaning import ErrorKind, Meaning
from jobs.clouds.errors import CloudError, CloudReply, RequestIds, error_for
from jobs.clouds.http import Call, async_client, request
from jobs.clouds.json_values import as_dict, parsed, with_low_keys
from jobs.clouds.retry import RetryPolicy
from jobs.settings import Settings

BRIEF = RetryPolicy(attempts=2, total_s=10.0, longest_wait_s=2.0)
_SERVER_ERRORS = 500
_BY_STATUS = {
    401: Meaning(Cause.WEBEX_KEY_REFUSED, ErrorKind.FORBIDDEN),
    403: Meaning(Cause.WEBEX_KEY_REFUSED, ErrorKind.FORBIDDEN),
    404: Meaning(Cause.NOT_FOUND, ErrorKind.NOT_FOUND),
    429: Meaning(Cause.WEBEX_BUSY, ErrorKind.TRANSIENT),
}
_REFUSED = Meaning(Cause.WEBEX_REFUSED, ErrorKind.REJECTED)
_AWAY = Meaning(Cause.WEBEX_UNAVAILABLE, ErrorKind.TRANSIENT)


async def ask(settings: Settings, call: Call, policy: RetryPolicy = BRIEF) -> Any:
    """Return the answer's JSON, or None if it has no body.

    Raises:
        CloudError: when the request fails; the text is the service's own.
    """
    async with async_client(settings) as http:
        return (
            await request(
                http, call, lambda response, ids: judge(call.service, response, ids), policy
            )
        ).data


def judge(service: str, response: httpx.Response, ids: RequestIds) -> CloudError:
    """Return the error for an answer of 400 and above, chosen by its status.

    It carries the code and the text from the answer.
    """
    meaning = _BY_STATUS.get(response.status_code) or (
        _AWAY if response.status_code >= _SERVER_ERRORS else _REFUSED
    )
    body = _body(response)
    words = value(body, "description", "message", "error")
    return error_for(
        meaning,
        CloudReply(service, response.status_code, value(body, "code", "errorCode"), words, ids),
    )


def value(body: object, *names: str) -> str:
    """Return the first non-empty value of these names, ignoring case; empty if none has one.

    The case of the keys varies (platforms/connect.md 2.2).
    """
    plain = with_low_keys(body)
    found = (plain.get(name.lower()) for name in names)
    return next((str(each) for each in found if isinstance(each, str | int) and each != ""), "")


def _body(response: httpx.Response) -> object:
    """Return the object that describes the error, even if it is inside ``error``."""
    body = parsed(response.content)
    inner = as_dict(body).get("error")
    return inner if isinstance(inner, dict) else body
