"""Accounts that are refused at the callback: the page names them and says what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from jobs.clock import now
from jobs.model import Finding, State
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import found
from tests.unit.bot.web.journey import BACK, SIGNED_IN, come_back, depart, last, path, signed

FACTS = {"user_id": "oid-1", "upn": "support@contoso.com", "client_id": "client-1"}
KNOWN = found("mailbox_user", facts=FACTS)


def test_an_account_of_another_tenant_is_told(services, browser, provider, begin):
    """The page names an account of another tenant and says what to do.

    The run does not record that somebody is signed in.
    """
    provider.domains = ["fabrikam.com"]
    provider.claims["preferred_username"] = "eve@fabrikam.com"
    run = begin()
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert page.status_code == 200
    for shown in ("eve@fabrikam.com", "example.test", path(services, run)):
        assert shown in page.text
    assert text("page.signed_in_title") not in page.text
    told = last(services, run)
    cause = {"question": "sign_in", "cause": "wrong_tenant", "code": "eve@fabrikam.com"}
    assert (told.kind, told.data | cause) == (Kind.PROBLEM, told.data)
    assert not services.vault.holds(f"session:{run.id}")
    provider.domains = ["Example.Test", "contoso.com"]
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert last(services, run).kind is Kind.SIGNED_IN


def test_another_tenant_is_not_asked_for_exchange(services, browser, provider, begin):
    """An account of another tenant is refused before the second consent, and after it as well."""
    run = begin()
    provider.domains = ["fabrikam.com"]
    provider.at_refresh = [provider.refuse(400, "invalid_grant", 65001)]
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert (page.status_code, last(services, run).data["cause"]) == (200, "wrong_tenant")
    provider.domains = []
    provider.at_refresh = [provider.refuse(400, "invalid_grant", 65001)]
    onward = browser.get(BACK, query_string=signed(services, browser, provider, run))
    provider.domains = ["fabrikam.com"]
    browser.get(BACK, query_string=provider.sign_in(onward.headers["Location"]))
    assert last(services, run).kind == Kind.PROBLEM
    assert last(services, run).data["cause"] == "wrong_tenant"


def test_an_account_of_another_tenant_after_an_approval(services, browser, provider, begin):
    """After an approval, an account of another tenant is refused and named.

    It is recognized by the tenant of the approved plan.
    """
    run = begin(
        SIGNED_IN,
        Event(Kind.PLANNED, now(), data={"plan": "p"}),
        Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"}),
        Event(Kind.SIGNED_OUT, now()),
    )
    provider.claims["tid"] = "99999999-2222-3333-4444-555555555555"
    provider.claims["preferred_username"] = "eve@fabrikam.com"
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert text("page.refused_title", account="eve@fabrikam.com") in page.text
    assert last(services, run).data["code"] == "eve@fabrikam.com"


def test_not_the_person_who_was_asked(services, browser, provider, begin):
    """The rehearsal's page names the refused account, and the account that has to sign in."""
    known = replace(
        KNOWN, finding=Finding("mailbox_user", State.OK, facts=FACTS | {"user_id": "oid-2"})
    )
    run = begin(SIGNED_IN, known)
    services.vault.put("check-secret:support@example.test", "s3cr~t.Value", 60)
    query = come_back(provider, depart(services, browser, run, "rehearsal"))
    page = browser.get(BACK, query_string=query).text
    assert text("page.refused_title", account="admin@contoso.com") in page
    assert "sign in as support@contoso.com" in page


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        (["b79fbf4d-3ef9-4689-8143-76b194e85509"], True),
        (["29232CDF-9323-42fd-ade2-1d097af3e4de"], False),
        (None, False),
    ],
)
def test_an_account_without_a_role(services, browser, provider, begin, roles, told):
    """An account without an administrator's role is told so at once.

    The account is not refused, because a role group of Exchange is not in the token.
    """
    provider.claims["wids"] = roles
    run = begin()
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    title = text("page.signed_in_roleless_title" if told else "page.signed_in_title")
    assert f"<h1>{title.replace(chr(39), '&#39;')}</h1>" in page.text
    assert "admin@contoso.com" in page.text
    assert last(services, run).kind is Kind.SIGNED_IN


def test_somebody_who_is_no_administrator_is_told_who_is_needed(services, browser, begin):
    """The page for a person who is no administrator says who has to act, and leads back.

    Microsoft names nobody in this refusal.
    """
    run = begin()
    words = "AADSTS90094: No. Trace ID: t Correlation ID: c Timestamp: 2026-11-25 09:00:00Z"
    query = {"error": "consent_required", "error_description": words}
    query["state"] = depart(services, browser, run)["state"]
    page = browser.get(BACK, query_string=query).text
    assert text("cause.admin_consent_required") in page
    assert text("page.next_admin_consent_required", domain="example.test") in page
    assert f'href="{path(services, run)}"' in page
