"""Approvals of a plan: of the plan in force, by an approver, and never of a blocked plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from jobs.clock import now
from jobs.model import Finding, Profile, State, Text
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import changing, noted
from tests.unit.bot.actions.presses import press, queued, told
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN

ADDRESSES = {
    "callback_url": "https://uk.webexconnect.io/callback",
    "forwarding_address": "x1@mail.webexconnect.io",
}


@pytest.mark.parametrize(("do", "scope"), [("approve", "mailbox"), ("approve_tenant", "tenant")])
def test_an_approval(anna, begin, do, scope):
    """An approval of the plan in force is recorded with its person, and a worker continues.

    The cards are drawn.
    """
    run = begin(SIGNED_IN, PLANNED)
    press(anna, do, run=run.id, plan="plan-1")
    event = anna.services.store.events(run.id)[-1]
    assert event.kind == Kind.APPROVED
    assert event.by == "anna@example.test"
    assert event.data == {"plan": "plan-1", "scope": scope} | ADDRESSES
    assert queued(anna) == {f"jobs.advance.advance {run.id}", f"bot.cards.draw.draw {run.id}"}


def test_pressed_twice(anna, begin, said):
    """A second press of an approval changes nothing, and the answer says that it is the second."""
    run = begin(SIGNED_IN, PLANNED)
    for _ in range(2):
        press(anna, "approve", run=run.id, plan="plan-1")
    assert (len(told(anna, run)), text("refused.twice") in said()[0][1]) == (1, True)


@pytest.mark.parametrize("plan", ["plan-0", "", "x" * 10_000])
@pytest.mark.parametrize("do", ["approve", "approve_tenant", "least_privilege"])
def test_an_old_plan(anna, begin, said, do, plan):
    """A card that shows another plan than the one in force approves nothing."""
    run = begin(SIGNED_IN, PLANNED)
    press(anna, do, run=run.id, plan=plan)
    assert (told(anna, run), text("refused.old") in said()[0][1]) == ([], True)


def test_a_plan_that_is_asked_for_anew_gets_no_smaller(anna, begin):
    """After changes were made, a plan that needs a new approval cannot be made smaller.

    The changes of an earlier approval stay. The rest needs another approval, whatever else has
    become wrong.
    """
    wrong = Finding("mailbox_user", State.WRONG, seen=Text("seen.nobody"))
    changed = changing("smtp_auth")
    run = begin(SIGNED_IN, PLANNED, changed, noted(wrong))
    for do in ("least_privilege", "approve"):
        press(anna, do, run=run.id, plan="plan-1")
    assert [kind for kind, _ in told(anna, run)] == ["changing", "approved"]


def test_no_plan_is_not_approved(anna, begin):
    """A forged approval before the plan exists is ignored."""
    run = begin(SIGNED_IN)
    press(anna, "approve", run=run.id)
    assert told(anna, run) == []


def test_a_blocked_plan_is_not_approved(anna, begin):
    """A plan is not approved while something is wrong that the bot cannot change."""
    wrong = Finding("mailbox_user", State.WRONG, seen=Text("seen.nobody"))
    run = begin(SIGNED_IN, noted(wrong), PLANNED)
    press(anna, "approve", run=run.id, plan="plan-1")
    assert told(anna, run) == []


def test_only_an_approver_approves(anna, begin, said):
    """If approvers are configured, the requester alone cannot approve."""
    run = begin(SIGNED_IN, PLANNED)
    ctx = replace(
        anna,
        services=replace(
            anna.services, bot=replace(anna.services.bot, approvers=("boss@example.test",))
        ),
    )
    press(ctx, "approve", run=run.id, plan="plan-1")
    words = text("refused.not_approver", who="boss@example.test")
    assert (told(anna, run), words in said()[0][1]) == ([], True)
    press(replace(ctx, direct=True), "approve", run=run.id, plan="plan-1")
    words = text("refused.not_approver_direct", who="boss@example.test")
    assert (told(anna, run), words in said()[1][1]) == ([], True)


def test_less_is_asked_for(anna, begin):
    """Before an approval, least privilege changes the details, so that a new plan is made.

    After an approval, the press changes nothing.
    """
    run = begin(SIGNED_IN, PLANNED)
    press(anna, "least_privilege", run=run.id, plan="plan-1")
    assert anna.services.store.load(run.id).channel.profile == Profile.LEAST
    assert anna.services.store.load(run.id).plan is None
    approved = Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "mailbox"})
    anna.services.store.append(run.id, PLANNED, approved)
    press(anna, "least_privilege", run=run.id, plan="plan-1")
    assert anna.services.store.events(run.id)[-1] == approved


def test_less_is_asked_for_where_the_plan_is_stopped(anna, begin):
    """Least privilege can be chosen while the plan is blocked.

    The reason may be a permission that least privilege leaves out.
    """
    wrong = Finding("mail_send", State.WRONG, seen=Text("skipped.mail_send_not_exposed"))
    run = begin(SIGNED_IN, noted(wrong), PLANNED)
    press(anna, "least_privilege", run=run.id, plan="plan-1")
    assert anna.services.store.load(run.id).channel.profile is Profile.LEAST
