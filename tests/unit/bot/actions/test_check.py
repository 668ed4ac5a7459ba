"""Buttons of a check's result, and what they answer on a card that is not the newest one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.actions import actions
from bot.chat.context import ChatContext
from jobs.clock import now
from jobs.model import Change, Channel, Finding, RunKind, Scope, State, Text
from jobs.runs.run import Event, Kind, RecordedChange
from tests.fixtures.run_events import noted

MAILBOX = "support@contoso.com"


@pytest.fixture
def channel(anna) -> ChatContext:
    """Return the context of Anna, in a space with a connected channel."""
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    anna.services.store.append(run.id, Event(Kind.DETAILS, now(), channel=Channel(MAILBOX)))
    anna.services.store.end(anna.services.store.load(run.id), Event(Kind.FINISHED, now()))
    return anna


def test_an_old_fix_button_says_what_fixed_it(channel, said):
    """The Fix button of an old card opens no run if the newest fact says that the channel works.

    The answer names the fact, and offers to fix it all the same.
    """
    actions()["fix"](channel, {"channel": MAILBOX})
    (setup,) = channel.services.store.runs_of_mailbox(MAILBOX)
    assert f"Run {setup.id} connected it" in said()[0][1]
    check = channel.services.store.check(Channel(MAILBOX), channel.asker, channel.origin)
    off = Finding("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox")
    found = noted(off)
    channel.services.store.append(check.id, found, Event(Kind.CHECKED, now()))
    channel.services.channels.set_last_check(MAILBOX, check.id)
    actions()["fix"](channel, {"channel": MAILBOX})
    assert [run.kind for run in channel.services.store.runs_of_mailbox(MAILBOX)][1:] == [
        RunKind.FIX
    ]


def test_the_fix_button_of_a_check_that_goes_on_fixes(channel):
    """A check shows a certain cause with its button before it ends, when nothing newer is known."""
    check = channel.services.store.check(Channel(MAILBOX), channel.asker, channel.origin)
    actions()["fix"](channel, {"channel": MAILBOX, "check": check.id})
    fixes = channel.services.store.runs_of_mailbox(MAILBOX)[1:]
    assert [run.kind for run in fixes] == [RunKind.FIX]


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
    actions()[button](channel, {"channel": MAILBOX})
    assert f"{MAILBOX} was disconnected here" in said()[0][1]
    assert f"by {channel.person.email}, in run {undo.id}" in said()[0][1]
