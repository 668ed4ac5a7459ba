"""The pages that lead to Microsoft, and the one address that leads back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from adaptive_cards.texts import text
from bot import links
from bot.web import oauth_flow
from bot.web.oauth_flow import Flow
from jobs.clock import now
from jobs.model import Account
from jobs.runs.run import Event, Kind
from jobs.storage import codec
from tests.fixtures.run_events import changing, found
from tests.unit.bot.web.journey import BACK, SIGNED_IN, TENANT, depart, form_of, last, path, signed

APP = found("application", facts={"client_id": "email-app", "app_name": "Mail"})


def test_the_page_says_for_what_and_by_whom(services, browser, begin):
    """The sign-in page names the mailbox and the requester, and leads to Microsoft.

    The request has PKCE, a state of 256 bits, a nonce, and no consent prompt.
    """
    run = begin()
    page = browser.get(path(services, run))
    asked = depart(services, browser, run)
    assert ("support@example.test" in page.text, "anna@example.test" in page.text) == (True, True)
    assert (asked["code_challenge_method"], asked["prompt"]) == ("S256", "select_account")
    assert asked["client_id"] == "client-1"
    assert asked["redirect_uri"] == "https://bot.example.test/microsoft/callback"
    assert len(asked["state"]) >= 43
    assert asked["nonce"]


@pytest.mark.parametrize("address", ["/signin/{}", "/microsoft/callback?state=x", "/signin/none"])
def test_every_page_is_private(services, browser, begin, address):
    """No page allows a referrer, a cache, external content or a frame."""
    page = browser.get(address.format(path(services, begin()).rpartition("/")[2]))
    wanted = {
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    assert {name: page.headers[name] for name in wanted} == wanted
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_a_sign_in(services, browser, provider, begin):
    """A sign-in is saved encrypted for the run, recorded with its account, and wakes a worker.

    The account is that of the validated token.
    """
    run = begin()
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    event = last(services, run)
    assert (page.status_code, "admin@contoso.com" in page.text) == (200, True)
    assert (event.kind, event.by) == (Kind.SIGNED_IN, "admin@contoso.com")
    assert (event.account and event.account.tenant_id) == TENANT
    assert services.vault.holds(f"session:{run.id}")
    jobs = (*services.runs.queue.jobs, *services.cards.schedule.queue.jobs)
    assert {str(job.func_name) for job in jobs} == {"jobs.advance.advance", "bot.cards.draw.draw"}


@pytest.mark.parametrize("number", [65001, 50076])
def test_exchange_asks_for_more_than_graph(services, browser, provider, begin, number):
    """If Exchange needs more than Graph, the browser continues to a sign-in for Exchange.

    Exchange may need consent or a second factor. The result of the second sign-in counts.
    """
    run = begin()
    provider.at_refresh = [provider.refuse(400, "invalid_grant", number)]
    onward = browser.get(BACK, query_string=signed(services, browser, provider, run))
    address = onward.headers.get("Location", "")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert onward.status_code == 303
    assert "https://outlook.office365.com/.default" in asked.get("scope", "")
    assert browser.get(BACK, query_string=provider.sign_in(address)).status_code == 200
    assert last(services, run).kind == Kind.SIGNED_IN
    assert services.vault.holds(f"session:{run.id}") is True


@pytest.mark.parametrize(("number", "at_once"), [(53003, True), (50076, False)])
def test_more_than_a_sign_in_can_give(services, browser, provider, begin, number, at_once):
    """A sign-in that a policy forbids fails at once, and any other fails after the second sign-in.

    So no person is sent around in circles.
    """
    run = begin()
    provider.at_refresh = [provider.refuse(400, "invalid_grant", number) for _ in range(2)]
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    if not at_once:
        page = browser.get(BACK, query_string=provider.sign_in(page.headers["Location"]))
    assert page.status_code == 200
    assert last(services, run).kind == Kind.PROBLEM
    assert f"AADSTS{number}" in page.text


def test_a_state_is_used_once(services, browser, provider, begin):
    """A state is used once: the same answer of Microsoft gets 400 the second time."""
    run = begin()
    query = signed(services, browser, provider, run)
    browser.get(BACK, query_string=query)
    again = browser.get(BACK, query_string=query)
    assert again.status_code == 400
    assert last(services, run).kind == Kind.SIGNED_IN
    assert len(services.store.events(run.id)) == 3


@pytest.mark.parametrize(
    "query", [{}, {"state": ""}, {"state": "made-up", "code": "x"}, {"error": "access_denied"}]
)
def test_a_state_that_was_never_given_out(browser, query):
    """A state that was never issued gets 400 and has no effect."""
    page = browser.get(BACK, query_string=query)
    assert (page.status_code, text("page.over_title") in page.text) == (400, True)


def test_a_declined_sign_in_is_told(services, browser, begin):
    """A declined sign-in is shown on the page and recorded, with Microsoft's own code."""
    run = begin()
    state = depart(services, browser, run)["state"]
    words = "AADSTS65004: No. Trace ID: t Correlation ID: c Timestamp: 2026-11-25 09:00:00Z"
    query = {"state": state, "error": "access_denied", "error_description": words}
    page = browser.get(BACK, query_string=query)
    event = last(services, run)
    told = {"question": "sign_in", "cause": "consent_declined"}
    assert (event.kind, event.data | told) == (Kind.PROBLEM, event.data)
    assert ("AADSTS65004" in page.text, page.status_code) == (True, 200)


