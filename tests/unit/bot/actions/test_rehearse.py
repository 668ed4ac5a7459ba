"""Buttons of the rehearsal: one asks the mailbox user 1:1, and a pasted error offers it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adaptive_cards.components import Asked
from bot.cards.presenters import connect_form
from bot.cards.presenters.card_state import unreachable_recipient
from jobs.model import State, Text, Turn
from jobs.runs.run import Kind
from jobs.steps import rehearses
from tests.fixtures.run_events import answered, found
from tests.unit.bot.actions.presses import press
from tests.unit.bot.cards.presenters.stage_events import SIGNED_IN
from tests.unit.bot.commands.typed_commands import sent

UPN = "support@example.test"
USER = found("mailbox_user", facts={"upn": UPN})
FORM = found("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER)
WAITS = found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)
NO_LOGIN = answered("check_login", "no")


def directory(webex_script: Any, reply: Any, *emails: str) -> None:
    """Script the people whom Webex finds for an address."""
    found = [{"id": each, "emails": [each], "orgId": "org-1", "type": "person"} for each in emails]
    webex_script.on("GET", "/people", reply(body={"items": found}))


def test_the_mailbox_user_gets_the_card(anna, begin, webex_script, reply):
    """The mailbox user is known from the directory, so nobody types an address for the 1:1 card."""
    directory(webex_script, reply, UPN)
    run = begin(SIGNED_IN, USER, FORM, WAITS)
    press(anna, "rehearse", run=run.id)
    asked = anna.services.store.load(run.id)
    assert (asked.answer("mailbox_user"), asked.answer("rehearse")) == (UPN, "yes")
    cards = connect_form.rehearsal_cards(asked, anna.services)
    assert [card.to for card in cards] == ["thread", UPN]


def test_where_webex_has_nobody_the_card_asks_for_an_address(anna, begin, webex_script, reply):
    """If Webex has no account for the mailbox, the card asks for an address.

    No message goes to the mailbox, because Webex would invite the mailbox's owner by mail. The
    address is tried only once.
    """
    directory(webex_script, reply)
    run = begin(SIGNED_IN, USER, FORM, WAITS)
    for _ in range(2):
        press(anna, "rehearse", run=run.id)
    asked = anna.services.store.load(run.id)
    reason = Text("typed.nobody_in_webex")
    assert unreachable_recipient(asked, "mailbox_user") == Asked(UPN, reason)
    assert (asked.answer("rehearse"), sent(webex_script)) == ("yes", [])
    problems = [e for e in anna.services.store.events(run.id) if e.kind is Kind.PROBLEM]
    assert len(problems) == 1


def test_who_was_asked_takes_no_other_part(anna, begin, webex_script, reply):
    """In the 1:1, the mailbox user may skip with a reason. Cancel and Look again are refused."""
    directory(webex_script, reply, UPN)
    run = begin(SIGNED_IN, USER, FORM, WAITS)
    press(anna, "rehearse", run=run.id)
    person = replace(anna.person, id="sam", email=UPN)
    sam = replace(anna, person=person, room="room-sam", direct=True)
    for do in ("cancel", "look_again"):
        press(sam, do, run=run.id)
    asked = anna.services.store.load(run.id)
    assert (asked.ended, asked.answer("look_again")) == (None, "")
    press(sam, "skip_rehearsal", run=run.id, skip_reason="not today")
    assert anna.services.store.load(run.id).answer("rehearse") == "skip:not today"


@pytest.mark.parametrize(
    ("pasted", "offered"),
    [("AADSTS7000215: Invalid client secret provided.", True), ("It does not work", False)],
)
def test_a_pasted_error_of_generate_token_has_the_rehearsal_offered(anna, begin, pasted, offered):
    """A pasted error that names a cause offers the rehearsal, if nobody has asked for it.

    A text that names no cause does not.
    """
    run = begin(SIGNED_IN, NO_LOGIN, USER, FORM)
    assert rehearses(run) is False
    press(anna, "explain", run=run.id, error_text=pasted)
    assert rehearses(anna.services.store.load(run.id)) is offered
    assert (
        bool(connect_form.rehearsal_cards(anna.services.store.load(run.id), anna.services))
        is offered
    )
