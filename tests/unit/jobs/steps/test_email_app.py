"""Article row C1: the email app in Webex Connect."""

from __future__ import annotations

from dataclasses import replace

from jobs.model import Channel, Finding, State, Text, Turn
from jobs.steps.connect_form import EmailApp
from tests.unit.jobs.conftest import Given

STEP = EmailApp()


async def test_the_app_is_believed_by_its_callback(given: Given):
    """A Call Back URL from the requester proves that the app exists."""
    assert await STEP.inspect(given()) == Finding(
        "email_app", State.OK, seen=Text("seen.said_by_requester")
    )


async def test_without_a_callback_the_requester_is_waited_for(given: Given, channel: Channel):
    """Without a Call Back URL the step waits for the requester."""
    found = await STEP.inspect(given(channel=replace(channel, callback_url="")))
    assert found == Finding("email_app", State.WAITING, waiting_for=Turn.REQUESTER)