@pytest.mark.parametrize(
    "claims", [{"aud": "another"}, {"nonce": "another"}, {"exp": 1}, {"tid": "another"}]
)
def test_a_token_that_is_not_ours(services, browser, provider, begin, claims):
    """A token with a wrong audience, nonce, tenant or expiry does not sign a person in."""
    run = begin()
    provider.claims.update(claims)
    browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert last(services, run).kind == Kind.PROBLEM
    assert services.vault.holds(f"session:{run.id}") is False


OTHERS_TENANT = "99999999-2222-3333-4444-555555555555"
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "p"})
CHANGING = changing("application")
APPROVED = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})


@pytest.mark.slow
@pytest.mark.parametrize(("tenant", "counts"), [(TENANT, True), (OTHERS_TENANT, False)])
@pytest.mark.parametrize(
    "word", [(APPROVED,), (APPROVED, CHANGING), (APPROVED, CHANGING, Event(Kind.DETAILS, now()))]
)
def test_a_run_stays_in_its_tenant(services, browser, provider, begin, word, tenant, counts):
    """After a plan was approved, an administrator of another tenant cannot continue the run."""
    admin = Event(Kind.SIGNED_IN, now(), account=Account(tenant, "oid-1", "admin@contoso.com"))
    run = begin(admin, PLANNED, *word, Event(Kind.SIGNED_OUT, now()))
    browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert last(services, run).kind == (Kind.SIGNED_IN if counts else Kind.PROBLEM)
    assert services.vault.holds(f"session:{run.id}") == counts


def test_before_an_approval_any_tenant_may_be_tried(services, browser, provider, begin):
    """Before an approval, a person who picked the wrong account may pick one of another tenant."""
    account = Account(OTHERS_TENANT, "oid-9", "admin@fabrikam.com")
    admin = Event(Kind.SIGNED_IN, now(), account=account)
    run = begin(admin, PLANNED, Event(Kind.SIGNED_OUT, now()))
    browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert last(services, run).kind is Kind.SIGNED_IN


def test_of_two_who_sign_in_the_first_counts(services, browser, provider, begin):
    """If another person has signed in first, a late sign-in replaces no account and no token."""
    run = begin()
    query = signed(services, browser, provider, run)
    first = Account(TENANT, "oid-2", "first@contoso.com")
    services.store.append(run.id, replace(SIGNED_IN, account=first))
    page = browser.get(BACK, query_string=query)
    account = services.store.load(run.id).account
    assert text("page.done_title") in page.text
    assert (account and account.upn) == "first@contoso.com"
    assert not services.vault.holds(f"session:{run.id}")


def test_a_link_of_an_ended_run(services, browser, provider, begin):
    """An ended run gets 410 on the way to Microsoft and on the way back."""
    run = begin()
    query = signed(services, browser, provider, run)
    services.store.end(run, Event(Kind.CANCELLED, now()))
    assert browser.get(path(services, run)).status_code == 410
    assert browser.get(BACK, query_string=query).status_code == 410
    assert services.store.load(run.id).account is None


def test_a_link_whose_time_is_up(services, browser, begin):
    """A sign-in link whose time is up gets 410."""
    address = path(services, begin())
    (key,) = services.redis.scan_iter("sealed:page:*")
    name = key.decode().removeprefix("sealed:")
    ticket = codec.load(services.vault.get(name) or "", links.PageToken)
    over = replace(ticket, until=now() - timedelta(seconds=1))
    services.vault.put(name, codec.dump(over).decode(), 60)
    assert browser.get(address).status_code == 410


def test_somebody_is_signed_in_already(services, browser, begin):
    """If a person has signed in already, the page says so and has no button."""
    page = browser.get(path(services, begin(SIGNED_IN)))
    assert page.status_code == 200
    assert text("page.done_title") in page.text
    assert form_of(page) == {}


def test_an_unknown_link(services, browser, begin):
    """An unknown link, and a link of another kind, leads nowhere and gets 404."""
    other = path(services, begin()).replace("/signin/", "/consent/")
    for address in ("/signin/none", "/consent/none", "/rehearsal/none", other):
        assert browser.get(address).status_code == 404


@pytest.mark.parametrize(
    ("query", "kind", "cause"),
    [
        ({"admin_consent": "True", "tenant": TENANT.upper()}, Kind.ANSWERED, None),
        ({"admin_consent": "True", "tenant": "another"}, Kind.PROBLEM, "wrong_tenant"),
        ({"error": "access_denied", "tenant": TENANT}, Kind.PROBLEM, "consent_declined"),
        ({}, Kind.PROBLEM, "consent_declined"),
    ],
)
def test_admin_consent(services, browser, begin, query, kind, cause):
    """A consent redirect is recorded as an answer, but a refusal or another tenant as a problem."""
    run = begin(SIGNED_IN, APP)
    asked = depart(services, browser, run, "consent")
    assert asked["client_id"] == "email-app"
    assert asked["redirect_uri"] == "https://bot.example.test/microsoft/callback"
    browser.get(BACK, query_string=query | {"state": asked["state"]})
    event = last(services, run)
    assert (event.kind, event.data["question"], event.data.get("cause")) == (kind, "consent", cause)


def test_a_state_is_sealed_and_ends(services, redis):
    """A state keeps the PKCE verifier and the nonce for ten minutes.

    Both are unreadable in Redis and in a repr.
    """
    oauth_flow.save(services, "state-1", Flow("signin", "R1", '{"code_verifier": "verifier-1"}'))
    assert 0 < redis.ttl("sealed:flow:state-1") <= 600
    assert b"verifier-1" not in redis.get("sealed:flow:state-1")
    flow = oauth_flow.pop(services, "state-1")
    assert flow is not None
    assert flow.msal == {"code_verifier": "verifier-1"}
    assert "verifier-1" not in repr(flow)
    assert oauth_flow.pop(services, "state-1") is None
