"""A run that ends during a sign-in: the sign-in is neither recorded nor kept."""

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
