"""Article row C2: the two addresses that Webex Connect has generated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.model import Channel, Finding, State, Text, Turn
from jobs.steps.connect_form import Addresses
from tests.unit.jobs.conftest import Cloud, Given

STEP = Addresses()


@pytest.mark.parametrize("missing", ["callback_url", "forwarding_address"])
async def test_a_missing_address_waits_for_the_requester(
    given: Given, channel: Channel, missing: str
):
    """If one of the two addresses is missing, the step waits for the requester."""
    found = await STEP.inspect(given(channel=replace(channel, **{missing: ""})))
    assert found == Finding("addresses", State.WAITING, waiting_for=Turn.REQUESTER)


async def test_both_addresses_are_shown(given: Given, channel: Channel, cloud: Cloud):
    """If both addresses are known, the finding names them, and no cloud is asked."""
    found = await STEP.inspect(given())
    shown = Text(
        "seen.addresses",
        {"callback": channel.callback_url, "forwarding": channel.forwarding_address},
    )
    assert (found, cloud.asked) == (Finding("addresses", State.OK, seen=shown), [])
