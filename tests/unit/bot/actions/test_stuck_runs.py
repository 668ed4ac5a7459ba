"""Buttons for a run that cannot go on: another account, app, delegate, secret, rehearsal."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.components import Asked
from adaptive_cards.texts import text
from bot.cards import draw
from bot.cards.presenters import connect_form, plan, questions
from bot.cards.presenters.card_state import header, unreachable_recipient
from bot.web.oauth import FLOWS
from jobs.channel.mailbox import delegate_of
from jobs.clock import now
from jobs.model import Evidence, Finding, Scope, State, Text, Turn
from jobs.next_action import ActionKind, NextAction, next_action
from jobs.runs.run import Event, Kind
from jobs.steps import rehearses
from tests.fixtures.run_events import answered, found, noted
from tests.fixtures.webex_script import person
from tests.unit.bot.actions.presses import other, press, queued, told
from tests.unit.bot.cards.presenters.stage_events import APPROVED, LINE, PLANNED, SIGNED_IN
from tests.unit.bot.commands.typed_commands import sent


def unknown(cause: str, **more: object) -> Event:
    """Return the event of a look at Exchange that had no good answer, with this cause."""
    return found("mailbox_user", State.UNKNOWN, seen=Text("seen.none"), cause=cause, **more)


NO_ROLE, SOON = unknown("exchange_role_missing"), now() + timedelta(hours=1)


@pytest.mark.parametrize("approved", [(), (APPROVED,)])
def test_somebody_else_signs_in(anna, begin, approved):
    """Other account ends the session and asks for another sign-in, before and after an approval.

    The new card has a link that works.
    """
    services, run = anna.services, begin(SIGNED_IN, NO_ROLE, PLANNED, *approved)
    services.vault.put(f"session:{run.id}", "x", 60)
    after = press(anna, "sign_in_other", run=run.id)
    assert after.account is None
    assert services.vault.holds(f"session:{run.id}") is False
    assert FLOWS["signin"].is_complete(after) is False
    assert bool(after.approvals) is bool(approved)
    slots = {face.slot: face for of in draw.PRESENTERS for face in of(after, services)}
    assert ("signin" in slots, "plan" in slots) == (True, False)


@pytest.mark.parametrize(
    "events",
    [
        (),
        (SIGNED_IN, PLANNED),
        (SIGNED_IN, PLANNED, APPROVED),
        (SIGNED_IN, PLANNED, APPROVED, unknown("change_never_shown")),
        (SIGNED_IN, PLANNED, APPROVED, unknown("exchange_role_missing", until=SOON)),
    ],
)
def test_only_where_the_account_does_not_get_on(anna, begin, said, events):
    """Other account is refused while the run works with its present account."""
    run = begin(*events)
    assert (
        press(anna, "sign_in_other", run=run.id).version,
        text("refused.old") in said()[-1][1],
    ) == (run.version, True)


APP = replace(LINE, step="application", row="E1", scope=Scope.APP)
APP_PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(APP,))
OFFERED = found("application", State.WRONG, evidence=(Evidence("by_hand", "client-9"),))


def offers(run) -> bool:
    """Return whether the plan offers to adopt the app that a person made."""
    return "'app': 'client-9'" in str(plan.plan(run, header(run)).content)


def test_what_is_offered_is_taken(anna, begin):
    """After the offered app is adopted, a new plan is made that needs an approval."""
    run = begin(SIGNED_IN, OFFERED, APP_PLANNED)
    assert offers(run)
    after = press(anna, "adopt", run=run.id, plan="plan-1", app="client-9")
    assert after.answer("adopt") == "client-9"
    assert after.plan is None
    assert "application" not in after.findings


@pytest.mark.parametrize(("events", "app"), [((), "client-1"), ((), ""), ((APPROVED,), "client-9")])
def test_anything_else_is_refused(anna, begin, said, events, app):
    """A forged app is not adopted, and after the approval no app is, because the button is gone."""
    run = begin(SIGNED_IN, OFFERED, APP_PLANNED, *events)
    after = press(anna, "adopt", run=run.id, plan="plan-1", app=app)
    assert (after.version, text("refused.old") in said()[-1][1]) == (run.version, True)
    assert offers(run) is not bool(events)


SHOWN = found("client_secret", facts={"key_id": "k1"})


def planned(step: str) -> tuple[Event, Event]:
    """Return the events of a plan with one line and of its approval."""
    line = replace(LINE, step=step, row="E3", scope=Scope.APP)
    approved = Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "mailbox"})
    return Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(line,)), approved


@pytest.mark.parametrize(("step", "approved"), [("client_secret", True), ("smtp_auth", False)])
def test_a_lost_secret_is_made_again(anna, begin, step, approved):
    """A lost secret is made again, under the plan in force or after a new plan.

    The run no longer counts the old secret as done.
    """
    run = press(anna, "new_secret", run=begin(SIGNED_IN, *planned(step), SHOWN).id)
    assert run.answer("new_secret") == "k1"
    assert run.settled("client_secret") is False
    assert bool(run.approvals) == approved
    assert f"jobs.advance.advance {run.id}" in queued(anna)


def test_one_press_is_one_secret(anna, begin, said):
    """A second press of New secret is refused, because no other secret was shown meanwhile."""
    run = begin(SIGNED_IN, *planned("client_secret"), SHOWN)
    run = press(anna, "new_secret", run=run.id)
    again = press(anna, "new_secret", run=run.id)
    assert (again.version, text("refused.old") in said()[-1][1]) == (run.version, True)


def test_a_second_loss_remembers_the_first(anna, begin):
    """If two secrets are lost, both are removed in the end, and neither counts again."""
    run = begin(SIGNED_IN, *planned("client_secret"), SHOWN)
    run = press(anna, "new_secret", run=run.id)
    shown = Finding("client_secret", State.OK, facts={"key_id": "k2"})
    anna.services.store.append(run.id, noted(shown))
    assert press(anna, "new_secret", run=run.id).answer("new_secret") == "k1,k2"


@pytest.mark.parametrize("used", [True, False])
def test_a_secret_that_is_used_or_unseen_is_kept(anna, begin, used):
    """After Token saved, the secret is kept, because Webex Connect has it.

    Before its page was opened, the secret is kept too, because nobody can have lost it.
    """
    run = begin(SIGNED_IN, *planned("client_secret"), SHOWN)
    if used:
        anna.services.store.append(run.id, answered("token_saved"))
    else:
        anna.services.vault.put(f"secret:{run.id}", "value", 60)
    before = anna.services.store.length(run.id)
    assert press(anna, "new_secret", run=run.id).version == before


AGENT = "agent@contoso.com"


def sought(state: State, cause: str = "", seen: Text | None = None, **facts: str) -> Event:
    """Return an event with a finding of the step that looks for the delegate."""
    return found("delegate", state, seen=seen, cause=cause, facts=facts)


UNKNOWN = sought(State.WRONG, "delegate_unknown", Text("seen.delegate_unknown"))
SHARED = found("mailbox_user", State.POSSIBLE, facts={"shared": "blocked"})


@pytest.fixture
def run(begin):
    """Return a run that waits for the address of the delegate of a shared mailbox."""
    return begin(SIGNED_IN, SHARED, UNKNOWN, PLANNED)


def test_the_address_is_saved_and_the_plan_is_made_again(anna, run):
    """The delegate's address is saved, and a worker looks again and makes a new plan.

    Only the findings that were wrong are looked at again. Until the press, it is the requester's
    turn.
    """
    assert next_action(run) == NextAction(Turn.REQUESTER, ActionKind.DELEGATE)
    after = press(anna, "delegate", run=run.id, delegate=f" {AGENT.upper()} ")
    assert (delegate_of(after), after.plan, "delegate" in after.findings) == (AGENT, None, False)
    assert {name.split()[1] for name in queued(anna)} == {run.id}


@pytest.mark.parametrize(
    ("typed", "why"), [("", "no_address"), ("agent", "no_at"), ("a@b@c.de", "two_addresses")]
)
def test_a_wrong_address_is_kept_with_the_reason(anna, run, typed, why):
    """A wrong address for the delegate starts no look, and the card shows the field in red."""
    after = press(anna, "delegate", run=run.id, delegate=typed)
    assert told(anna, run) == [("problem", {"question": "delegate", "cause": why, "code": typed})]
    (card,) = questions.delegate_cards(after, anna.services)
    assert text(f"typed.{why}") in str(card.card.content)


def test_a_press_that_nothing_waits_for_changes_nothing(anna, begin, said):
    """An old card for the delegate's address changes nothing, and the answer says so."""
    run = begin(SIGNED_IN, SHARED, sought(State.OK, delegate=AGENT))
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
    ctx = anna if mine else other(anna, "b", room="elsewhere")
    press(ctx, "explain", run=run.id, error_text="535 5.7.3 Authentication unsuccessful [PR1]")
    assert text(f"cause.{cause}") in said()[-1][1].replace("\u00a0", " ")


