"""Row M1: the user of the mailbox, and who signs in for a shared one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.errors import MalformedAnswer
from jobs.model import Channel, RunKind, State, Text, Turn
from jobs.runs.run import Brief, Event, Kind
from jobs.steps import all_steps
from jobs.steps.mailbox_user import Delegate, MailboxUser, needs_delegate
from tests.unit.jobs.conftest import CHANNEL, Cloud, Given

STEP = MailboxUser()
USER = "GET /users/support@contoso.com"
PLAN = {"service": "exchange", "capabilityStatus": "Enabled"}
PERSON = {
    "id": "user-1",
    "userPrincipalName": "support@contoso.com",
    "accountEnabled": True,
    "assignedPlans": [PLAN],
}


@pytest.mark.parametrize("what", [USER, "Get-Mailbox"])
@pytest.mark.parametrize("answer", [(204, None), (200, {}), [], (404, None)])
async def test_an_empty_answer_is_no_missing_mailbox(
    given: Given, cloud: Cloud, what: str, answer: object
):
    """An answer without the user or the mailbox says nothing about either, and is read again."""
    cloud.on(USER, PERSON).on("Get-Mailbox", [{}]).on(what, answer)
    with pytest.raises(MalformedAnswer):
        await STEP.inspect(given())


MAILBOX_LIMITS_USER = {
    "id": "u1",
    "userPrincipalName": "support@contoso.com",
    "assignedPlans": [{"service": "exchange", "capabilityStatus": "Enabled"}],
}


@pytest.mark.parametrize(
    ("kind", "deleted", "cause"),
    [
        ("MailUser", [], "mailbox_on_premises"),
        ("", [{"Name": "support"}], "mailbox_soft_deleted"),
        ("", (404, {"error": {"code": "x"}}), "mailbox_not_found"),
    ],
)
def test_why_there_is_no_mailbox(cloud: Cloud, given: Any, kind: str, deleted: Any, cause: str):
    """A user without a mailbox has it elsewhere, or had it until a short time ago."""
    cloud.on("GET /users/support@contoso.com", MAILBOX_LIMITS_USER)
    cloud.on("Get-Mailbox", (404, {"error": {"code": "x"}}), deleted)
    cloud.on("Get-Recipient", [{"RecipientTypeDetails": kind}])
    found = asyncio.run(all_steps()["mailbox_user"].inspect(given(kind=RunKind.CHECK)))
    assert (found.state, found.cause) == (State.WRONG, cause)
    assert isinstance(found.seen, Text)


DELEGATE_STEP = Delegate()
AGENT = "agent@contoso.com"
DELEGATE_PERSON = {
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
    cloud.on(f"GET /users/{AGENT}", DELEGATE_PERSON)
    found = await DELEGATE_STEP.inspect(
        given(channel=channel, brief=brief, events=events, facts=SHARED)
    )
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
    found = await DELEGATE_STEP.inspect(ctx)
    assert (found.state, found.waiting_for, found.cause, found.facts) == (state, turn, cause, {})
    assert needs_delegate(replace(ctx.run, findings={"delegate": found}))
