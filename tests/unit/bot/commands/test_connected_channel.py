"""Commands for a mailbox that is connected already, in its own space and in another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.actions import actions
from tests.unit.bot.commands.typed_commands import MAILBOX, cards, proven, type_


@pytest.mark.parametrize("name", ["fix", "undo"])
def test_a_channel_of_another_space_is_unknown_here(anna, webex_script, name):
    """A channel of another space is answered like an unknown one, whether it exists or not."""
    proven(replace(anna, room="room-2"))
    type_(anna, name, MAILBOX)
    assert len(anna.services.runs.queue.jobs) == 0
    assert text("notice.unknown_channel_title", mailbox=MAILBOX) in cards(webex_script)


def test_a_check_begins(anna):
    """A check starts with the recorded facts of the channel.

    A worker looks, and the card is drawn.
    """
    proven(anna)
    type_(anna, "check", MAILBOX)
    jobs = sorted(
        (str(job.func_name), job.args[0])
        for job in (*anna.services.runs.queue.jobs, *anna.services.cards.schedule.queue.jobs)
    )
    run = anna.services.store.load(jobs[0][1])
    assert [name for name, _ in jobs] == ["bot.cards.draw.draw", "jobs.advance.advance"]
    assert run.kind == "check"
    assert run.channel.callback_url == "https://a.b/callback"
    assert run.detailed is True


def test_a_fix_is_a_run_of_its_own(anna):
    """A fix is a run that holds the mailbox, so a second fix points to it."""
    proven(anna)
    type_(anna, "fix", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert (run.kind, run.detailed, run.channel.forwarding_address) == ("fix", True, "x@y.z")
    type_(anna, "fix", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 2


@pytest.mark.parametrize(("room", "known"), [("room-1", True), ("room-2", False)])
def test_a_connected_channel_is_looked_at_anew(anna, webex_script, room, known):
    """In its own space, another look at a connected channel uses the known addresses.

    In a space that does not know the channel, the run starts with an empty first card.
    """
    proven(anna)
    actions()["setup_again"](
        replace(anna, room=room), {"do": "setup_again", "mailbox_meant": MAILBOX}
    )
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.kind == "setup"
    assert run.detailed == known
    assert run.channel.callback_url == ("https://a.b/callback" if known else "")
    assert "x@y.z" not in cards(webex_script)


@pytest.mark.parametrize(("room", "shown"), [("room-1", True), ("room-2", False)])
def test_a_connected_channel_is_changed(anna, webex_script, room, shown):
    """A change of a connected channel starts with the first card, with the values known here."""
    proven(anna)
    actions()["setup_change"](
        replace(anna, room=room), {"do": "setup_change", "mailbox_meant": MAILBOX}
    )
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert (run.detailed, "x@y.z" in cards(webex_script)) == (False, shown)


def test_a_connected_mailbox_is_said_to_be(anna, webex_script):
    """For a connected mailbox, ``/setup-email`` starts no run and offers another look at it."""
    run = proven(anna)
    type_(anna, "setup-email", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 1
    assert text("notice.done_title", mailbox=MAILBOX) in cards(webex_script)
    assert run.id in cards(webex_script)
