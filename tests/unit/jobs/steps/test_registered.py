"""C7: registered to Webex Engage."""

from __future__ import annotations

from collections.abc import Callable

from jobs.engine.context import StepContext
from jobs.model import Finding, State, Text, Turn
from jobs.steps.registered import Registered

STEP = Registered()


async def test_a_word_counts(given: Callable[..., StepContext]):
    """The requester's word, which V2 proves later."""
    found = await STEP.inspect(given(answers={"registered": "yes"}))
    assert found == Finding("registered", State.OK, seen=Text("seen.said_by_requester"))


async def test_without_it_the_requester_is_waited_for(given: Callable[..., StepContext]):
    """It cannot be changed afterwards, so nobody guesses."""
    found = await STEP.inspect(given())
    assert found == Finding(
        "registered", State.WAITING, seen=Text("seen.not_registered"), waiting_for=Turn.REQUESTER
    )
