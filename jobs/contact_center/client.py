"""Client for single requests to Webex services, such as the contact center.

A request is short and retried at most once, because a check waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx

from jobs.causes.cause import Cause
from jobs.causes.meaning import ErrorKind, Meaning
from jobs.clouds.errors import CloudError, CloudReply, RequestIds, error_for, unreadable
from jobs.clouds.http import Call, async_client, request
from jobs.clouds.json_values import as_dict, dicts_in, parsed, with_low_keys
from jobs.clouds.retry import RetryPolicy
from jobs.settings import Settings

Params = Mapping[str, str]
BRIEF = RetryPolicy(attempts=2, total_s=10.0, longest_wait_s=2.0)
MOST_PAGES = 5
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
    """Return the answer's JSON, or None if it has no body."""
    async with async_client(settings) as http:
        return (await request(http, call, partial(judge, call.service), policy)).data


async def read(
    settings: Settings, path: str, params: Params | None = None, body: dict[str, Any] | None = None
) -> Any:
    """Return the contact center's answer for a path; a request with a body is a POST."""
    headers = {"Authorization": f"Bearer {settings.contact_center_token}"}
    url, method = settings.contact_center_url + path, "POST" if body else "GET"
    call = Call("contact-center", method, url, params or {}, headers, body, repeatable=True)
    return await ask(settings, call)


async def read_pages(
    settings: Settings, path: str, params: Params, size: int, body: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for page in range(MOST_PAGES):
        of_page = {**params, "page": str(page), "pageSize": str(size)}
        rows = rows_in(await read(settings, path, of_page, body))
        found += rows
        if len(rows) < size:
            break
    return found


def is_cut(rows: Sequence[object], size: int) -> bool:
    return len(rows) >= MOST_PAGES * size


def rows_in(body: object, name: str = "data", service: str = "contact-center") -> list[Any]:
    """Return the objects of a list, which may be the answer itself or its field ``name``.

    Raises:
        MalformedAnswer: the answer has no list.
    """
    rows = body.get(name) if isinstance(body, dict) else body
    if not isinstance(rows, list):
        said = value(body, "code"), value(body, "description", "message") or "no list"
        raise unreadable(service, " ".join(filter(None, said)), 200)
    return dicts_in(rows)


def in_organization(settings: Settings, path: str = "") -> str:
    own = f"/organization/{quote(settings.contact_center_org, safe='')}"
    return f"{own}/{path}" if path else own


async def organization_id(settings: Settings) -> str:
    """Return the id of the organization that CONTACT_CENTER_ORG_ID names; '' if there is none.

    A token that was copied from a browser may silently belong to another organization, and then
    the answers are empty instead of wrong (platforms/connect.md 3.4).
    """
    return value(await read(settings, in_organization(settings)), "id", "organizationId")


def judge(service: str, response: httpx.Response, ids: RequestIds) -> CloudError:
    """Return the error for an answer of 400 and above, with the answer's code and text."""
    meaning = _BY_STATUS.get(response.status_code) or (
        _AWAY if response.status_code >= _SERVER_ERRORS else _REFUSED
    )
    body = parsed(response.content)
    inner = as_dict(body).get("error")
    told = inner if isinstance(inner, dict) else body
    code, words = value(told, "code", "errorCode"), value(told, "description", "message", "error")
    return error_for(meaning, CloudReply(service, response.status_code, code, words, ids))


def value(body: object, *names: str) -> str:
    """Return the first value of these names, whose case varies (platforms/connect.md 2.2)."""
    plain = with_low_keys(body)
    found = (plain.get(name.lower()) for name in names)
    return next((str(each) for each in found if isinstance(each, str | int) and each != ""), "")
