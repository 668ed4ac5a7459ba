"""Button on a check's result that leads to Cisco TAC."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adaptive_cards.texts import text
from bot.actions import actions
from bot.chat.context import ChatContext
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import Event, Kind

MAILBOX = "support@contoso.com"
Said = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def channel(anna: ChatContext) -> ChatContext:
    """Return the context of Anna, in a space with a connected channel."""
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    anna.services.store.append(run.id, Event(Kind.DETAILS, now(), channel=Channel(MAILBOX)))
    anna.services.store.end(anna.services.store.load(run.id), Event(Kind.FINISHED, now()))
    return anna


def test_mail_still_missing_leads_to_tac(channel: ChatContext, said: Said):
    """A press of "Mail still missing" opens the TAC card, as if ``/tac`` had been typed."""
    actions()["missing"](channel, {"channel": MAILBOX})
    assert text("tac.title") in said()[0][1]
