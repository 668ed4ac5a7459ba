"""The cards of a run that has ended: none of them asks for anything."""

from __future__ import annotations

import pytest

from adaptive_cards.texts import text
from bot.cards import draw
from bot.cards.living import living_cards
from bot.cards.presenters import progress
from bot.cards.presenters.card_state import DesiredCard, PostedCard, protected, slot_of
from bot.services import Services
from jobs.clock import now
from jobs.model import Change, Finding, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind, Run
from practice.cardtext import lines
from practice.client import actions
from tests.unit.bot.cards.presenters.stage_events import (
    ADMIN,
    APPROVED,
    LINE,
    SIGNED_IN,
    Begin,
    found,
)

WIDE = Change(
    "customization",
    "M5",
    Text("step.customization"),
    Text("seen.off"),
    Text("seen.on"),
    Scope.TENANT,
    "Enable",
)
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(LINE, WIDE))
ASKED = Event(Kind.ANSWERED, now(), data={"question": "administrator", "value": ADMIN})


def living(services: Services, run: Run) -> dict[str, DesiredCard]:
    """Return all cards that the run shows, by their place."""
    wanted = [card for of in draw.PRESENTERS for card in of(run, services)]
    return {card.to: card for card in living_cards(run, services, wanted)}


def verbs(card: DesiredCard) -> list[str]:
    """Return the verbs and links of a card's buttons."""
    buttons = ({"card": card.card.content},)
    return [
        str(each.get("url") or each["data"]["do"])
        for message in buttons
        for each in actions(message)
        if "url" in each or "data" in each
    ]


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FAILED])
@pytest.mark.parametrize(
    "events", [(ASKED,), (ASKED, SIGNED_IN, PLANNED), (ASKED, SIGNED_IN, PLANNED, APPROVED)]
)
def test_nothing_is_asked_for_any_more(
    services: Services, begin: Begin, events: tuple[Event, ...], end: Kind
):
    """After the end of a run, the card of each place says so and has no button.

    The card in the space may become history later, so its last edit is left.
    """
    run = begin(*events, Event(end, now()))
    for place in ("thread", ADMIN):
        services.redis.hset(
            f"cards:{run.id}",
            slot_of(place),
            protected(services, run.id, slot_of(place), PostedCard("m", "r", "x", "", now())),
        )
    shown = living(services, run)
    assert shown.keys() == {"thread", ADMIN}
    assert [verbs(card) for card in shown.values()] == [[], []]
    assert {place: card.final for place, card in shown.items()} == {"thread": False, ADMIN: True}


def test_a_person_who_was_not_asked_is_not_told(services: Services, begin: Begin):
    """If nobody was asked 1:1, only the thread has a card about the end of the run."""
    run = begin(SIGNED_IN, Event(Kind.CANCELLED, now()))
    assert living(services, run).keys() == {"thread"}


def test_a_cancelled_run_that_changed_something_offers_to_undo_it(services: Services, begin: Begin):
    """A canceled run names its changes, and offers to undo them."""
    wrong = Finding("smtp_auth", State.WRONG)
    changing = Event(Kind.CHANGING, now(), step="smtp_auth", finding=wrong, changes=(LINE,))
    changed = Event(Kind.CHANGED, now(), step="smtp_auth")
    run = begin(SIGNED_IN, PLANNED, APPROVED, changing, changed, Event(Kind.CANCELLED, now()))
    card = living(services, run)["thread"]
    assert verbs(card) == ["undo"]
    assert "These changes remain" in card.card.text


@pytest.mark.parametrize(
    ("event", "buttons", "remedy"),
    [
        (
            found("ids", State.UNKNOWN, cause="change_never_shown"),
            ("look_again",),
            "remedy.change_never_shown",
        ),
        (
            found("ids", State.UNKNOWN, cause="exchange_role_missing"),
            ("look_again", "sign_in_other"),
            "remedy.exchange_role_missing",
        ),
        (found("ids", State.UNKNOWN, cause="entra_busy", until=now()), (), ""),
        (found("ids", State.UNKNOWN, cause="of_another_version"), ("look_again",), ""),
        (
            found(
                "test_mail",
                State.WAITING,
                cause="mail_not_delivered",
                waiting_for=Turn.ADMINISTRATOR,
            ),
            ("look_again",),
            "remedy.mail_not_delivered",
        ),
        (
            found(
                "test_mail",
                State.WAITING,
                cause="forwarding_blocked",
                waiting_for=Turn.TIME,
                until=now(),
            ),
            (),
            "",
        ),
        (
            found("admin_consent", State.WAITING, waiting_for=Turn.ADMINISTRATOR),
            ("consent_again",),
            "",
        ),
        (found("smtp_auth"), (), ""),
    ],
)
def test_what_leads_on_stands_on_the_progress_card(
    services: Services, begin: Begin, event: Event, buttons: tuple[str, ...], remedy: str
):
    """The progress card shows Look again if it is needed, with the remedy.

    The card shows Send card again if a card can be sent again.
    """
    tenant = Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "tenant"})
    run = begin(SIGNED_IN, PLANNED, APPROVED, tenant, event)
    (card,) = progress.progress_cards(run, services)
    assert verbs(card) == [*buttons, "cancel"]
    told = remedy and text(remedy)
    assert told in "\n".join(lines(card.card.content))


@pytest.mark.parametrize(
    ("state", "object_id", "told"),
    [
        (State.WAITING, "", "it remains until Undo deletes the app"),
        (State.WAITING, "object-1", "Enterprise applications, Webex mail, Permissions"),
        (State.OK, "", ""),
    ],
)
def test_an_open_consent_is_named(
    services: Services, begin: Begin, state: State, object_id: str, told: str
):
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