UPN = "support@example.test"
USER = found("mailbox_user", facts={"upn": UPN})
FORM = found("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER)
WAITS = found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)
NO_LOGIN = answered("check_login", "no")


def directory(webex_script, reply, *emails: str) -> None:
    """Script the people whom Webex finds for an address."""
    webex_script.on("GET", "/people", reply(body={"items": [person(e, e) for e in emails]}))


def test_the_mailbox_user_gets_the_card(anna, begin, webex_script, reply):
    """The mailbox user is known from the directory, so nobody types an address for the 1:1 card."""
    directory(webex_script, reply, UPN)
    asked = press(anna, "rehearse", run=begin(SIGNED_IN, USER, FORM, WAITS).id)
    assert (asked.answer("mailbox_user"), asked.answer("rehearse")) == (UPN, "yes")
    cards = connect_form.rehearsal_cards(asked, anna.services)
    assert [card.to for card in cards] == ["thread", UPN]


def test_where_webex_has_nobody_the_card_asks_for_an_address(anna, begin, webex_script, reply):
    """If Webex has no account for the mailbox, the card asks for an address.

    No message goes to the mailbox, because Webex would invite the mailbox's owner by mail. The
    address is tried only once.
    """
    directory(webex_script, reply)
    run = begin(SIGNED_IN, USER, FORM, WAITS)
    for _ in range(2):
        asked = press(anna, "rehearse", run=run.id)
    reason = Text("typed.nobody_in_webex")
    assert unreachable_recipient(asked, "mailbox_user") == Asked(UPN, reason)
    assert (asked.answer("rehearse"), sent(webex_script)) == ("yes", [])
    assert len([e for e in anna.services.store.events(run.id) if e.kind is Kind.PROBLEM]) == 1


