"""The verdict's own buttons: the way to TAC, and a mail through Webex Connect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.actions import answers
from bot.chat.context import Talk
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import Event, Kind

MAILBOX = "support@contoso.com"
Said = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def channel(anna: Talk) -> Talk:
    """Anna, in a space with a channel that is set up."""
    run = anna.desk.store.open(Channel(MAILBOX), anna.asker, {**anna.place, "kind": "setup"})
    anna.desk.store.append(run.id, Event(Kind.DETAILS, now(), channel=Channel(MAILBOX)))
    anna.desk.store.end(anna.desk.store.load(run.id), Event(Kind.FINISHED, now()))
    return anna


def opened(talk: Talk) -> list[dict[str, str]]:
    """Where the checks that a worker will do were asked for, and what they were told."""
    runs = {job.args[0] for job in talk.desk.queue.jobs if job.func_name == "jobs.advance.advance"}
    return [talk.desk.store.load(run).place for run in sorted(runs)]


def test_mail_still_missing_leads_to_tac(channel: Talk, said: Said):
    """As if /tac had been typed."""
    answers()["missing"](channel, {"channel": MAILBOX})
    assert text("tac.title") in said()[0][1]


def test_a_mail_through_webex_connect_is_a_check_of_its_own(channel: Talk):
    """The check knows who asked, to whom the mail goes."""
    answers()["connect_test"](channel, {"channel": MAILBOX})
    assert [(place["kind"], place["connect_test"]) for place in opened(channel)] == [("check", "anna@example.test")]


def test_nobody_is_sent_a_mail_by_a_forged_button(channel: Talk, said: Said):
    """A channel that is not of this space is not spoken of, and an address in the button is not believed."""
    answers()["connect_test"](channel, {"channel": "ceo@example.test", "connect_test": "victim@else.test"})
    assert (text("notice.unknown_channel_words") in said()[0][1], opened(channel)) == (True, [])


def test_the_mailbox_itself_cannot_be_the_recipient(channel: Talk, said: Said):
    """Webex Connect would drop the mail (facts/connect.md 1.7), so it is not sent."""
    mailbox = replace(channel, person=replace(channel.person, email=MAILBOX))
    answers()["connect_test"](mailbox, {"channel": MAILBOX})
    assert (text("refused.to_itself") in said()[0][1], opened(mailbox)) == (True, [])
