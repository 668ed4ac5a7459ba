"""One page of Microsoft for the whole consent, with the administrator who was asked."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from jobs.clock import now
from jobs.runs.run import Event, Kind
from tests.unit.bot.web.journey import BACK, SIGNED_IN, depart, last, signed


def test_one_page_asks_for_graph_and_exchange(services, browser, provider, begin):
    """One page asks for the consent to both Graph and Exchange.

    The code from that page gets a token for Graph alone.
    """
    run = begin()
    scopes = depart(services, browser, run)["scope"].split()
    assert "https://outlook.office365.com/Exchange.Manage" in scopes
    assert [each for each in scopes if each.endswith(".default")] == []
    browser.get(BACK, query_string=signed(services, browser, provider, run))
    asked = next(form["scope"] for _, form in provider.requests if form.get("code"))
    assert "Application.ReadWrite.All" in asked
    assert "Exchange.Manage" not in asked


@pytest.mark.parametrize("number", [28000, 70011])
def test_an_entra_that_takes_one_resource_at_a_time(services, browser, provider, begin, number):
    """If Entra takes only one resource at a time, the browser goes on to a page for Graph alone.

    Nothing is recorded as a problem.
    """
    run = begin()
    state = depart(services, browser, run)["state"]
    words = f"AADSTS{number}: No. Trace ID: t Correlation ID: c Timestamp: 2026-11-25 09:00:00Z"
    query = {"state": state, "error": "invalid_request", "error_description": words}
    there = browser.get(BACK, query_string=query)
    assert there.status_code == 303
    apart = parse_qs(urlsplit(there.headers["Location"]).query)["scope"][0].split()
    assert [each for each in apart if "Exchange.Manage" in each] == []
    assert services.store.load(run.id).problems == {}
    browser.get(BACK, query_string=provider.sign_in(there.headers["Location"]))
    assert last(services, run).kind is Kind.SIGNED_IN


def test_the_administrator_who_was_asked_is_preselected(services, browser, begin):
    """On the first try, Microsoft's page has the administrator who was asked preselected.

    After a problem or an earlier sign-in, Microsoft asks which account is meant.
    """
    asked = {"question": "administrator", "value": "admin@contoso.com"}
    run = begin(Event(Kind.ANSWERED, now(), data=asked))
    first = depart(services, browser, run)
    assert (first.get("login_hint"), first.get("prompt")) == ("admin@contoso.com", None)
    problem = {"question": "sign_in", "cause": "consent_declined", "code": ""}
    services.store.append(run.id, Event(Kind.PROBLEM, now(), data=problem))
    second = depart(services, browser, run)
    assert (second.get("login_hint"), second.get("prompt")) == (None, "select_account")
    services.store.append(run.id, SIGNED_IN, Event(Kind.SIGNED_OUT, now()))
    third = depart(services, browser, run)
    assert (third.get("login_hint"), third.get("prompt")) == (None, "select_account")
