"""The card that asks who signs in for a shared mailbox, and its button."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters import questions
from jobs.channel.mailbox import delegate_of
from jobs.clock import now
from jobs.model import Finding, State, Text, Turn
from jobs.next_action import ActionKind, NextAction, next_action
from jobs.runs.run import Event, Kind, Run
from tests.fixtures.run_events import noted
from tests.unit.bot.actions.presses import press, queued, told
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN

AGENT = "agent@contoso.com"


def found(state: State, cause: str = "", seen: Text | None = None, **facts: str) -> Event:
    """Return an event with a finding of the step that looks for the delegate."""
    finding = Finding("delegate", state, seen=seen, cause=cause, facts=facts)
    return noted(finding)


UNKNOWN = found(State.WRONG, "delegate_unknown", Text("seen.delegate_unknown"))
SHARED = Event(
    Kind.FOUND,
    now(),
    step="mailbox_user",
    finding=Finding("mailbox_user", State.POSSIBLE, facts={"shared": "blocked"}),
)


@pytest.fixture
def run(begin) -> Run:
    """Return a run that waits for the address of the delegate of a shared mailbox."""
    return begin(SIGNED_IN, SHARED, UNKNOWN, PLANNED)


def test_the_address_is_saved_and_the_plan_is_made_again(anna, run):
    """The delegate's address is saved, and a worker looks again and makes a new plan.

    Only the findings that were wrong are looked at again. Until the press, it is the requester's
    turn.
    """
    assert next_action(run) == NextAction(Turn.REQUESTER, ActionKind.DELEGATE)
    press(anna, "delegate", run=run.id, delegate=f" {AGENT.upper()} ")
    after = anna.services.store.load(run.id)
    assert (delegate_of(after), after.plan, "delegate" in after.findings) == (AGENT, None, False)
    assert {name.split()[1] for name in queued(anna)} == {run.id}


@pytest.mark.parametrize(
    ("typed", "why"), [("", "no_address"), ("agent", "no_at"), ("a@b@c.de", "two_addresses")]
)
def test_a_wrong_address_is_kept_with_the_reason(anna, run, typed, why):
    """A wrong address for the delegate starts no look, and the card shows the field in red."""
    press(anna, "delegate", run=run.id, delegate=typed)
    assert told(anna, run) == [("problem", {"question": "delegate", "cause": why, "code": typed})]
    (card,) = questions.delegate_cards(anna.services.store.load(run.id), anna.services)
    assert text(f"typed.{why}") in str(card.card.content)


@pytest.mark.parametrize("state", [State.OK, State.WRONG])
def test_a_press_that_nothing_waits_for_changes_nothing(anna, begin, said, state):
    """An old card for the delegate's address changes nothing, and the answer says so.

    A delegate who may not sign in is no reason to ask for an address either.
    """
    cause = "account_disabled" if state is State.WRONG else ""
    run = begin(SIGNED_IN, SHARED, found(state, cause, delegate=AGENT))
    press(anna, "delegate", run=run.id, delegate="other@contoso.com")
    assert told(anna, run) == []
    assert text("refused.old") in said()[0][1].replace("\u00a0", " ")
    assert questions.delegate_cards(run, anna.services) == []


@pytest.mark.parametrize(
    ("shared", "mine", "cause"),
    [
        (True, True, "form_username_shared"),
        (False, True, "smtp_token_refused"),
        (True, False, "smtp_token_refused"),
    ],
)
def test_a_bare_refusal_of_a_shared_mailbox_is_its_user_name_first(
    anna, begin, said, shared, mine, cause
):
    """For a shared mailbox, a bare 535 is explained by the user name in the form.

    The wrong user name is the most frequent reason. A person outside the run's space learns nothing
    about the run.
    """
    run = begin(SIGNED_IN, *((SHARED,) if shared else ()))
    ctx = anna if mine else replace(anna, person=replace(anna.person, id="b"), room="elsewhere")
    press(ctx, "explain", run=run.id, error_text="535 5.7.3 Authentication unsuccessful [PR1]")
    assert text(f"cause.{cause}") in said()[-1][1].replace("\u00a0", " ")
