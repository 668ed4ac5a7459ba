"""Cards that say who was asked and since when, and the result of a look."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.locale import clock, day_clock
from adaptive_cards.texts import text
from bot.cards.presenters import progress
from bot.cards.presenters.card_state import header
from jobs.clock import now
from jobs.model import RunKind, State, Text, Turn
from jobs.next_action import next_action, wait_of
from jobs.runs.run import Event, Kind
from practice import cardtext
from tests.unit.bot.cards.presenters.stage_events import (
    ADMIN,
    APPROVED,
    CONSENT,
    PLANNED,
    SIGNED_IN,
    answered,
    cards,
    found,
)

BEGUN = (SIGNED_IN, PLANNED, APPROVED)
UNAPPROVED = found(
    "smtp_auth", State.WAITING, waiting_for=Turn.APPROVER, seen=Text("seen.not_approved")
)


def said(card) -> str:
    """Return everything that the card says."""
    return "\n".join(cardtext.lines(card.card.content))


def of_slot(services, run, slot: str, to: str = "thread"):
    """Return the presenter's card for this place."""
    return next(card for card in cards(services, run) if (card.slot, card.to) == (slot, to))


def is_green(card) -> bool:
    """Return whether the card has a main button."""
    return "positive" in str(card.card.content)


@pytest.mark.parametrize(("room", "known"), [("room-1", True), ("room-2", False)])
def test_the_administrator_of_the_last_run_is_filled_in(services, begin, room, known):
    """A fix proposes the administrator who was asked before in its space, and in no other space."""
    setup = begin(answered("administrator", ADMIN))
    services.store.end(setup, Event(Kind.CANCELLED, now()))
    origin = replace(setup.origin, room=room)
    fix = services.store.open(setup.channel, setup.requester, origin, RunKind.FIX)
    services.store.append(fix.id, Event(Kind.DETAILS, now(), channel=setup.channel))
    card = of_slot(services, services.store.load(fix.id), "signin")
    assert (ADMIN in str(card.card.content)) == known


def test_the_thread_says_whom_the_sign_in_waits_for(services, begin):
    """The thread says whom the sign-in waits for, and since when.

    The button to sign in is green only in that person's 1:1.
    """
    run = begin(answered("administrator", ADMIN))
    thread, direct = of_slot(services, run, "signin"), of_slot(services, run, "signin", ADMIN)
    waits = text("living.waits", who=ADMIN, at=day_clock(run.answers["administrator"].at))
    assert (waits in said(thread), waits in said(direct)) == (True, False)
    assert (is_green(thread), is_green(direct)) == (False, True)
    assert ["consent_again" in str(each.card.content) for each in (thread, direct)] == [True, False]


def test_the_thread_says_whom_the_consent_waits_for(services, begin):
    """The thread names the administrator who was asked for consent.

    If nobody was asked, the thread names the administrator who was asked to sign in.
    """
    other = "other@example.test"
    run = begin(*BEGUN, CONSENT, answered("administrator", ADMIN))
    services.store.append(run.id, answered("consent_administrator", other))
    later = services.store.load(run.id)
    told = [said(of_slot(services, each, "consent")) for each in (run, later)]
    assert [
        f"{who}'s turn: asked in a 1:1 message" in each
        for who, each in zip((ADMIN, other), told, strict=True)
    ] == [True, True]


def test_the_wait_for_the_consent_goes_on_after_a_look(services, begin):
    """A look reads what the consent needs once more, and the wait does not begin with it."""
    met, later = found("service_principal"), now() + timedelta(hours=1)
    run = begin(*BEGUN, met, CONSENT, answered("administrator", ADMIN))
    again = (Event(Kind.LOOK_AGAIN, later), replace(met, at=later), replace(CONSENT, at=later))
    services.store.append(run.id, *again)
    assert wait_of(services.store.load(run.id)) == wait_of(run)


def test_already_granted_is_answered(services, begin):
    """After Already granted, the card says that the permission is not granted yet, and when.

    A press of Look again on the plan, before the approval, is none of Already granted.
    """
    on_the_plan = replace(answered("look_again"), at=APPROVED.at - timedelta(seconds=1))
    run = begin(*BEGUN, on_the_plan, CONSENT)
    before = of_slot(services, run, "consent")
    services.store.append(run.id, answered("look_again", now().isoformat()))
    pressed = of_slot(services, services.store.load(run.id), "consent")
    services.store.append(run.id, replace(CONSENT, at=now() + timedelta(seconds=1)))
    run = services.store.load(run.id)
    after = of_slot(services, run, "consent")
    told = text("consent.not_granted", name="Mail.Send")
    assert [told in said(card) for card in (before, pressed, after)] == [False, False, True]
    assert clock(run.answers["look_again"].at) in said(after)
    assert after.urgency != before.urgency


