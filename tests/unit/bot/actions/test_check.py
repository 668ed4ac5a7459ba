"""Buttons on a check's result: the way to Cisco TAC, and a mail through Webex Connect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.actions import actions
from bot.chat.context import ChatContext
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import Event, Kind, Run

MAILBOX = "support@contoso.com"
Said = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def channel(anna: ChatContext) -> ChatContext:
    """Return the context of Anna, in a space with a connected channel."""
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    anna.services.store.append(run.id, Event(Kind.DETAILS, now(), channel=Channel(MAILBOX)))
    anna.services.store.end(anna.services.store.load(run.id), Event(Kind.FINISHED, now()))
    return anna


def opened(ctx: ChatContext) -> list[Run]:
    """Return the checks that a worker will do."""
    runs = {
        job.args[0]
        for job in ctx.services.runs.queue.jobs
        if job.func_name == "jobs.advance.advance"
    }
    return [ctx.services.store.load(run) for run in sorted(runs)]


def test_mail_still_missing_leads_to_tac(channel: ChatContext, said: Said):
    """A press of "Mail still missing" opens the TAC card, as if ``/tac`` had been typed."""
    actions()["missing"](channel, {"channel": MAILBOX})
    assert text("tac.title") in said()[0][1]


def test_a_mail_through_webex_connect_is_a_check_of_its_own(channel: ChatContext):
    """A mail through Webex Connect is a check, and goes to the person who pressed the button."""
    actions()["connect_test"](channel, {"channel": MAILBOX})
    assert [(run.kind, run.brief.test_recipient) for run in opened(channel)] == [
        ("check", "anna@example.test")
    ]


def test_nobody_is_sent_a_mail_by_a_forged_button(channel: ChatContext, said: Said):
    """A forged button sends no mail: its address and a channel of another space are ignored."""
    actions()["connect_test"](
        channel, {"channel": "ceo@example.test", "connect_test": "victim@else.test"}
    )
    assert (text("notice.unknown_channel_words") in said()[0][1], opened(channel)) == (True, [])


def test_the_mailbox_itself_cannot_be_the_recipient(channel: ChatContext, said: Said):
    """No mail is sent to the mailbox itself: Webex Connect would drop it (facts/connect.md 1.7)."""
    mailbox = replace(channel, person=replace(channel.person, email=MAILBOX))
    actions()["connect_test"](mailbox, {"channel": MAILBOX})
    assert (text("refused.to_itself") in said()[0][1], opened(mailbox)) == (True, [])
