"""Causes of the errors that Graph and Exchange answer."""

from __future__ import annotations

from collections.abc import Callable

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
from jobs.settings import Settings
from tests.unit.jobs.clouds.scripted_cloud import Cloud, ask


def graph_no(status: int, code: str, message: str = "") -> httpx.Response:
    """Return an error answer of Graph."""
    return httpx.Response(
        status,
        json={
            "error": {
                "code": code,
                "message": message,
                "innerError": {"date": "d", "request-id": "r-9"},
            }
        },
    )


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (graph_no(404, "Request_ResourceNotFound"), NotFound, "not_found"),
        (graph_no(403, "Authorization_RequestDenied"), Forbidden, "directory_role_missing"),
        (
            graph_no(
                409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists."
            ),
            AlreadyExists,
            "already_there",
        ),
        (
            graph_no(
                400, "Request_BadRequest", "Permission being assigned already exists on the object"
            ),
            AlreadyExists,
            "already_there",
        ),
        (
            graph_no(
                400,
                "Request_BadRequest",
                "The appId 'x' ... does not reference a valid application object.",
            ),
            NotReplicatedYet,
            "directory_settling",
        ),
        (
            graph_no(400, "Request_BadRequest", "Not a valid reference update"),
            NotReplicatedYet,
            "directory_settling",
        ),
        (
            graph_no(400, "x", "Credential type not allowed as per assigned policy"),
            Forbidden,
            "secret_forbidden_by_policy",
        ),
        (
            graph_no(
                400,
                "CredentialInvalidLifetimeAsPerAppPolicy",
                "Credential lifetime exceeds the max value allowed as per assigned policy",
            ),
            Forbidden,
            "secret_forbidden_by_policy",
        ),
        (
            graph_no(
                400,
                "Request_BadRequest",
                "Another object with the same value for property uniqueName already exists.",
            ),
            AlreadyExists,
            "already_there",
        ),
        (graph_no(401, "InvalidAuthenticationToken"), SignInNeeded, "access_token_refused"),
        (graph_no(400, "Request_BadRequest", "Something else"), Rejected, "request_rejected"),
        (
            graph_no(400, "Request_BadRequest", "No password credential found with keyId 'x'."),
            NotFound,
            "not_found",
        ),
        (graph_no(409, "Conflict"), AlreadyExists, "already_there"),
        (
            httpx.Response(400, json={"error": {"code": None, "message": None}}),
            Rejected,
            "request_rejected",
        ),
        (
            httpx.Response(
                400,
                json={
                    "odata.error": {
                        "code": "x",
                        "message": {"lang": "en", "value": "Not a valid reference update"},
                    }
                },
            ),
            NotReplicatedYet,
            "directory_settling",
        ),
        (httpx.Response(400, json=["not", "an", "object"]), Rejected, "request_rejected"),
    ],
)
async def test_graphs_errors_are_told_by_code_and_words(
    make_settings: Callable[..., Settings], answer: httpx.Response, kind: type, cause: str
):
    """Each of Graph's errors (platforms/microsoft.md 7) has its kind and its cause.

    The error's code and words decide.
    """
    with pytest.raises(kind) as failed:
        await ask(make_settings(), Cloud(answer))
    assert (failed.type, failed.value.cause) == (kind, cause)


def exchange_no(message: str, kind: str) -> httpx.Response:
    """Return an error answer of Exchange with its words in internalexception."""
    inner = {
        "message": "Invalid Operation",
        "internalexception": {"message": message, "type": kind},
    }
    return httpx.Response(
        400,
        json={"error": {"code": "BadRequest", "message": "Invalid Operation", "innererror": inner}},
    )


def exchange_details(status: int, message: str) -> httpx.Response:
    """Return an error answer of Exchange with its words in details."""
    return httpx.Response(
        status,
        json={
            "error": {
                "code": "InternalServerError",
                "message": "Error executing cmdlet",
                "details": [{"message": message}],
            }
        },
    )


@pytest.mark.parametrize(
    ("answer", "kind", "cause", "code", "message"),
    [
        (
            exchange_no(
                "Cannot process argument transformation on parameter 'X'.",
                "Microsoft.Exchange.ParameterTransformationException",
            ),
            Rejected,
            "exchange_parameter_wrong",
            "ParameterTransformationException",
            "Cannot process argument transformation on parameter 'X'.",
        ),
        (
            exchange_details(
                500,
                "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
                "|It couldn't be found on 'X'.",
            ),
            NotFound,
            "not_found",
            "ManagementObjectNotFoundException",
            "It couldn't be found on 'X'.",
        ),
        (
            exchange_details(400, "|Microsoft.Exchange.ADObjectAlreadyExistsException|Taken."),
            AlreadyExists,
            "already_there",
            "ADObjectAlreadyExistsException",
            "Taken.",
        ),
        (
            exchange_no(
                "The command you tried to run isn't currently allowed in your organization. To "
                "run this command, you first need ...",
                "",
            ),
            Rejected,
            "customization_needed",
            "BadRequest",
            (
                "The command you tried to run isn't currently allowed in your organization. To run "
                "this command, you first need ..."
            ),
        ),
        (
            exchange_no(
                "This operation is not required. Organization is already enabled for customization.",
                "",
            ),
            AlreadyExists,
            "already_there",
            "BadRequest",
            "This operation is not required. Organization is already enabled for customization.",
        ),
        (httpx.Response(403, content=b"\0" * 4096), Forbidden, "exchange_role_missing", "", ""),
        (httpx.Response(401), SignInNeeded, "exchange_consent_missing", "", ""),
        (httpx.Response(429), Transient, "throttled", "", ""),
        (httpx.Response(503, html="<html>"), Transient, "service_unavailable", "", ""),
    ],
)
def test_exchanges_errors_are_told_by_the_exception(
    answer: httpx.Response, kind: type, cause: str, code: str, message: str
):
    """Each captured body (platforms/microsoft.md 3.5) gives its cause and the words to show."""
    error = judge_exchange(answer, RequestIds())
    assert (type(error), error.cause, error.code, error.message) == (kind, cause, code, message)
