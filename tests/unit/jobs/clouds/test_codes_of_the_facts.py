"""Every code that Microsoft's services refuse with has a cause, and so a remedy (codes.toml)."""

import httpx
import pytest

from jobs.causes.patterns import patterns
from jobs.causes.reader import Place, read
from jobs.clouds import errors
from jobs.microsoft.exchange import judge_exchange
from jobs.microsoft.graph import judge_graph
from tests.fixtures.parsed import table

CODES = table("codes")


def rows(service: str):
    """Return the rows of one service as parameters, each with its words as id."""
    return [pytest.param(row, id=row["facts"][:40]) for row in CODES[service]]


def exchange_body(row) -> bytes:
    """Return InvokeCommand's answer as captured, with the words in the part that the row names."""
    kind, message = row.get("type", ""), row["message"]
    parts = {
        "details": {
            "message": "Error executing cmdlet",
            "details": [
                {"code": "Client", "message": f"Ex6F9304|{kind}|{message}" if kind else message}
            ],
        },
        "internalexception": {
            "message": "Invalid Operation",
            "innererror": {"internalexception": {"message": message, "type": kind}},
        },
        "error": {"message": message},
    }
    if row["part"] == "nothing":
        return b"\0" * 4096
    return httpx.Response(200, json={"error": {"code": "BadRequest", **parts[row["part"]]}}).content


def test_every_aadsts_code_has_a_cause():
    """Every AADSTS code on the list has a cause, and so it has a remedy."""
    listed = {*CODES["entra"], *CODES["entra_beyond_the_facts"]}
    assert listed - patterns().codes["entra"].keys() == set()


@pytest.mark.parametrize("row", rows("graph"))
def test_every_refusal_of_graph_has_its_cause(row):
    """Every refusal of Graph has its cause by code or words, whatever the status is."""
    body = {"error": {"code": row["code"], "message": row["message"]}}
    error = judge_graph(httpx.Response(row["status"], json=body), errors.RequestIds())
    assert (error.cause, error.code, error.message) == (row["cause"], row["code"], row["message"])


@pytest.mark.parametrize("row", rows("exchange"))
def test_every_refusal_of_exchange_has_its_cause(row):
    """Every refusal of Exchange has its cause by exception and words, in any part of the body."""
    error = judge_exchange(
        httpx.Response(row["status"], content=exchange_body(row)), errors.RequestIds()
    )
    assert (error.cause, error.message) == (row["cause"], row["message"])


@pytest.mark.parametrize("row", rows("smtp"))
def test_every_reply_and_bounce_has_its_cause(row):
    """Every reply and bounce has exactly one cause, whether it was pasted or read from a trace."""
    assert [found.cause for found in read(row["facts"], Place.EXCHANGE).certain] == [row["cause"]]


@pytest.mark.parametrize("row", CODES["kinds"]["graph"], ids=str)
def test_graphs_errors_are_told_by_code_and_words(row):
    """Each of Graph's errors (platforms/microsoft.md 7) has its kind and its cause."""
    status, code, message, kind, cause = row
    error = {"code": code or None, "message": message or None}
    error |= {"innerError": {"date": "d", "request-id": "r-9"}}
    found = judge_graph(httpx.Response(status, json={"error": error}), errors.RequestIds())
    assert (type(found).__name__, found.cause) == (kind, cause)
    assert (found.ids.request_id, found.ids.timestamp) == ("r-9", "d")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            {"odata.error": {"message": {"value": "Not a valid reference update"}}},
            errors.NotReplicatedYet,
        ),
        (["not", "an", "object"], errors.Rejected),
    ],
)
def test_errors_of_another_shape(body, kind):
    """OData's older form is read, and an answer that is no object is a refusal."""
    assert type(judge_graph(httpx.Response(400, json=body), errors.RequestIds())) is kind


@pytest.mark.parametrize("row", CODES["kinds"]["exchange"], ids=str)
def test_exchanges_errors_are_told_by_the_exception(row):
    """Each captured body (platforms/microsoft.md 3.5) gives its cause, whatever its status is."""
    part, exception, message, kind, cause = row
    body = exchange_body({"part": part, "type": exception, "message": message})
    for status in (400, 500):
        error = judge_exchange(httpx.Response(status, content=body), errors.RequestIds())
        assert (type(error).__name__, error.cause, error.message) == (kind, cause, message)
        assert error.code == (exception.rpartition(".")[2] or "BadRequest")


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (httpx.Response(403, content=b"\0" * 4096), errors.Forbidden, "exchange_role_missing"),
        (httpx.Response(401), errors.SignInNeeded, "exchange_consent_missing"),
        (httpx.Response(429), errors.Transient, "throttled"),
        (httpx.Response(503, html="<html>"), errors.Transient, "service_unavailable"),
    ],
)
def test_exchanges_errors_without_words(answer, kind, cause):
    """Without words the status decides, and nothing of a page or of NUL bytes is shown."""
    found = judge_exchange(answer, errors.RequestIds())
    assert (type(found), found.cause, found.code, found.message) == (kind, cause, "", "")
