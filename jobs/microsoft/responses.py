"""Error answers of Microsoft's services as :class:`CloudError` (microsoft.md 3.5 and 7)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import httpx

from jobs.causes.cause import Cause, ErrorKind, Meaning
from jobs.causes.patterns import answer_of
from jobs.clouds.errors import CloudError, RequestIds, error_for
from jobs.clouds.http import Response
from jobs.clouds.json_values import as_dict, dicts_in, parsed, text_of, with_low_keys

_BY_STATUS: dict[int, Meaning] = {
    401: Meaning(Cause.ACCESS_TOKEN_REFUSED, ErrorKind.SIGN_IN_NEEDED),
    403: Meaning(Cause.NOT_ALLOWED, ErrorKind.FORBIDDEN),
    404: Meaning(Cause.NOT_FOUND, ErrorKind.NOT_FOUND),
    409: Meaning(Cause.ALREADY_THERE, ErrorKind.ALREADY_EXISTS),
    408: Meaning(Cause.TIMED_OUT, ErrorKind.TRANSIENT),
    429: Meaning(Cause.THROTTLED, ErrorKind.TRANSIENT),
}
_REJECTED = Meaning(Cause.REQUEST_REJECTED, ErrorKind.REJECTED)
_UNAVAILABLE = Meaning(Cause.SERVICE_UNAVAILABLE, ErrorKind.TRANSIENT)
_UNREADABLE = Meaning(Cause.ANSWER_UNREADABLE, ErrorKind.MALFORMED)
#: Exchange's meaning: no grant at all is 401, an app grant without a role is 403 (microsoft.md
#: 3.3, live).
_EXCHANGE_BY_STATUS: dict[int, Meaning] = {
    401: Meaning(Cause.EXCHANGE_CONSENT_MISSING, ErrorKind.SIGN_IN_NEEDED),
    403: Meaning(Cause.EXCHANGE_ROLE_MISSING, ErrorKind.FORBIDDEN),
}
_SERVER_ERRORS = 500


def by_status(status: int) -> Meaning:
    """Return the meaning of an HTTP status, for an answer whose body does not explain it."""
    return _BY_STATUS.get(status, _UNAVAILABLE if status >= _SERVER_ERRORS else _REJECTED)


def _unexplained(status: int, error: dict[str, Any]) -> Meaning:
    """Return the meaning by the status; a 404 without an ``error`` comes from a gateway."""
    return by_status(status) if error or status != httpx.codes.NOT_FOUND else _UNREADABLE


def error_body(response: httpx.Response) -> dict[str, Any]:
    """Return the ``error`` object of an answer, or an empty one for HTML or NUL bytes."""
    body = as_dict(parsed(response.content))
    error = as_dict(body.get("error") or body.get("odata.error"))
    words = error.get("message")  # OData's older form nests the message in an object
    return error | {"message": words.get("value")} if isinstance(words, dict) else error


def judge_graph(response: httpx.Response, ids: RequestIds) -> CloudError:
    """Return Graph's error: a known code or phrase precedes the status, except at 429 and 5xx."""
    error = error_body(response)
    code, message = text_of(error, "code"), text_of(error, "message")
    meaning = _unexplained(response.status_code, error)
    if meaning.kind is not ErrorKind.TRANSIENT:
        meaning = answer_of("graph", code, message) or meaning
    inner = as_dict(error.get("innerError") or error.get("innererror"))
    ids = replace(
        ids,
        request_id=ids.request_id or text_of(inner, "request-id"),
        timestamp=text_of(inner, "date"),
    )
    return error_for(meaning, "graph", response.status_code, code, message, ids)


_EXCEPTION = re.compile(r"^(?:Ex[0-9A-F]+)?\|(?P<type>[\w.]+)\|", re.IGNORECASE)
_PLAIN_TEXT = re.compile(r"[^\x00<{][^\x00]*")
"""Pattern of a body that is plain text: no JSON, no HTML page, and no NUL bytes."""


def judge_exchange(response: httpx.Response, ids: RequestIds) -> CloudError:
    """Return the error for an error answer of InvokeCommand.

    Its ``message`` is always generic; the useful text is in ``internalexception`` or ``details``. A
    cmdlet's own exception takes precedence over the status, because "not found" was captured under
    a 500's code. A 403 has a body of NUL bytes, both for a missing role and for an unknown cmdlet.
    Some answers are plain text, and the header ``X-ExceptionType`` names the exception.
    """
    error = error_body(response)
    kind, message = _exchange_words(error)
    kind = kind or response.headers.get("x-exceptiontype", "")
    if not message and not error:
        told = parsed(response.content)  # plain text, or a JSON string
        text = told if isinstance(told, str) else response.text.strip()
        message = text if _PLAIN_TEXT.fullmatch(text) else ""
    status = response.status_code
    told = status != httpx.codes.TOO_MANY_REQUESTS and answer_of("exchange", kind, message)
    meaning = told or _EXCHANGE_BY_STATUS.get(status) or _unexplained(status, error)
    code = kind.rpartition(".")[2] or str(error.get("code", ""))
    return error_for(meaning, "exchange", response.status_code, code, message, ids)


def judge_reported_errors(answer: Response) -> CloudError | None:
    """Return the error of a cmdlet that failed in an answer with a 2xx status, or None.

    Microsoft's own module takes each of the answer's ``@adminapi.errors``, which is a list of
    texts, as a failure of the cmdlet.
    """
    errors = as_dict(answer.data).get("@adminapi.errors")
    listed = filter(None, errors if isinstance(errors, list) else [errors])
    plain = (each if isinstance(each, str) else json.dumps(each) for each in listed)
    texts = [_split(_unwrapped(each)) for each in plain]
    if not texts:
        return None
    kind, _ = texts[0]
    message = "; ".join(words for _, words in texts)
    meaning = answer_of("exchange", kind, message) or _REJECTED
    code = kind.rpartition(".")[2]
    return error_for(meaning, "exchange", answer.status, code, message, answer.ids)


def _exchange_words(error: dict[str, Any]) -> tuple[str, str]:
    internal = as_dict(as_dict(error.get("innererror")).get("internalexception"))
    if internal.get("message"):
        return str(internal.get("type", "")), str(internal["message"])
    detail = next(iter(dicts_in(error.get("details"))), {})
    kind, message = _split(_unwrapped(text_of(detail, "message")))
    return kind, message or text_of(error, "message")


def _unwrapped(text: str) -> str:
    inner = with_low_keys(parsed(text)) if text.startswith("{") else {}
    return text_of(inner, "message") or text


def _split(text: str) -> tuple[str, str]:
    found = _EXCEPTION.match(text)
    return (found["type"] if found else ""), _EXCEPTION.sub("", text)
