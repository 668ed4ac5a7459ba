"""A run that ends, or gets another account, during a sign-in: nothing of it is kept."""

from __future__ import annotations

import html
from typing import Any

import pytest

from adaptive_cards.texts import text
from bot.web.oauth import FLOWS
from jobs.clock import now
from jobs.clouds.errors import CloudReply, Rejected
from jobs.model import Account, Finding, State
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import noted
from tests.unit.bot.web.journey import BACK, depart, last, signed


@pytest.mark.parametrize("fails", [False, True], ids=["it_works", "it_does_not"])
def test_a_run_that_ends_during_a_sign_in(services, browser, provider, begin, monkeypatch, fails):
    """If a run ends during a sign-in, no event follows its end.

    No token of the administrator stays in the vault.
    """
    run, journey = begin(), FLOWS["signin"]
    query = signed(services, browser, provider, run)

    handle = journey.handle_callback

    def slow(_: object, *answer: Any) -> Any:
        arrival = handle(*answer)
        services.store.end(run, Event(Kind.CANCELLED, now()))
        if fails:
            raise Rejected("grant_invalid", CloudReply("entra", 400))
        return arrival

    monkeypatch.setattr(type(journey), "handle_callback", slow)
    page = browser.get(BACK, query_string=query)
    assert last(services, run).kind is Kind.CANCELLED
    if not fails:
        assert (page.status_code, text("page.over_title") in page.text) == (410, True)
        assert not services.vault.holds(f"session:{run.id}")


def test_a_sign_in_that_ends_after_another_one(services, browser, provider, begin, monkeypatch):
    """If another account signs in while Microsoft answers the first one, only that account counts.

    The plan shows it, and its tokens make the changes.
    """
    run, journey = begin(), FLOWS["signin"]
    query = signed(services, browser, provider, run)
    handle, other = journey.handle_callback, Account("tenant-1", "oid-9", "other@contoso.com")

    def slow(_: object, *answer: Any) -> Any:
        arrival = handle(*answer)
        services.vault.put(f"session:{run.id}", "the other's tokens", 60)
        services.store.append(run.id, Event(Kind.SIGNED_IN, now(), account=other))
        return arrival

    monkeypatch.setattr(type(journey), "handle_callback", slow)
    page = browser.get(BACK, query_string=query)
    assert text("page.done_title") in page.text
    assert last(services, run).account == other
    assert services.vault.get(f"session:{run.id}") == "the other's tokens"


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("late", [False, True], ids=["before", "while Microsoft is asked"])
def test_a_consent_that_is_accepted_after_the_end(
    services, browser, begin, monkeypatch, made, late
):
    """The page says what Microsoft has granted, and how to revoke it.

    Undo revokes it if the run has made the app, because it deletes the app.
    """
    values = {"object_id": "" if made else "object-1"}
    app = Finding("application", State.OK, facts={"app_name": "Webex mail"}, values=values)
    change = Event(Kind.CHANGING, now(), step="application", finding=app)
    run, journey = begin(change, noted(app)), FLOWS["consent"]
    query = {"state": depart(services, browser, run, "consent")["state"], "admin_consent": "True"}
    handle = journey.handle_callback

    def slow(_: object, *answer: Any) -> Any:
        services.store.end(run, Event(Kind.CANCELLED, now()))
        return handle(*answer)

    if late:
        monkeypatch.setattr(type(journey), "handle_callback", slow)
    else:
        services.store.end(run, Event(Kind.CANCELLED, now()))
    page = browser.get(BACK, query_string=query)
    assert (page.status_code, last(services, run).kind) == (410, Kind.CANCELLED)
    way = "press Undo on the card of run" if made else "Enterprise applications, Webex mail"
    assert "Webex mail now has what Microsoft" in html.unescape(page.text)
    assert way in page.text


def test_a_consent_that_was_declined_after_the_end(services, browser, begin):
    """A consent that was declined has granted nothing, so the link has only expired."""
    run = begin()
    query = {"state": depart(services, browser, run, "consent")["state"], "error": "access_denied"}
    services.store.end(run, Event(Kind.CANCELLED, now()))
    assert text("page.over_title") in browser.get(BACK, query_string=query).text
