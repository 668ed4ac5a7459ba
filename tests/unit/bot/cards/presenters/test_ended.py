"""The cards of a run that has ended: none of them asks for anything."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters import progress
from bot.cards.presenters.card_state import slot_of
from jobs.clock import now
from jobs.model import Finding, Scope, State, Turn
from jobs.runs.run import Event, Kind
from practice.cardtext import lines
from tests.fixtures.run_events import answered, changing
from tests.unit.bot.cards.presenters.stage_events import (
    ADMIN,
    APPROVED,
    CONSENT,
    LINE,
    SIGNED_IN,
    found,
    living,
    shown as posted,
    verbs,
)

WIDE = replace(LINE, step="customization", row="M5", scope=Scope.TENANT)
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(LINE, WIDE))
ASKED = answered("administrator", ADMIN)


def places(services, run):
    """Return all cards that the run shows, by their place."""
    return {card.to: card for card in living(services, run)}


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FAILED])
@pytest.mark.parametrize(
    "events", [(ASKED,), (ASKED, SIGNED_IN, PLANNED), (ASKED, SIGNED_IN, PLANNED, APPROVED)]
)
def test_nothing_is_asked_for_any_more(services, begin, events, end):
    """After the end of a run, the card of each place says so and has no button.

    The card in the space may become history later, so its last edit is left.
    """
    run = begin(*events, Event(end, now()))
    posted(services, run, *map(slot_of, ("thread", ADMIN)))
    shown = places(services, run)
    assert shown.keys() == {"thread", ADMIN}
    assert [verbs(card) for card in shown.values()] == [[], []]
    assert {place: card.final for place, card in shown.items()} == {"thread": False, ADMIN: True}


def test_a_cancelled_run_that_changed_something_offers_to_undo_it(services, begin):
    """A canceled run names its changes, and offers to undo them."""
    changes = replace(changing("smtp_auth"), changes=(LINE,))
    changed = Event(Kind.CHANGED, now(), step="smtp_auth")
    run = begin(SIGNED_IN, PLANNED, APPROVED, changes, changed, Event(Kind.CANCELLED, now()))
    card = places(services, run)["thread"]
    assert verbs(card) == ["undo"]
    assert "These changes remain" in card.card.text


def unknown(cause: str, **more: object) -> Event:
    """Return a finding that could not be read because of this cause."""
    return found("ids", State.UNKNOWN, cause=cause, **more)


def stopped(cause: str, turn: Turn, **more: object) -> Event:
    """Return a test mail that was stopped, and who acts."""
    return found("test_mail", State.WAITING, cause=cause, waiting_for=turn, **more)


@pytest.mark.parametrize(
    ("event", "buttons", "remedy"),
    [
        (unknown("change_never_shown"), ["look_again"], "change_never_shown"),
        (
            unknown("exchange_role_missing"),
            ["look_again", "sign_in_other"],
            "exchange_role_missing",
        ),
        (unknown("entra_busy", until=now()), [], ""),
        (unknown("of_another_version"), ["look_again"], ""),
        (stopped("mail_not_delivered", Turn.ADMINISTRATOR), ["look_again"], "mail_not_delivered"),
        (stopped("forwarding_blocked", Turn.TIME, until=now()), [], ""),
        (CONSENT, ["consent_again"], ""),
        (found("smtp_auth"), [], ""),
    ],
)
def test_what_leads_on_stands_on_the_progress_card(services, begin, event, buttons, remedy):
    """The progress card shows Look again if it is needed, with the remedy.

    The card shows Send card again if a card can be sent again.
    """
    tenant = Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "tenant"})
    run = begin(SIGNED_IN, PLANNED, APPROVED, tenant, event)
    (card,) = progress.progress_cards(run, services)
    assert verbs(card) == [*buttons, "cancel"]
    told = remedy and text(f"remedy.{remedy}")
    assert told in "\n".join(lines(card.card.content))


@pytest.mark.parametrize(
    ("state", "object_id", "told"),
    [
        (State.WAITING, "", "it remains until Undo deletes the app"),
        (State.WAITING, "object-1", "Enterprise applications, Webex mail, Permissions"),
        (State.OK, "", ""),
    ],
)
def test_an_open_consent_is_named(services, begin, state, object_id, told):
    """The card of a canceled run says that a consent may still be accepted, and how it is revoked."""
    facts, values = {"app_name": "Webex mail"}, {"object_id": object_id}
    app = Finding("application", State.OK, facts=facts, values=values)
    consent = Finding("admin_consent", state, waiting_for=Turn.ADMINISTRATOR)
    run = begin(
        SIGNED_IN,
        Event(Kind.CHANGING, now(), step="application", finding=app),
        Event(Kind.FOUND, now(), step="application", finding=app),
        Event(Kind.FOUND, now(), step="admin_consent", finding=consent),
        Event(Kind.CANCELLED, now()),
    )
    (card,) = progress.end_cards(run, services)
    words = str(card.card.content)
    assert ("Admin consent was still open" in words, told in words) == (bool(told), True)
