"""``/undo``: one run for a mailbox, with the values from before the recorded changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.actions import actions
from bot.chat.context import ChatContext
from jobs.clock import now
from jobs.model import Account, Change, Channel, Finding, RunKind, State, Text
from jobs.runs.run import Event, Kind, RecordedChange, Run
from tests.fixtures.run_events import found
from tests.unit.bot.cards.presenters.stage_events import LINE
from tests.unit.bot.commands.typed_commands import MAILBOX, cards, pressed, proven, type_


def changed(
    ctx: ChatContext, end: Kind = Kind.CANCELLED, kind: RunKind = RunKind.SETUP, line: Change = LINE
) -> Run:
    """Return a run that has made a change and then ended as given."""
    store, origin = ctx.services.store, replace(ctx.origin, message="typed-0")
    run = store.open(Channel(MAILBOX, "https://a.b/callback", "x@y.z"), ctx.asker, origin, kind)
    wrong = Finding(line.step, State.WRONG, values={"disabled": "true"})
    store.append(
        run.id,
        Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", "admin@contoso.com")),
        found("ids", facts={"object_id": "obj-1"}),
        Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=(line,)),
        Event(Kind.CHANGING, now(), step=line.step, finding=wrong, changes=(line,)),
        Event(Kind.CHANGED, now(), step=line.step),
        Event(Kind.SIGNED_OUT, now()),
    )
    store.end(store.load(run.id), Event(end, now()))
    return store.load(run.id)


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FINISHED])
def test_an_undo_remembers_what_was_before(anna, end):
    """An undo knows the earlier values and the tenant of the setup, finished or not.

    The open undo holds the mailbox.
    """
    setup = changed(anna, end)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.kind == "undo"
    assert run.detailed is True
    assert run.channel.tenant_id == "tenant-1"
    assert run.known == {"object_id": "obj-1"}
    assert run.past == {
        "smtp_auth": RecordedChange(
            "smtp_auth", LINE, Text("seen.off"), {"disabled": "true"}, {}, (setup.id,)
        )
    }
    jobs = sorted((str(job.func_name), job.args[0]) for job in anna.services.runs.queue.jobs)
    assert ("jobs.advance.advance", run.id) in jobs


def test_the_same_undo_typed_once_is_one_run(anna, webex_script):
    """An ``/undo`` that is delivered again after a crash continues its own run.

    A second ``/undo`` opens no other run, and its answer points to the first.
    """
    changed(anna)
    opened = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin, RunKind.UNDO)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(opened.id)
    assert (run.detailed, list(run.past)) == (True, ["smtp_auth"])
    type_(replace(anna, message="typed-9"), "undo", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 2
    assert text("notice.running_title_undo", mailbox=MAILBOX, run=run.id) in cards(webex_script)


def test_nothing_recorded_is_said(anna, webex_script):
    """For a channel that was connected manually, ``/undo`` starts no run and says so."""
    proven(anna)
    type_(anna, "undo", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 1
    assert text("notice.undo_nothing_title", mailbox=MAILBOX) in cards(webex_script)


@pytest.fixture
def fix(anna) -> Run:
    """Return a fix that changed SMTP AUTH, after a setup that changed the forwarding."""
    changed(anna, Kind.FINISHED, line=replace(LINE, step="forwarding", row="M3"))
    return changed(anna, kind=RunKind.FIX)


def test_after_a_fix_undo_asks_which(anna, webex_script, fix):
    """After a fix, ``/undo`` offers to undo the fix or to disconnect, and says what each does."""
    type_(anna, "undo", MAILBOX)
    assert not anna.services.store.channels.running(MAILBOX)
    told, meant = cards(webex_script), {"do": "undo", "mailbox_meant": MAILBOX}
    assert pressed(webex_script) == [meant | {"undoes": fix.id}, meant | {"undoes": ""}]
    assert f"After this no mail of {MAILBOX} reaches an agent" in told.replace("after", "After")
    assert "Disconnect" in told


@pytest.mark.parametrize("whole", [True, False])
def test_each_button_undoes_what_it_says(anna, fix, whole):
    """One button plans to undo only the fix, and the other to undo what every run changed."""
    named = "" if whole else fix.id
    actions()["undo"](anna, {"do": "undo", "mailbox_meant": MAILBOX, "undoes": named})
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.undoes == named
    assert set(run.past) == ({"smtp_auth", "forwarding"} if whole else {"smtp_auth"})


def test_a_fix_of_a_channel_made_by_hand_is_undone_alone(anna):
    """If only a fix has changed anything, ``/undo`` does not offer to disconnect the channel."""
    fix = changed(anna, kind=RunKind.FIX)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.undoes == fix.id


@pytest.mark.parametrize("forged", [{"undoes": "NOBODY"}, {"mailbox_meant": "boss@contoso.com"}])
def test_a_forged_button_undoes_nothing(anna, webex_script, fix, forged):
    """A button with another mailbox or run than the bot's own card has plans nothing."""
    right = {"do": "undo", "mailbox_meant": MAILBOX, "undoes": fix.id}
    actions()["undo"](anna, right | forged)
    assert not anna.services.store.channels.running(MAILBOX)
    assert "There is nothing to undo" in cards(webex_script)


def test_another_space_undoes_no_run(anna, fix):
    """A person in a space that does not know the channel cannot undo its runs by a forged press."""
    other = replace(
        anna, room="room-2", person=replace(anna.person, id="ben", email="ben@example.test")
    )
    actions()["undo"](other, {"do": "undo", "mailbox_meant": MAILBOX, "undoes": fix.id})
    assert not anna.services.store.channels.running(MAILBOX)
