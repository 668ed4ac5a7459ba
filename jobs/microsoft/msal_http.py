"""HTTP client for msal: our httpx client, with errors raised as :class:`CloudError`.

msal would garble errors, and replay 429 and 5xx from memory (microsoft.md 6.3). It insists on
https: if ``MICROSOFT_LOGIN_URL`` is http on a loopback host, the URL is corrected here.

Discovery documents and signing keys are cached for an hour in this process, and not in Redis: a
client secret is sent to the address in a document, which a writer to Redis must not change.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import structlog

from jobs.causes.cause import Cause, ErrorKind, Meaning
from jobs.causes.patterns import patterns
from jobs.causes.reader import most_telling
from jobs.clouds import calls
from jobs.clouds.calls import measured
from jobs.clouds.errors import CloudError, CloudReply, RequestIds, Transient, error_for, unreadable
from jobs.clouds.http import no_answer
from jobs.clouds.json_values import as_dict, is_filled_text, parsed, text_of
from jobs.clouds.retry import parse_retry_after
from jobs.microsoft.app_manifest import merged
from jobs.microsoft.responses import by_status
from jobs.settings import is_loopback

Json = dict[str, Any]
LIFE_S = 3600


DOCUMENTS: dict[str, tuple[float, Json]] = {}
"""Discovery documents and signing keys by URL, each with the time at which it was read."""
log = structlog.get_logger(__name__)
_UNDESCRIBED = Meaning(Cause.REQUEST_REJECTED, ErrorKind.REJECTED)
_CANCELLED = Meaning(Cause.CONSENT_CANCELLED, ErrorKind.REJECTED)
"""Meaning of ``access_denied`` without AADSTS65004: a person may have left (microsoft.md 1.6)."""
_AADSTS = re.compile(r"AADSTS(\d+)", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,9}")
_ERROR_URI = re.compile(r"https://login\.[a-z.-]+/error\?code=\d+")
_IN_DESCRIPTION = re.compile(
    r"(Trace ID|Correlation ID|Timestamp): *([0-9a-zA-Z:. -]+?)"
    r"(?=\s*(?:Trace ID|Correlation ID|Timestamp|$|[\r\n]))"
)


def entra_error(answer: Mapping[str, Any], status: int = 0) -> CloudError:
    """Return the error in a token endpoint's body or a redirect's query.

    The AADSTS number with its sentence decides, then the OAuth error code (section 5), which
    decides only the kind for an unknown number: that is shown in full with Microsoft's page about
    it.
    """
    description = text_of(answer, "error_description")
    numbers = [int(each) for each in _numbers(answer, description)]
    known = most_telling(numbers, description)
    number = known[0] if known else next(iter(numbers), None)
    code = text_of(answer, "error") if number is None else f"AADSTS{number}"
    words, meaning = text_of(answer, "error_description", "error"), _by_word(answer)
    if known:
        meaning = known[1]
    else:
        if numbers and meaning.kind is not ErrorKind.TRANSIENT:
            meaning = _UNDESCRIBED._replace(kind=meaning.kind)
        # the address must have exactly Microsoft's form: anybody can forge a query
        page = _ERROR_URI.fullmatch(text_of(answer, "error_uri"))
        words = " ".join(filter(None, (words, page[0] if page else "")))
    return error_for(meaning, CloudReply("entra", status, code, words, _ids(answer, description)))


def _by_word(answer: Mapping[str, Any]) -> Meaning:
    told = f"{text_of(answer, 'error_subcode')} {text_of(answer, 'error_description')}"
    if answer.get("error") == "access_denied" and re.search(r"\bcancel", told, re.IGNORECASE):
        return _CANCELLED
    words = patterns().codes["oauth"]
    known = map(words.get, (text_of(answer, "suberror"), text_of(answer, "error")))
    return next(filter(None, known), _UNDESCRIBED)


def _numbers(answer: Mapping[str, Any], description: str) -> list[str]:
    listed = re.findall(r"\d+", text_of(answer, "error_codes"))
    return (
        listed
        or _AADSTS.findall(description)
        or re.findall(r"[?&]code=(\d+)", text_of(answer, "error_uri"))
    )


def _ids(answer: Mapping[str, Any], description: str) -> RequestIds:
    words = {name: value.strip() for name, value in _IN_DESCRIPTION.findall(description)}
    return RequestIds(
        correlation_id=str(answer.get("correlation_id") or words.get("Correlation ID", "")),
        trace_id=str(answer.get("trace_id") or words.get("Trace ID", "")),
        timestamp=str(answer.get("timestamp") or words.get("Timestamp", "")),
    )


@dataclass(frozen=True, slots=True)
class MsalResponse:
    status_code: int
    text: str = field(repr=False)
    headers: dict[str, str]


class MsalHttp:
    """``http_client`` for msal."""

    def __init__(self, http: httpx.Client, login_url: str) -> None:
        address = urlsplit(login_url)
        self._plain = address.scheme == "http"
        if self._plain and not is_loopback(address.hostname or ""):
            raise ValueError(
                "MICROSOFT_LOGIN_URL must begin with https:// (http:// is for a loopback host only)"
            )
        self._http = http

    def outside(self, url: str) -> str:
        """Return the public form of a URL: http again if the login URL is http."""
        parts = urlsplit(url)
        ours = self._plain and parts.scheme == "https" and is_loopback(str(parts.hostname))
        return "http" + url.removeprefix("https") if ours else url

    def document(self, url: str, *, fresh: bool = False) -> Json:
        """Return a JSON document as it is served, from the cache unless ``fresh``."""
        read_at, kept = DOCUMENTS.get(url, (0.0, None))
        if kept is not None and not fresh and time.monotonic() - read_at < LIFE_S:
            return kept
        reply = self._exchange("GET", url)
        if reply.status_code != httpx.codes.OK:
            raise entra_error(json.loads(reply.text), reply.status_code)
        found: Json = json.loads(reply.text)
        DOCUMENTS[url] = time.monotonic(), found
        return found

    def get(self, url: str, **_: object) -> MsalResponse:
        """Return a discovery document; its endpoints look like https for an http login URL, too."""
        text = json.dumps(self.document(url))
        return MsalResponse(
            httpx.codes.OK, text.replace('"http://', '"https://') if self._plain else text, {}
        )

    def post(
        self, url: str, data: Mapping[str, Any] | None = None, headers: Any = None, **_: object
    ) -> MsalResponse:
        """Send a token request. httpx would send msal's bytes in Python's notation for bytes."""
        given = _without_nulls(data or {}).items()
        form = {name: each.decode() if isinstance(each, bytes) else each for name, each in given}
        reply = self._exchange("POST", url, data=form, headers=headers)
        answer: dict[str, Any] = json.loads(reply.text)
        if reply.status_code == httpx.codes.OK and not _is_token(answer):
            raise unreadable("entra", "a token answer without a token", reply.status_code)
        told, asked = _without_nulls(answer), str(form.get("scope", "")).split()
        if "scope" in told:
            missing = [scope for scope in asked if scope.endswith("/.default")]
            told["scope"] = " ".join(merged(str(told["scope"]).split(), missing))
        return MsalResponse(reply.status_code, json.dumps(told), reply.headers)

    def _exchange(self, method: str, url: str, **options: Any) -> MsalResponse:
        with calls.request_to("entra"):
            return self._once(method, url, **options)

    def _once(self, method: str, url: str, **options: Any) -> MsalResponse:
        headers = {"client-request-id": str(uuid4()), **(options.pop("headers", None) or {})}
        try:
            with measured("entra") as noted:
                response = self._http.request(method, self.outside(url), headers=headers, **options)
                noted.answered(response.status_code, response.headers)
        except httpx.RequestError as error:
            raise no_answer("entra", error) from error
        log.debug(
            "call", service="entra", id=headers["client-request-id"], status=response.status_code
        )
        if method == "POST":
            ids = RequestIds(
                response.headers.get("x-ms-request-id", ""), headers["client-request-id"]
            )
            calls.record("entra", f"POST {urlsplit(url).path}", response.status_code, ids)
        meaning = by_status(response.status_code)
        if response.is_error and meaning.kind is ErrorKind.TRANSIENT:
            raise _busy(meaning, response, headers["client-request-id"])
        return MsalResponse(response.status_code, _json_text(response), dict(response.headers))


def _busy(meaning: Meaning, response: httpx.Response, number: str) -> Transient:
    # JSON, or an HTML page of which only Microsoft's own code and ids are taken
    body = as_dict(parsed(response.text)) or {"error_description": _of_page(response.text)}
    told = entra_error(body, response.status_code)
    ids = {"request_id": response.headers.get("x-ms-request-id", ""), "client_request_id": number}
    own, after = replace(told.ids, **ids), parse_retry_after(response.headers.get("retry-after"))
    said = CloudReply("entra", response.status_code, told.code, told.message, own, after)
    return Transient(told.cause if isinstance(told, Transient) else meaning.cause, said)


def _of_page(page: str) -> str:
    text = unescape(re.sub(r"<[^>]+>", " ", page))
    found = _AADSTS.search(text)
    return " ".join(text[found.start() :].split()) if found else ""


def _is_token(answer: Mapping[str, Any]) -> bool:
    """Return whether msal can parse the answer: an error, or a token with the right types.

    Entra's older answers write numbers as strings.
    """
    texts = (answer.get(name) or "" for name in ("refresh_token", "id_token", "scope"))
    numbers = (str(answer[name]) for name in ("expires_in", "refresh_in") if name in answer)
    right = all(isinstance(text, str) for text in texts) and all(map(_NUMBER.fullmatch, numbers))
    return "error" in answer or (right and is_filled_text(answer.get("access_token")))


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _json_text(response: httpx.Response) -> str:
    """Return the body, which must be a JSON object; from an HTML error page, Microsoft's code."""
    if isinstance(parsed(response.text), dict):
        return response.text
    if response.is_error and (words := _of_page(response.text)):
        return json.dumps({"error": "", "error_description": words})
    raise unreadable("entra", "not a JSON object", response.status_code)
