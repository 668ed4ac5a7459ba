"""Article row M1: the user who signs in for a shared mailbox."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.clock import now
from jobs.model import Channel, State, Turn
from jobs.runs.run import Brief, Event, Kind
from jobs.steps.mailbox_user import Delegate, needs_delegate
from tests.unit.jobs.conftest import CHANNEL, Cloud, Given

STEP = Delegate()
AGENT = "agent@contoso.com"
PLAN = {"service": "exchange", "capabilityStatus": "Enabled"}
PERSON = {
    "id": "user-2",
    "userPrincipalName": AGENT,
    "accountEnabled": True,
    "assignedPlans": [PLAN],
}
SHARED = {"shared": "blocked"}
NAMED = replace(CHANNEL, delegate=AGENT)


@pytest.mark.parametrize(
    ("channel", "brief", "events"),
    [
        (NAMED, None, ()),
        (CHANNEL, Brief(shared=True, delegate=AGENT), ()),
        (
            replace(CHANNEL, delegate="somebody@contoso.com"),
            None,
            (
                Event(
                    Kind.ANSWERED,
                    now(),
                    by=AGENT,
                    data={"question": "mailbox_sign_in", "value": "yes"},
                ),
            ),
        ),
        (
            replace(CHANNEL, delegate="somebody@contoso.com"),
            None,
            (Event(Kind.ANSWERED, now(), data={"question": "delegate", "value": AGENT}),),
        ),
    ],
    ids=["first card", "earlier run", "rehearsal", "answer"],
)
async def test_who_names_the_delegate(
    given: Given, cloud: Cloud, channel: Channel, brief: Brief | None, events: tuple[Event, ...]
):
    """The delegate may be named on the first card, by an earlier run, or by an answer.

    An answer in this run overrides the delegate known at its beginning.
    """
    cloud.on(f"GET /users/{AGENT}", PERSON)
    found = await STEP.inspect(given(channel=channel, brief=brief, events=events, facts=SHARED))
    assert (found.state, found.facts) == (State.OK, {"delegate": AGENT, "delegate_id": "user-2"})


@pytest.mark.parametrize(
    ("looking", "state", "turn"),
    [(True, State.WRONG, None), (False, State.WAITING, Turn.REQUESTER)],
)
@pytest.mark.parametrize(
    ("channel", "cause"), [(CHANNEL, "delegate_unknown"), (NAMED, "delegate_not_found")]
)
async def test_the_requester_is_asked(
    given: Given,
    cloud: Cloud,
    channel: Channel,
    cause: str,
    looking: bool,
    state: State,
    turn: Turn | None,
):
    """An unknown delegate is wrong in a plan; a run that has begun waits for the requester."""
    cloud.on("GET /users", [])
    ctx = given(channel=channel, facts=SHARED)
    ctx.looking = looking
    found = await STEP.inspect(ctx)
    assert (found.state, found.waiting_for, found.cause, found.facts) == (state, turn, cause, {})
    assert needs_delegate(replace(ctx.run, findings={"delegate": found}))
