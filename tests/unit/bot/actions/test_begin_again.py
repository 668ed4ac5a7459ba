"""A second command about a run in progress: it goes on here, or is canceled and begun again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.cards import living
from bot.cards.presenters.card_state import (
    LIVING,
    PostedCard,
    earlier_slot,
    keep_card,
    posted_cards,
)
from bot.chat.context import ChatContext
from bot.commands.setup_email import begin_known
from jobs.clock import now
from jobs.model import RunKind
from jobs.runs.run import Event, Kind, Run
from tests.unit.bot.actions.presses import press
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN
from tests.unit.bot.commands.typed_commands import pressed


@pytest.fixture
def fix(anna, begin) -> Run:
    """Return a fix of a connected channel that waits."""
    setup = begin(SIGNED_IN, PLANNED)
    anna.services.store.end(setup, Event(Kind.FINISHED, now()))
    begin_known(replace(anna, message="typed-1"), setup.channel, RunKind.FIX)
    return anna.services.store.load(anna.services.channels.running(setup.channel.mailbox))


def ask_again(ctx: ChatContext, fix: Run) -> None:
    """Type the command of the fix once more."""
    begin_known(replace(ctx, message="typed-9"), fix.channel, RunKind.FIX)


def test_one_press_cancels_it_and_begins_again(anna, fix, webex_script):
    """The card offers the press to a person who may cancel, and the press opens another fix.

    The press that is handled again opens no third one.
    """
    ask_again(anna, fix)
    again = {"do": "begin_again", "run": fix.id, "command": "fix"}
    assert pressed(webex_script) == [{"do": "go_on", "run": fix.id}, again]
    for _ in range(2):
        press(replace(anna, action_id="press-1", message="card-9"), **again)
    running = anna.services.channels.running(fix.channel.mailbox)
    runs = anna.services.store.runs_of_mailbox(fix.channel.mailbox)
    assert (anna.services.store.load(fix.id).ended, running) == (Kind.CANCELLED, runs[-1].id)
    assert [run.kind for run in runs] == [RunKind.SETUP, RunKind.FIX, RunKind.FIX]


@pytest.mark.parametrize("do", ["check", "go_on"])
def test_a_check_goes_into_the_run(anna, fix, do):
    """A check of a channel that is being fixed here has the fix look again, in this thread.

    Its card is posted again. The same press asks once, however often it is handled.
    """
    store, mailbox = anna.services.store, fix.channel.mailbox
    store.append(fix.id, SIGNED_IN)
    keep_card(anna.services, fix.id, LIVING, PostedCard("card-1", "room-1", "", "", now()))
    ben = replace(anna, person=replace(anna.person, id="ben", email="ben@example.test"))
    for _ in range(2):
        press(replace(ben, thread="t9", action_id="press-1"), do, channel=mailbox, run=fix.id)
    looked = store.load(fix.id)
    asked = [event.by for event in store.events(fix.id) if event.kind is Kind.LOOK_AGAIN]
    assert (asked, looked.origin.thread) == ([ben.person.email], "t9")
    assert list(posted_cards(anna.services, fix.id)) == [earlier_slot("thread", "card-1")]
    assert store.last_check(mailbox) is None


@pytest.mark.parametrize("why", ["nobody is signed in", "elsewhere", "over"])
def test_a_check_stays_apart(anna, fix, why):
    """A check is one of its own if the run could read nothing, is not of this space, or is over."""
    if why != "nobody is signed in":
        anna.services.store.append(fix.id, SIGNED_IN)
    if why == "over":
        anna.services.store.end(fix, Event(Kind.CANCELLED, now()))
    room = "room-2" if why == "elsewhere" else anna.room
    press(replace(anna, room=room, action_id="press-1"), "check", channel=fix.channel.mailbox)
    assert Kind.LOOK_AGAIN not in {each.kind for each in anna.services.store.events(fix.id)}


def test_nobody_else_is_offered_it_or_may_press_it(anna, fix, webex_script, reply, said):
    """A person who may not cancel the run gets no such button, and a forged press ends nothing."""
    ben = replace(anna, person=replace(anna.person, id="ben", email="ben@example.test"))
    webex_script.on("GET", "/memberships", reply(200, {"items": [{"personId": "anna"}]}))
    ask_again(ben, fix)
    assert [each["do"] for each in pressed(webex_script)] == ["go_on"]
    before = len(said())
    press(replace(ben, action_id="press-1"), "begin_again", run=fix.id, command="fix")
    assert anna.services.store.load(fix.id).ended is None
    assert len(said()) == before + 1


def test_the_card_is_edited_when_the_run_ends(anna, fix, webex_script, reply):
    """The card that says that a run is in progress keeps no button after its end."""
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    ask_again(anna, fix)
    anna.services.store.end(anna.services.store.load(fix.id), Event(Kind.FINISHED, now()))
    run = anna.services.store.load(fix.id)
    (over,) = living.earlier_cards(run, anna.services)
    assert (over.final, "begin_again" in str(over.card.content)) == (True, False)
