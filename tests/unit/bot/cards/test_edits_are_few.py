"""Edits of a card: Webex takes ten of a message, so they are combined, and the last one is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards import delivery
from bot.cards.presenters.card_state import EDITS, earlier_slot, posted_card
from bot.services import Services
from bot.webex.client import WebexError
from jobs.clock import now
from jobs.runs.run import Run
from tests.unit.bot.cards.small_card import age, card, later, methods, plan_card


def test_small_news_does_not_use_up_the_edits(services, run, said):
    """After four minor edits, the rest is shown with the next update that asks somebody."""
    delivery.sync(services, run, card("a"))
    for number in range(delivery.MINOR_MOST + 2):
        age(services, run, at=now() - timedelta(hours=1))
        assert delivery.sync(services, run, card(f"small {number}")) == 0
    assert methods(said) == ["POST", *["PUT"] * delivery.MINOR_MOST]
    delivery.sync(services, run, card("b", urgency="approver"))
    assert methods(said)[-1] == "PUT"


def test_what_asks_nobody_waits_for_what_may_follow(services, run, said, monkeypatch):
    """An update without a request waits two seconds once, and not again for the next one."""
    delivery.sync(services, run, card("a", urgency="anna", prompt="anna"))
    assert 0 < delivery.sync(services, run, card("b", urgency="", prompt="")) <= delivery.CALM_S
    later(monkeypatch, delivery.CALM_S)
    assert delivery.sync(services, run, card("c", urgency="", prompt="")) <= 0
    assert methods(said) == ["POST", "PUT"]


def test_the_first_results_of_a_check_do_not_wait(services, run, said):
    """The first finding and the cause are shown at once, because they count in an incident.

    The findings that follow share an edit.
    """
    delivery.sync(services, run, card("a"))
    found = [replace(card(cause, urgency=cause, prompt=""), at_once=2) for cause in "bcd"]
    assert [delivery.sync(services, run, each) for each in found[:2]] == [0, 0]
    assert 0 < delivery.sync(services, run, found[2]) <= delivery.CALM_S
    assert methods(said) == ["POST", "PUT", "PUT"]


def test_a_card_that_takes_no_more_edits_is_kept_for_its_last(services, run, said):
    """If a new message takes over, the earlier message still has an edit to say so."""
    delivery.sync(services, run, card("a"))
    age(services, run, edits=EDITS - 1)
    delivery.sync(services, run, card("b", urgency="approver"))
    earlier = posted_card(services, run.id, earlier_slot("thread", "posted-1"))
    assert earlier is not None
    assert (earlier.message, earlier.edits, services.cards.schedule.due(run.id) > 0) == (
        "posted-1",
        EDITS - 1,
        True,
    )


def test_an_edit_that_is_not_confirmed_counts(services, run, monkeypatch):
    """An edit counts if its process died, because Webex may have made the edit."""
    delivery.sync(services, run, card("a"))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for edits in (1, 2):
        with monkeypatch.context() as dying:
            dying.setattr(type(services.messenger), "edit", die)
            with pytest.raises(KeyboardInterrupt):
                delivery.sync(services, run, card("b", urgency="approver"))
        assert counted(services, run) == (edits, True, "")
    delivery.sync(services, run, card("b", urgency="approver"))
    assert counted(services, run) == (3, False, "approver")


def counted(services: Services, run: Run) -> tuple[int, bool, str]:
    """Return the edits of the posted card, whether the last is not confirmed, and its urgency."""
    shown = plan_card(services, run)
    return shown.edits, shown.tried, shown.urgency


@pytest.mark.parametrize(("status", "edits"), [(429, 0), (503, 0), (502, 1)])
def test_an_edit_that_webex_has_not_made_does_not_count(
    services, run, webex_script, reply, status, edits
):
    """An edit counts only if Webex may have made it, and only once."""
    delivery.sync(services, run, card("a"))
    webex_script.on("PUT", "/messages/posted-1", reply(status, {"message": "no"}))
    for _ in range(2):
        with pytest.raises(WebexError):
            delivery.sync(services, run, card("b", urgency="approver"))
        assert counted(services, run) == (edits, bool(edits), "")
