"""Runs with a gap in their history, and runs that cannot be read, in the answers to commands."""

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters.card_state import THREAD
from bot.doctor import on_runs
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import Event, Kind
from jobs.storage import keys
from tests.unit.bot.cards.presenters.stage_events import living
from tests.unit.bot.commands.typed_commands import MAILBOX, cards, type_
from tests.unit.bot.doctor_line import line_of

GAP = text("turn_words.history_gap", event="2")
UNREADABLE = text("turn_words.unreadable_run", event="1")


@pytest.fixture
def run(anna):
    """Return an open run of the space that says the end of a change without its beginning."""
    opened = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    anna.services.store.append(opened.id, Event(Kind.CHANGED, now(), step="forwarding"))
    return opened


@pytest.mark.parametrize("command", ["status", "channels", "cancel", "cancel sales@contoso.com"])
def test_a_gap_is_named(anna, run, webex_script, command):
    """The answers name the run and its mailbox, and say what to do."""
    type_(anna, *command.split(" ", 1))
    assert f"{run.id} {MAILBOX}" in cards(webex_script)
    assert GAP in cards(webex_script)


def test_the_runs_own_card_says_it(anna, run):
    """The card of the run says that its history has a gap."""
    anna.services.store.append(run.id, Event(Kind.DETAILS, now(), channel=run.channel))
    known = anna.services.store.load(run.id)
    drawn = living(anna.services, known)
    assert GAP in str([card.card.content for card in drawn if card.to == THREAD])


@pytest.mark.parametrize("command", ["status", "channels", "cancel"])
def test_an_unreadable_run_is_named(anna, run, webex_script, command):
    """A run that cannot be read is named, and the others are listed as always."""
    anna.services.redis.set(keys.run_events(run.id), "x")
    other = anna.services.store.open(Channel("sales@contoso.com"), anna.asker, anna.origin)
    type_(anna, command)
    said = cards(webex_script)
    assert (f"{run.id} {MAILBOX}" in said, UNREADABLE in said) == (True, True)
    assert (other.id in said) is (command != "channels")


def test_a_new_setup_begins(anna, run, webex_script):
    """A new setup of the mailbox of an unreadable run begins."""
    anna.services.redis.set(keys.run_events(run.id), "x")
    type_(anna, "setup-email", MAILBOX)
    assert anna.services.channels.running(MAILBOX) not in {"", run.id}


def test_the_doctor_names_both(anna, run):
    """The doctor names the entry after the gap with the run and mailbox, and an unreadable run."""
    other = anna.services.store.open(Channel("sales@contoso.com"), anna.asker, anna.origin)
    anna.services.redis.set(keys.run_events(other.id), "x")
    wrong = line_of(on_runs, anna.services.store)
    assert f"run:{run.id}:events, entry 2 of {MAILBOX}" in wrong
    assert f"run:{other.id}:events, entry 1" in wrong