def test_a_row_is_not_unapproved_after_the_approval(services, begin):
    """After an approval, a row no longer shows the old finding that the step is not approved.

    The step comes next.
    """
    right = (found("send_as"), found("security_defaults"))
    before = begin(SIGNED_IN, PLANNED, *right, UNAPPROVED)
    services.store.append(before.id, APPROVED)
    after = services.store.load(before.id)
    shown = [progress.progress(run, header(run), now()).content for run in (before, after)]
    told = [text("seen.not_approved") in "\n".join(cardtext.lines(each)) for each in shown]
    assert told == [True, False]


def test_a_line_that_is_not_approved_stays_so(services, begin):
    """A step stays unapproved if only another step was approved."""
    run = begin(*BEGUN, found("ids"))
    other = found("app", State.WAITING, waiting_for=Turn.APPROVER, seen=Text("seen.not_approved"))
    services.store.append(run.id, replace(other, step="application"))
    run = services.store.load(run.id)
    assert text("seen.not_approved") in said(of_slot(services, run, "progress"))


def test_nobody_is_asked_while_the_bot_makes_its_own_secret(services, begin):
    """While the bot makes its own secret, nobody is asked for the rehearsal.

    The sign-in would fail without the secret, so its card is not there yet.
    """
    wanted = found("check_secret", State.WAITING, waiting_for=Turn.MAILBOX_USER)
    rehearsal = found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)
    form = found("mailbox_fields")
    run = begin(*BEGUN, found("admin_consent"), form, wanted, rehearsal, answered("rehearse"))
    before = next_action(run)
    services.store.append(run.id, found("check_secret"))
    after = next_action(services.store.load(run.id))
    assert (before.turn, after.turn, after.words.key) == (
        Turn.NOBODY,
        Turn.MAILBOX_USER,
        "turn_words.rehearsal_sign_in",
    )


def test_a_grant_is_read_before_consent_is_asked_for_again(services, begin):
    """If a browser came back with a grant, nobody is asked for consent until the next look.

    That look may ask again.
    """
    run = begin(*BEGUN, CONSENT)
    asked = next_action(run)
    services.store.append(run.id, answered("consent", "granted"))
    granted = services.store.load(run.id)
    reading = next_action(granted)
    assert [card.slot for card in cards(services, granted) if card.slot == "consent"] == []
    services.store.append(run.id, replace(CONSENT, at=now() + timedelta(seconds=1)))
    again = next_action(services.store.load(run.id))
    assert [each.turn for each in (asked, reading, again)] == [
        Turn.ADMINISTRATOR,
        Turn.NOBODY,
        Turn.ADMINISTRATOR,
    ]


def test_a_press_is_no_news_before_its_look(services, begin):
    """If Webex takes no edits, Already granted posts nothing by itself, but its result does."""
    run = begin(*BEGUN, CONSENT)
    before = of_slot(services, run, "consent").prompt
    services.store.append(run.id, answered("look_again", now().isoformat()))
    pressed = of_slot(services, services.store.load(run.id), "consent").prompt
    services.store.append(run.id, replace(CONSENT, at=now() + timedelta(seconds=1)))
    read = of_slot(services, services.store.load(run.id), "consent").prompt
    assert (before == pressed, before == read) == (True, False)


def test_a_sign_in_is_used_before_it_is_asked_for_again(services, begin):
    """Once the mailbox user has signed in, nobody is asked until the login.

    The login may ask again.
    """
    open_again = found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)
    begun = (*BEGUN, found("admin_consent"), found("mailbox_fields"), open_again)
    run = begin(*begun, answered("rehearse"))
    services.store.append(run.id, answered("mailbox_sign_in"))
    signed_in = services.store.load(run.id)
    services.store.append(run.id, replace(open_again, at=now() + timedelta(seconds=1)))
    again = services.store.load(run.id)
    shown = [
        any(c.slot == "rehearsal" for c in cards(services, r)) for r in (run, signed_in, again)
    ]
    assert (shown, [next_action(each).turn for each in (run, signed_in, again)]) == (
        [True, False, True],
        [Turn.MAILBOX_USER, Turn.NOBODY, Turn.MAILBOX_USER],
    )
