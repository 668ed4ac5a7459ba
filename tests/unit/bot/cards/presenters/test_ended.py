"""The cards of a run that has ended: none of them asks for anything."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bot.cards import draw
from bot.cards.delivery import Face, Shown
from bot.cards.presenters import progress as progress_face
from bot.services import Desk
from jobs.clock import now
from jobs.model import Account, Change, Finding, Profile, Scope, State, Turn, Words
from jobs.runs.run import Event, Kind, Run
from jobs.steps import steps_for
from jobs.storage import codec

ADMIN = "admin@example.test"
SIGNED_IN = Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", ADMIN))
LINE = Change("smtp_auth", "M2", Words("step.smtp_auth"), Words("seen.off"), Words("seen.on"), Scope.MAILBOX, "Set-CASMailbox")
WIDE = Change("customization", "M5", Words("step.customization"), Words("seen.off"), Words("seen.on"), Scope.TENANT, "Enable")
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(LINE, WIDE))
APPROVED = Event(Kind.APPROVED, now(), by="anna@example.test", data={"plan": "plan-1", "scope": "mailbox"})
ASKED = Event(Kind.ANSWERED, now(), data={"question": "administrator", "value": ADMIN})
SLOTS = ("signin", f"signin-direct:{ADMIN}", "plan", "progress", "consent", "connect", "rehearsal", "mail")
Begin = Callable[..., Run]


def found(step: str, state: State = State.OK, **more: object) -> Event:
    """Something was found."""
    return Event(Kind.FOUND, now(), step=step, finding=Finding(step, state, **more))  # type: ignore[arg-type]  # the finding's own names


def shown(desk: Desk, run: Run, *slots: str, turn: str = "ask") -> None:
    """These cards stand in Webex already."""
    for slot in slots:
        desk.redis.hset(f"cards:{run.id}", slot, codec.dump(Shown("m", "r", "x", turn, now())))


def faces(desk: Desk, run: Run) -> dict[str, Face]:
    """Every face of the run."""
    return {face.slot: face for of in draw.FACES for face in of(run, desk)}


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FAILED])
@pytest.mark.parametrize("events", [(ASKED,), (ASKED, SIGNED_IN, PLANNED), (ASKED, SIGNED_IN, PLANNED, APPROVED)])
def test_nothing_is_asked_for_any_more(desk: Desk, begin: Begin, events: tuple[Event, ...], end: Kind):
    """Every card that was shown says so, has no button, and is drawn whatever Webex takes."""
    run = begin(*events, Event(end, now()))
    shown(desk, run, *SLOTS)
    drawn = faces(desk, run)
    wanted = (
        set(SLOTS)
        - ({"plan"} if SIGNED_IN not in events else set())
        - ({"progress"} if SIGNED_IN not in events and end is Kind.CANCELLED else set())
    )
    assert drawn.keys() == wanted
    asks = [
        slot for slot, face in drawn.items() if '"do"' in json.dumps(face.card.content) or "Action.OpenUrl" in json.dumps(face.card.content)
    ]
    assert (asks, [slot for slot, face in drawn.items() if not face.last]) == ([], [])


def test_what_was_never_shown_is_not_shown_then(desk: Desk, begin: Begin):
    """Nor is a card changed that says who has signed in."""
    run = begin(SIGNED_IN, Event(Kind.CANCELLED, now()))
    shown(desk, run, "signin", turn="signed in")
    assert faces(desk, run) == {}


def test_the_test_mails_card_at_the_end(desk: Desk, begin: Begin):
    """It asks no agent for anything, and says when each station was passed."""
    at = "2026-11-25T09:00:00+00:00"
    passed = [found("test_mail", facts={"arrived_at": at, "forwarded_at": at}), found("agent_answer", facts={"answered_at": at})]
    run = begin(SIGNED_IN, PLANNED, APPROVED, *(found(name) for name in steps_for(Profile.ARTICLE)), *passed, Event(Kind.FINISHED, now()))
    shown(desk, run, "mail")
    drawn = faces(desk, run)
    content = json.dumps(drawn["mail"].card.content)
    assert (drawn["mail"].last, content.count("09:00:00"), '"do"' in content) == (True, 4, False)


@pytest.mark.parametrize(
    ("event", "buttons", "remedy"),
    [
        (found("ids", State.UNKNOWN, cause="change_never_shown"), ("look_again",), "remedy.change_never_shown"),
        (found("ids", State.UNKNOWN, cause="exchange_role_missing"), ("look_again", "sign_in_other"), "remedy.exchange_role_missing"),
        (found("ids", State.UNKNOWN, cause="entra_busy", until=now()), (), ""),
        (found("ids", State.UNKNOWN, cause="of_another_version"), ("look_again",), ""),
        (
            found("test_mail", State.WAITING, cause="mail_not_delivered", waiting_for=Turn.ADMINISTRATOR),
            ("look_again",),
            "remedy.mail_not_delivered",
        ),
        (found("test_mail", State.WAITING, cause="forwarding_blocked", waiting_for=Turn.TIME, until=now()), (), ""),
        (found("admin_consent", State.WAITING, waiting_for=Turn.ADMINISTRATOR), ("consent_again",), ""),
        (found("smtp_auth"), (), ""),
    ],
)
def test_what_leads_on_stands_on_the_progress_card(desk: Desk, begin: Begin, event: Event, buttons: tuple[str, ...], remedy: str):
    """Look again where it is asked for, with what to do; Send card again where there is one to send."""
    view = progress_face.view(
        begin(SIGNED_IN, PLANNED, APPROVED, Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "tenant"}), event)
    )
    assert (view.buttons, view.remedy) == (buttons, Words(remedy) if remedy else None)
