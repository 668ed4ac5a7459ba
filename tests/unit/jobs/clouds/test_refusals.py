"""Causes of the errors that Graph and Exchange answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from jobs.clouds.errors import (
    AlreadyExists,
    Forbidden,
    NotFound,
    NotReplicatedYet,
    Rejected,
    RequestIds,
    SignInNeeded,
    Transient,
)
from jobs.microsoft.responses import judge_exchange
from tests.unit.jobs.clouds.scripted_cloud import Cloud

BAD, LATE = "Request_BadRequest", "Not a valid reference update"
SAME, TAKEN = "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists."
ASSIGNED = "Permission being assigned already exists on the object"
UNIQUE = "Another object with the same value for property uniqueName already exists."
UNKNOWN = "The appId 'x' ... does not reference a valid application object."
NO_KEY = "No password credential found with keyId 'x'."
LIFETIME = "CredentialInvalidLifetimeAsPerAppPolicy"
TOO_LONG = "Credential lifetime exceeds the max value allowed as per assigned policy"
TYPE = "Credential type not allowed as per assigned policy"


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "cause"),
    [
        (404, "Request_ResourceNotFound", "", NotFound, "not_found"),
        (403, "Authorization_RequestDenied", "", Forbidden, "directory_role_missing"),
        (409, SAME, TAKEN, AlreadyExists, "already_there"),
        (400, BAD, ASSIGNED, AlreadyExists, "already_there"),
        (400, BAD, UNIQUE, AlreadyExists, "already_there"),
        (409, "Conflict", "", AlreadyExists, "already_there"),
        (400, BAD, UNKNOWN, NotReplicatedYet, "directory_settling"),
        (400, BAD, LATE, NotReplicatedYet, "directory_settling"),
        (400, "x", TYPE, Forbidden, "secret_forbidden_by_policy"),
        (400, LIFETIME, TOO_LONG, Forbidden, "secret_forbidden_by_policy"),
        (401, "InvalidAuthenticationToken", "", SignInNeeded, "access_token_refused"),
        (400, BAD, "Something else", Rejected, "request_rejected"),
        (400, BAD, NO_KEY, NotFound, "not_found"),
        (400, None, None, Rejected, "request_rejected"),
    ],
)
async def test_graphs_errors_are_told_by_code_and_words(ask, status, code, message, kind, cause):
    """Each of Graph's errors (platforms/microsoft.md 7) has its kind and its cause."""
    error = {"code": code, "message": message, "innerError": {"date": "d", "request-id": "r-9"}}
    with pytest.raises(kind) as failed:
        await ask(Cloud(httpx.Response(status, json={"error": error})))
    assert (failed.type, failed.value.cause) == (kind, cause)


OLDER = {"odata.error": {"code": "x", "message": {"lang": "en", "value": LATE}}}


@pytest.mark.parametrize(
    ("body", "kind"), [(OLDER, NotReplicatedYet), (["not", "an", "object"], Rejected)]
)
async def test_errors_of_another_shape(ask: Any, body: Any, kind: type):
    """OData's older form is read, and an answer that is no object is a refusal."""
    with pytest.raises(kind):
        await ask(Cloud(httpx.Response(400, json=body)))


def internal(message: str, kind: str = "") -> dict[str, Any]:
    """Return the part of an error of Exchange with its words in internalexception."""
    return {"innererror": {"internalexception": {"message": message, "type": kind}}}


def details(message: str) -> dict[str, Any]:
    """Return the part of an error of Exchange with its words in details."""
    return {"details": [{"message": message}]}


ARGUMENT = "Cannot process argument transformation on parameter 'X'."
NOT_ALLOWED = (
    "The command you tried to run isn't currently allowed in your organization. To run this "
    "command, you first need ..."
)
ENABLED = "This operation is not required. Organization is already enabled for customization."
EXCHANGE = "Microsoft.Exchange"
GONE = f"Ex6F9304|{EXCHANGE}.Configuration.Tasks.ManagementObjectNotFoundException|Not on 'X'."


@pytest.mark.parametrize(
    ("error", "kind", "cause", "code", "message"),
    [
        (
            internal(ARGUMENT, f"{EXCHANGE}.ParameterTransformationException"),
            Rejected,
            "exchange_parameter_wrong",
            "ParameterTransformationException",
            ARGUMENT,
        ),
        (details(GONE), NotFound, "not_found", "ManagementObjectNotFoundException", "Not on 'X'."),
        (
            details(f"|{EXCHANGE}.ADObjectAlreadyExistsException|Taken."),
            AlreadyExists,
            "already_there",
            "ADObjectAlreadyExistsException",
            "Taken.",
        ),
        (internal(NOT_ALLOWED), Rejected, "customization_needed", "BadRequest", NOT_ALLOWED),
        (internal(ENABLED), AlreadyExists, "already_there", "BadRequest", ENABLED),
    ],
)
def test_exchanges_errors_are_told_by_the_exception(error, kind, cause, code, message):
    """Each captured body (platforms/microsoft.md 3.5) gives its cause, whatever its status is."""
    body = {"error": {"code": "BadRequest", "message": "Invalid Operation"} | error}
    for status in (400, 500):
        found = judge_exchange(httpx.Response(status, json=body), RequestIds())
        assert (type(found), found.cause, found.code, found.message) == (kind, cause, code, message)


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (httpx.Response(403, content=b"\0" * 4096), Forbidden, "exchange_role_missing"),
        (httpx.Response(401), SignInNeeded, "exchange_consent_missing"),
        (httpx.Response(429), Transient, "throttled"),
        (httpx.Response(503, html="<html>"), Transient, "service_unavailable"),
    ],
)
def test_exchanges_errors_without_words(answer: httpx.Response, kind: type, cause: str):
    """Without words the status decides, and nothing of a page or of NUL bytes is shown."""
    found = judge_exchange(answer, RequestIds())
    assert (type(found), found.cause, found.code, found.message) == (kind, cause, "", "")