def test_who_was_asked_takes_no_other_part(anna, begin, webex_script, reply):
    """In the 1:1, the mailbox user may skip with a reason. Cancel and Look again are refused."""
    directory(webex_script, reply, UPN)
    run = begin(SIGNED_IN, USER, FORM, WAITS)
    press(anna, "rehearse", run=run.id)
    sam = replace(anna, person=replace(anna.person, id="sam", email=UPN))
    sam = replace(sam, room="room-sam", direct=True)
    for do in ("cancel", "look_again"):
        asked = press(sam, do, run=run.id)
        assert (asked.ended, asked.answer("look_again")) == (None, "")
    skipped = press(sam, "skip_rehearsal", run=run.id, skip_reason="not today")
    assert skipped.answer("rehearse") == "skip:not today"


@pytest.mark.parametrize(
    ("pasted", "offered"),
    [("AADSTS7000215: Invalid client secret provided.", True), ("It does not work", False)],
)
def test_a_pasted_error_of_generate_token_has_the_rehearsal_offered(anna, begin, pasted, offered):
    """A pasted error that names a cause offers the rehearsal, if nobody has asked for it.

    A text that names no cause does not.
    """
    run = begin(SIGNED_IN, NO_LOGIN, USER, FORM)
    assert rehearses(run) is False
    after = press(anna, "explain", run=run.id, error_text=pasted)
    assert rehearses(after) is offered
    assert bool(connect_form.rehearsal_cards(after, anna.services)) is offered
