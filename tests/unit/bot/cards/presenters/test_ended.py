"""The cards of a run that has ended: none of them asks for anything."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bot.cards import draw
from bot.cards.presenters import progress as progress_face
from bot.cards.presenters.card_state import DesiredCard, PostedCard, protected
from bot.services import Services
from jobs.clock import now
from jobs.model import Account, Change, Finding, Profile, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind, Run
from jobs.steps import steps_for

ADMIN = "admin@example.test"
SIGNED_IN = Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", ADMIN))
LINE = Change(
    "smtp_auth",
    "M2",
    Text("step.smtp_auth"),
    Text("seen.off"),
    Text("seen.on"),
    Scope.MAILBOX,
    "Set-CASMailbox",
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
APPROVED = Event(
    Kind.APPROVED, now(), by="anna@example.test", data={"plan": "plan-1", "scope": "mailbox"}
)
ASKED = Event(Kind.ANSWERED, now(), data={"question": "administrator", "value": ADMIN})
SLOTS = (
    "signin",
    f"signin-direct:{ADMIN}",
    "plan",
    "progress",
    "consent",
    "connect",
    "rehearsal",
    "mail",
)
Begin = Callable[..., Run]


def found(step: str, state: State = State.OK, **more: object) -> Event:
    """Something was found."""
    return Event(
        Kind.FOUND,
        now(),
        step=step,
        finding=Finding(
            step,
            state,
            **more,  # type: ignore[arg-type]  # the finding's own names
        ),
    )


def shown(services: Services, run: Run, *slots: str, turn: str = "ask") -> None:
    """These cards stand in Webex already."""
    for slot in slots:
        services.redis.hset(
            f"cards:{run.id}",
            slot,
            protected(services, run.id, slot, PostedCard("m", "r", "x", turn, now())),
        )


def cards(services: Services, run: Run) -> dict[str, DesiredCard]:
    """Every card of the run."""
    return {card.slot: card for of in draw.PRESENTERS for card in of(run, services)}


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FAILED])
@pytest.mark.parametrize(
    "events", [(ASKED,), (ASKED, SIGNED_IN, PLANNED), (ASKED, SIGNED_IN, PLANNED, APPROVED)]
)
def test_nothing_is_asked_for_any_more(
    services: Services, begin: Begin, events: tuple[Event, ...], end: Kind
):
    """Every card that was shown says so, has no button, and is drawn whatever Webex takes."""
    run = begin(*events, Event(end, now()))
    shown(services, run, *SLOTS)
    drawn = cards(services, run)
    wanted = (
        set(SLOTS)
        - ({"plan"} if SIGNED_IN not in events else set())
        - ({"progress"} if SIGNED_IN not in events and end is Kind.CANCELLED else set())
    )
    assert drawn.keys() == wanted
    asks = [
        slot
        for slot, card in drawn.items()
        if '"do"' in json.dumps(card.card.content)
        or "Action.OpenUrl" in json.dumps(card.card.content)
    ]
    assert (asks, [slot for slot, card in drawn.items() if not card.final]) == ([], [])


def test_what_was_never_shown_is_not_shown_then(services: Services, begin: Begin):
    """Nor is a card changed that says who has signed in."""
    run = begin(SIGNED_IN, Event(Kind.CANCELLED, now()))
    shown(services, run, "signin", turn="signed in")
    assert cards(services, run) == {}


def test_the_test_mails_card_at_the_end(services: Services, begin: Begin):
    """It asks no agent for anything, and says when each station was passed."""
    at = "2026-11-25T09:00:00+00:00"
    passed = [
        found("test_mail", facts={"arrived_at": at, "forwarded_at": at}),
        found("agent_answer", facts={"answered_at": at}),
    ]
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        *(found(name) for name in steps_for(Profile.ARTICLE)),
        *passed,
        Event(Kind.FINISHED, now()),
    )
    shown(services, run, "mail")
    drawn = cards(services, run)
    content = json.dumps(drawn["mail"].card.content)
    assert (drawn["mail"].final, content.count("09:00:00"), '"do"' in content) == (True, 4, False)


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

    It shows Send card again if a card can be sent again.
    """
    view = progress_face.view(
        begin(
            SIGNED_IN,
            PLANNED,
            APPROVED,
            Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "tenant"}),
            event,
        )
    )
    assert (view.buttons, view.remedy) == (buttons, Text(remedy) if remedy else None)
