"""Buttons of a check's result, of old cards too, and findings that an approver accepts."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.texts import render, text
from jobs.checks.check import summarize
from jobs.checks.reading import read
from jobs.clock import now
from jobs.engine.engine import Engine
from jobs.engine.step import Diagnosis, Probe, StepContext
from jobs.model import Access, Change, Channel, Finding, Reason, RunKind, Scope, State, Text
from jobs.runs.run import Event, Kind, RecordedChange
from jobs.runs.run_store import Accepted
from jobs.runtime import no_listener
from jobs.storage import keys
from tests.fixtures.run_events import noted
from tests.unit.bot.actions.presses import of_bot, other, press
from tests.unit.bot.commands.typed_commands import MAILBOX, begun, proven


@pytest.fixture
def channel(anna):
    """Return the context of Anna, in a space with a connected channel."""
    proven(anna)
    return anna


def test_an_old_fix_button_says_what_fixed_it(channel, said):
    """The Fix button of an old card opens no run if the newest fact says that the channel works.

    The answer names the fact, and offers to fix it all the same.
    """
    press(channel, "fix", channel=MAILBOX)
    (setup,) = channel.services.store.runs_of_mailbox(MAILBOX)
    assert f"Run {setup.id} connected it" in said()[0][1]
    store = channel.services.store
    check = store.open(Channel(MAILBOX), channel.asker, channel.origin, RunKind.CHECK)
    store.append(check.id, noted(OFF), Event(Kind.CHECKED, now()))
    channel.services.channels.set_last_check(MAILBOX, check.id)
    press(channel, "fix", channel=MAILBOX)
    assert [run.kind for run in store.runs_of_mailbox(MAILBOX)[1:]] == [RunKind.FIX]


def test_the_fix_button_of_a_check_that_goes_on_fixes(channel):
    """A check shows a certain cause with its button before it ends, when nothing newer is known."""
    store = channel.services.store
    check = store.open(Channel(MAILBOX), channel.asker, channel.origin, RunKind.CHECK)
    press(channel, "fix", channel=MAILBOX, check=check.id)
    assert [run.kind for run in store.runs_of_mailbox(MAILBOX)[1:]] == [RunKind.FIX]


@pytest.mark.parametrize("button", ["check", "fix", "watch_off"])
def test_an_old_button_of_a_disconnected_channel_says_who_did_it(channel, said, button):
    """Buttons of old cards say when and by whom the channel was disconnected here."""
    store = channel.services.store
    origin = replace(channel.origin, message="typed-2")
    undo = store.open(Channel(MAILBOX), channel.asker, origin, RunKind.UNDO)
    change = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "Set")
    past = RecordedChange("smtp_auth", change, Text("seen.off"), {}, {}, ("R",))
    back = Finding("smtp_auth", State.OK)
    store.append(undo.id, Event(Kind.RECALLED, now(), past=(past,)), noted(back))
    store.end(store.load(undo.id), Event(Kind.FINISHED, now()))
    press(channel, button, channel=MAILBOX)
    assert f"{MAILBOX} was disconnected here" in said()[0][1]
    assert f"by {channel.person.email}, in run {undo.id}" in said()[0][1]


OFF = Finding("smtp_auth", State.WRONG, Text("seen.off"), cause="smtp_auth_off_for_mailbox")


@pytest.fixture
def check(anna):
    """Return a finished check that found SMTP AUTH off for a connected mailbox."""
    proven(anna)
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin, RunKind.CHECK)
    anna.services.store.append(run.id, noted(OFF), Event(Kind.CHECKED, now()))
    return anna.services.store.load(run.id)


def accept(ctx, run, **more: str) -> None:
    given = {"run": run.id, "cause": OFF.cause, "why": "the migration ends in January", "days": "7"}
    press(ctx, "accept", **(given | more))


def test_an_approver_accepts_a_cause(anna, check):
    """The reason is in the trail with its day, and a new check begins at once.

    Only what the bot itself has written hides a cause.
    """
    store, key = anna.services.store, keys.accepted(MAILBOX)
    accept(replace(anna, action_id="press-1"), check)
    (given,) = anna.services.store.accepted(MAILBOX).values()
    assert (given.why, given.by) == ("the migration ends in January", "anna@example.test")
    lines = map(json.loads, anna.services.store.audit.entries())
    (noted,) = [e for e in lines if e["what"] == "accepted"]
    assert (noted["by"], noted["mailbox"]) == ("anna@example.test", MAILBOX)
    assert noted["data"]["cause"] == OFF.cause
    assert any(run.kind == "check" and run.id != check.id for run in begun(anna))
    (raw,) = store.redis.hvals(key)
    store.redis.hset(key, "not_forwarded", raw)
    assert set(store.accepted(MAILBOX)) == {OFF.cause}


def test_a_cause_with_another_name_is_accepted_by_its_code(anna, check):
    """The button has the finding's code, by which a check decides, and not the verdict's name."""
    unread = Finding("mailbox_user", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
    refused = Finding("smtp_login", State.WRONG, cause="smtp_token_refused")
    store, right = anna.services.store, replace(OFF, state=State.OK, cause="")
    store.append(check.id, *map(noted, (right, unread, refused)))
    run = store.load(check.id)
    assert [each.found.cause for each in read(run, store).causes] == ["smtp_login_unexplained"]
    accept(anna, run, cause=read(run, store).accepts)
    assert set(store.accepted(MAILBOX)) == {refused.cause}


@pytest.mark.parametrize(
    ("more", "key"),
    [({"why": "  "}, "no_reason"), ({"days": "9999"}, "no_reason"), ({"cause": "x"}, "old")],
)
def test_what_cannot_be_accepted(anna, check, said, more, key):
    """Without a reason, for another time, or for another cause nothing is accepted."""
    accept(anna, check, **more)
    assert text(f"refused.{key}") in said()[-1][1]
    assert anna.services.store.accepted(MAILBOX) == {}


def test_only_an_approver_accepts(anna, check):
    """Somebody else in the space accepts nothing."""
    accept(other(anna, "eve"), check)
    assert anna.services.store.accepted(MAILBOX) == {}


def test_in_a_1_1_no_approver_has_a_card_of_a_check(anna, check, said):
    """The refusal sends nobody to a plan that does not exist."""
    accept(replace(of_bot(anna, approvers=("boss@example.test",)), direct=True), check)
    assert text("refused.not_approver_check", who="boss@example.test") in said()[-1][1]


class Look(Probe):
    """Probe that finds SMTP AUTH off."""

    name, article_row, diagnosis = "smtp_auth", "M2", Diagnosis(access=Access.NONE)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Return the finding."""
        return OFF


@pytest.mark.parametrize(("days", "state"), [(7, State.WARNING), (-1, State.WRONG)])
def test_an_accepted_finding_is_a_note_until_its_day(anna, check, days, state):
    """A check and the watch's look use the same engine; after the day it is a cause by itself."""
    store = anna.services.store
    given = Accepted(now() + timedelta(days=days), "it is known", "anna@example.test")
    store.accept(check, OFF.cause, given)
    assert given.as_note(replace(OFF, state=State.POSSIBLE)).state is State.WARNING
    again = replace(anna.origin, message="again")
    run = store.open(Channel(MAILBOX), anna.asker, again, RunKind.CHECK)
    ctx = StepContext(run, anna.services.settings, store, *[None] * 4)  # type: ignore[list-item]  # the probe reads nothing
    asyncio.run(Engine(ctx, {"smtp_auth": Look()}, no_listener, lambda: True).check())
    found = store.load(run.id).findings["smtp_auth"]
    assert found.state is state
    assert ("it is known" in render(found.seen or Text(""))) is (days > 0)
    assert (summarize(store.load(run.id)).state is State.WRONG) is (days < 0)
