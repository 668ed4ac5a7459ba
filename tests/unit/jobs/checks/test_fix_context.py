"""A fix asks for a new token if the newest check names a cause that only a new token fixes."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from jobs.causes.cause import NEW_TOKEN
from jobs.checks.check import fix_context
from jobs.clock import now
from jobs.model import Change, Finding, RunKind, Scope, State, Text
from jobs.runs.run import Brief, Event, FixBrief, Kind, Origin, Plan
from jobs.steps import CONSENT, FORM, steps_of
from tests.fixtures.run_events import noted

OFF, DEAD = (
    Finding("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox"),
    "smtp_token_refused",
)
PROOF = {"own_login", "test_mail", "agent_has_it", "agent_answer"}


def checked(store, channel, asker, *findings: Finding):
    """Return a finished check with these findings, which is the channel's newest."""
    run = store.open(channel, asker, Origin(), RunKind.CHECK)
    store.append(run.id, *map(noted, findings), Event(Kind.CHECKED, now()))
    store.channels.set_last_check(channel.mailbox, run.id)
    return store.load(run.id)


@pytest.mark.parametrize("cause", sorted(NEW_TOKEN))
def test_the_cause_of_the_newest_check_is_told(store, channel, asker, cause):
    """Each cause that only a new token ends is passed on from the newest check to the fix."""
    checked(store, channel, asker, Finding("sign_ins", State.WRONG, cause=cause))
    assert fix_context(store, channel.mailbox) == Brief(fix=FixBrief(token_cause=cause))


@pytest.mark.parametrize(
    "findings",
    [
        None,
        (Finding("smtp_login", State.OK),),
        (OFF, Finding("smtp_login", State.WRONG, cause=DEAD)),
    ],
)
def test_what_a_new_token_does_not_mend(store, channel, asker, findings):
    """No check or a healthy one passes on nothing, and neither does a cause that the bot can change.

    A finding that such a cause explains is not passed on either.
    """
    if findings is not None:
        checked(store, channel, asker, *findings)
    assert fix_context(store, channel.mailbox) == Brief(fix=FixBrief())


def test_a_token_that_was_generated_since_has_answered_it(given, channel, asker):
    """A token that was generated after a check has resolved the cause that the check found.

    A later check counts from that token on.
    """
    ctx = given(kind="fix")
    checked(ctx.store, channel, asker, Finding("sessions", State.WRONG, cause="session_revoked"))
    saved = now() + timedelta(seconds=1)
    answer = {"question": "token_saved", "value": "yes"}
    ctx.store.append(ctx.run.id, Event(Kind.ANSWERED, saved, data=answer))
    assert fix_context(ctx.store, channel.mailbox) == Brief(token_at=saved, fix=FixBrief())


@pytest.mark.parametrize(
    ("step", "proof"),
    [("application", PROOF), ("forwarding", {"test_mail"}), ("gone", {"test_mail"})],
)
def test_what_carries_answers_is_proven_by_one(given, step, proof):
    """A fix of outgoing mail is proven by a login and an answer that leaves.

    A fix of incoming mail is proven by a mail that arrives.
    """
    run = given(kind="fix").run
    words = Text("seen.on")
    line = Change(step, "M1", words, words, words, Scope.MAILBOX, "")
    assert set(steps_of(replace(run, plan=Plan("plan-1", (line,), now())))) & PROOF == proof


@pytest.mark.parametrize(
    ("state", "told"),
    [(State.WARNING, FixBrief(consent_missing=True)), (State.SKIPPED, FixBrief())],
)
def test_a_consent_that_is_missing_is_told(store, channel, asker, state, told):
    """A missing consent is passed on to a fix if the newest check found it missing."""
    checked(store, channel, asker, Finding("admin_consent", state))
    assert fix_context(store, channel.mailbox) == Brief(fix=told)


def test_what_is_part_of_such_a_fix(given):
    """A fix for a missing consent has the consent card, because only consent can grant it.

    A fix that adds permissions to the app's declaration has the consent card, too. A fix for a dead
    token has the Webex Connect form and the proof in addition to its changes.
    """
    run = given(kind="fix").run
    dead = replace(run, brief=Brief(fix=FixBrief(token_cause="session_revoked")))
    assert set(steps_of(dead)) - set(steps_of(run)) == {*FORM, *PROOF} - {"test_mail"}
    told = replace(run, brief=Brief(fix=FixBrief(consent_missing=True)))
    assert set(steps_of(told)) - set(steps_of(run)) == CONSENT
    line = Change("mail_send", "E4", Text("x"), Text("x"), Text("x"), Scope.APP, "")
    assert set(steps_of(replace(run, plan=Plan("p1", (line,), now())))) >= CONSENT
