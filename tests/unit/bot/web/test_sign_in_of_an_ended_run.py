"""A run that ends, or gets another account, during a sign-in: nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from adaptive_cards.texts import text
from bot.services import Services
from bot.web.oauth import FLOWS
from jobs.clock import now
from jobs.clouds.errors import CloudReply, Rejected
from jobs.model import Account
from jobs.runs.run import Event, Kind, Run
from tests.unit.bot.web.journey import BACK, last, signed


@pytest.fixture
def services(microsoft_services: Services) -> Services:
    """Services with a Microsoft on loopback."""
    return microsoft_services


@pytest.mark.parametrize("fails", [False, True], ids=["it_works", "it_does_not"])
def test_a_run_that_ends_during_a_sign_in(
    services: Services,
    browser: FlaskClient,
    provider: Any,
    begin: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    fails: bool,
):
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


def test_a_sign_in_that_ends_after_another_one(
    services: Services,
    browser: FlaskClient,
    provider: Any,
    begin: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
):
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
