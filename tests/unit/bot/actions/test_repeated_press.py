"""Presses whose worker died after it had recorded them, so that they are handled again."""

from __future__ import annotations

from dataclasses import replace

from bot.chat.context import ChatContext
from bot.commands import runs, setup_email
from jobs.clock import now
from jobs.model import RunKind, State, Turn
from jobs.runs.run import Event, Kind, Run
from jobs.storage.vault import Sealed
from tests.fixtures.run_events import found
from tests.unit.bot.actions.presses import press, queued
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN

FORM = found("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER)


def times(anna: ChatContext, run: Run, kind: Kind) -> int:
    """Return how often an event of this kind is in the run."""
    return [each.kind for each in anna.services.store.events(run.id)].count(kind)


def test_an_approval_is_recorded_once_and_goes_on(anna, begin, said):
    """An approval that is handled again is recorded once, and a worker carries on the run.

    Nobody reads that the button was pressed before.
    """
    run, pressing = begin(SIGNED_IN, PLANNED), replace(anna, action_id="press-1")
    press(pressing, "approve", run=run.id, plan="plan-1")
    anna.services.runs.queue.empty()
    press(pressing, "approve", run=run.id, plan="plan-1")
    assert (times(anna, run, Kind.APPROVED), said()) == (1, [])
    assert f"jobs.advance.advance {run.id}" in queued(anna)


def test_the_sign_in_of_the_rehearsal_stays_sealed(anna, begin):
    """If Rehearse is handled again, the rehearsal's token from the time in between is kept.

    So the mailbox user does not sign in twice.
    """
    run, pressing = begin(SIGNED_IN, FORM), replace(anna, action_id="press-1")
    press(pressing, "rehearse", run=run.id)
    token = Sealed.REHEARSAL_TOKEN.of(run.id)
    anna.services.vault.put(token, "sealed-here", 60)
    press(pressing, "rehearse", run=run.id)
    assert anna.services.vault.get(token) == "sealed-here"
    press(replace(anna, action_id="press-2"), "rehearse", run=run.id)
    assert anna.services.vault.get(token) is None


def test_registered_does_not_repeat_a_mail_that_was_sent_meanwhile(anna, begin):
    """If Registered is handled again, the first test mail that it asked for stays the only one."""
    sent = found("test_mail")
    changing = replace(sent, kind=Kind.CHANGING)
    changed = Event(Kind.CHANGED, now(), step="test_mail")
    pressing, run = replace(anna, action_id="press-1"), begin(SIGNED_IN, FORM)
    press(pressing, "registered", run=run.id)
    anna.services.store.append(run.id, changing, changed, sent)
    press(pressing, "registered", run=run.id)
    assert anna.services.store.load(run.id).settled("test_mail")


def test_a_press_that_ended_the_run_drops_what_is_left(anna, begin, said):
    """If a worker died before it dropped the client secret, Cancel drops it when handled again."""
    run, pressing = begin(SIGNED_IN, PLANNED), replace(anna, action_id="press-1")
    press(pressing, "cancel", run=run.id)
    secret = Sealed.CLIENT_SECRET.of(run.id)
    anna.services.vault.put(secret, "sealed-here", 60)
    press(pressing, "cancel", run=run.id)
    assert (anna.services.vault.holds(secret), times(anna, run, Kind.CANCELLED)) == (False, 1)
    assert all("refused" not in words and "ended" not in words for _, words in said())


def test_a_typed_cancel_answers_although_the_run_is_over(anna, begin, said):
    """A ``/cancel`` that is handled again gets the same answer: the run is canceled."""
    run = begin(SIGNED_IN, PLANNED)
    for _ in range(2):
        runs.run(anna, run.id)
    assert len(said()) == 2
    assert len({words for _, words in said()}) == 1
    other = replace(anna, message="typed-2")
    runs.run(other, run.id)
    assert said()[-1] != said()[0]


def test_a_repeated_cancel_ends_no_run_that_began_since(anna, begin, said):
    """The message that canceled a run means that run only, although another one is open by then."""
    runs.run(anna, begin(SIGNED_IN, PLANNED).id)
    newer = begin(SIGNED_IN, PLANNED)
    runs.run(anna, "")
    assert anna.services.store.load(newer.id).ended is None
    assert len({words for _, words in said()}) == 1


def test_a_typed_fix_does_not_point_to_its_own_run(anna, said, begin):
    """A ``/fix`` that is handled again finds its own run, wakes its worker, and says nothing."""
    run = begin(detailed=False)
    channel = run.channel
    anna.services.store.end(run, Event(Kind.CANCELLED, now()))
    for _ in range(2):
        setup_email.begin_known(anna, channel, RunKind.FIX)
    (opened,) = (each for each in anna.services.store.runs_in_space("room-1") if not each.ended)
    assert (times(anna, opened, Kind.DETAILS), said()) == (1, [])
    setup_email.begin_known(replace(anna, message="typed-2"), channel, RunKind.FIX)
    assert len(said()) == 1


def test_a_second_press_is_another_press(anna, begin, said):
    """A second press of a button gets an answer; only the same press, handled again, is silent."""
    run = begin(SIGNED_IN, PLANNED)
    for press_id in ("press-1", "press-2"):
        press(replace(anna, action_id=press_id), "approve", run=run.id, plan="plan-1")
    assert len(said()) == 1
