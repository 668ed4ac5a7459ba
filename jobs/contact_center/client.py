"""One request to a service of Webex: short, and tried again once at most, because a check waits for it."""

from __future__ import annotations

from typing import Any

import httpx

from jobs.clouds.causes import ErrorKind, Meaning
from jobs.clouds.errors import CloudError, CloudReply, RequestIds, error_for
from jobs.clouds.http import Call, async_client, request
from jobs.clouds.json_values import as_dict, parsed, with_low_keys
from jobs.clouds.retry import RetryPolicy
from jobs.settings import Settings

BRIEF = RetryPolicy(attempts=2, total_s=10.0, longest_wait_s=2.0)
_SERVER_ERRORS = 500
_BY_STATUS = {
    401: Meaning("webex_key_refused", ErrorKind.FORBIDDEN),
    403: Meaning("webex_key_refused", ErrorKind.FORBIDDEN),
    404: Meaning("not_found", ErrorKind.NOT_FOUND),
    429: Meaning("webex_busy", ErrorKind.TRANSIENT),
}
_REFUSED = Meaning("webex_refused", ErrorKind.REJECTED)
_AWAY = Meaning("webex_unavailable", ErrorKind.TRANSIENT)


async def ask(settings: Settings, call: Call, policy: RetryPolicy = BRIEF) -> Any:
    """The answer's JSON, None if it has no body.

    Raises:
        CloudError: what came instead; its words are the service's own.
    """
    async with async_client(settings) as http:
        return (await request(http, call, lambda response, ids: judge(call.service, response, ids), policy)).data


def judge(service: str, response: httpx.Response, ids: RequestIds) -> CloudError:
    """An answer of 400 and above: by its status, with the code and the words that stand in it."""
    meaning = _BY_STATUS.get(response.status_code) or (_AWAY if response.status_code >= _SERVER_ERRORS else _REFUSED)
    body = _body(response)
    words = value(body, "description", "message", "error")
    return error_for(meaning, CloudReply(service, response.status_code, value(body, "code", "errorCode"), words, ids))


def value(body: object, *names: str) -> str:
    """The first of these values, whatever the case of its name (facts/connect.md 2.2: key case is mixed); empty if there is none."""
    plain = with_low_keys(body)
    found = (plain.get(name.lower()) for name in names)
    return next((str(each) for each in found if isinstance(each, str | int) and each != ""), "")


def _body(response: httpx.Response) -> object:
    """The object that says what is wrong, also where it stands within ``error``."""
    body = parsed(response.content)
    inner = as_dict(body).get("error")
    return inner if isinstance(inner, dict) else body
