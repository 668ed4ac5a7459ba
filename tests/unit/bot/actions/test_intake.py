"""Runs that begin with a button: each press its own, however often it is delivered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adaptive_cards.texts import text
from bot.actions import actions
from bot.chat.context import ChatContext
from jobs.runs.run import Run
from tests.fixtures.webex_script import receive

HELP = "card-9"


def runs(ctx: ChatContext) -> tuple[Run, ...]:
    """The runs of the space."""
    return ctx.services.store.runs_in_space("room-1")


def pressed(ctx: ChatContext, press: str, **inputs: str) -> None:
    """Set up, on the card of /help."""
    actions()["setup"](replace(ctx, message=HELP, action_id=press), {"do": "setup", **inputs})


def test_two_presses_of_one_card_begin_two_runs(anna: ChatContext):
    """Two presses of one card start two runs, and one press delivered twice starts one.

    The presses are for two mailboxes, neither of them known yet.
    """
    for press in ("a1", "a2", "a1"):
        pressed(anna, press)
    assert [run.origin.message for run in runs(anna)] == ["a2", "a1"]


def test_a_press_for_a_mailbox_that_is_being_set_up(
    anna: ChatContext, said: Callable[[], list[tuple[str, str]]]
):
    """Another press is pointed to the run; the same press again shows its first card once more."""
    for press in ("a1", "a1", "a2"):
        pressed(anna, press, mailbox_meant="support@contoso.com")
    (run,) = runs(anna)
    pointed = text("notice.running_title", mailbox="support@contoso.com", run=run.id)
    assert [pointed in words for _, words in said()] == [False, False, True]


def test_what_was_typed_is_claimed_by_its_message(anna: ChatContext):
    """A typed command is claimed by its message, and a press by its own id."""
    assert (anna.origin.message, replace(anna, action_id="a1").origin.message) == ("card-1", "a1")


@pytest.mark.parametrize("times", [1, 2])
def test_the_press_is_known_by_its_own_id(
    anna: ChatContext, webex_script: Any, reply: Any, times: int
):
    """All the way from the event."""
    inputs = {"do": "setup"}
    body = {"id": "a7", "messageId": HELP, "personId": "anna", "roomId": "room-1", "inputs": inputs}
    webex_script.on("GET", "/attachment/actions/a7", reply(body=body))
    webex_script.on(
        "GET",
        f"/messages/{HELP}",
        reply(body={"id": HELP, "roomId": "room-1", "roomType": "direct", "personId": "bot-1"}),
    )
    webex_script.on("GET", "/memberships", reply(body={"items": []}))
    for _ in range(times):
        receive("attachmentActions", "a7", "anna", "room-1")
    assert [run.origin.message for run in runs(anna)] == ["a7"]
