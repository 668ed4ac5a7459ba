"""Admin consent in a browser, and the scopes that are asked for."""

import pytest

from jobs.clouds.errors import CloudError
from jobs.microsoft import scopes
from jobs.microsoft.identity import admin_consent_url, read_consent_answer
from tests.fixtures.parsed import table

ERRORS = table("sign_in_errors")

CLOUDS = table("addresses")


def test_the_consent_address_has_everything_the_endpoint_requires(work_settings):
    """The consent address is for the v2 endpoint, percent-encoded, and contains the state."""
    assert admin_consent_url(work_settings, "t-1", "c-1", "https://a b/.default", "s 1") == (
        "https://login.microsoftonline.com/t-1/v2.0/adminconsent?client_id=c-1"
        "&scope=https%3A%2F%2Fa%20b%2F.default&"
        "redirect_uri=https%3A%2F%2Fbot.test%2Fmicrosoft%2Fcallback&state=s%201"
    )


THERE = (
    "AADSTS650051: Using application 'app' is currently not supported as the service "
    "principal name is already present for the tenant."
)


@pytest.mark.parametrize("more", [{}, {"error": "invalid_client", "error_description": THERE}])
def test_a_granted_consent_says_where(more):
    """AADSTS650051 counts as granted if its text says that the service principal already exists.

    The error has two meanings, so the step reads the grants in any case.
    """
    query = {"admin_consent": "True", "tenant": "t-1", "scope": "a b", "state": "s"}
    assert read_consent_answer(query | more) == "t-1"


# Anybody may write a query: a number of any length, and a text that a pattern could search forever.
ODD = {"error": "x", "error_description": f"Trace ID:{' ' * 5000}! AADSTS{'9' * 5000}"}


@pytest.mark.parametrize(("query", "cause"), [*ERRORS["consent"], (ODD, "request_rejected")])
def test_an_error_counts_whatever_admin_consent_says(query, cause):
    """An error in a consent answer counts, whatever ``admin_consent`` says.

    Refusals contain ``admin_consent=True`` too.
    """
    with pytest.raises(CloudError) as refused:
        read_consent_answer(query)
    assert refused.value.cause == cause


@pytest.mark.parametrize(("url", "first"), CLOUDS["graph"])
def test_graph_scopes_name_their_cloud_only_where_they_must(url, first):
    """Graph scopes have their short names only in the public cloud.

    Only the public cloud has message traces by Graph.
    """
    found = scopes.graph_scopes(url)
    traces = sum(scope.endswith("ExchangeMessageTrace.Read.All") for scope in found)
    counted = (found[0], traces, len(scopes.GRAPH_SETUP_SCOPES) - len(found))
    assert counted == ((first, 0, 1) if "//" in first else (first, 1, 0))


@pytest.mark.parametrize(("url", "scope", "of_channel"), CLOUDS["exchange"])
def test_the_exchange_scope_follows_the_cloud(url, scope, of_channel):
    """The scopes for Exchange and for the channel follow the host of the cloud.

    A host that is not Microsoft's means the public cloud, whose channel has the scope in
    Microsoft's documents.
    """
    assert (scopes.exchange_scope(url), scopes.smtp_scope(url)) == (
        scope,
        of_channel or f"{url}/SMTP.Send",
    )
