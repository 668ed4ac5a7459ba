"""Row M1: the user of the mailbox, and who signs in for a shared one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from jobs.clouds.errors import MalformedAnswer
from jobs.model import RunKind, State, Text
from jobs.steps import all_steps
from jobs.steps.mailbox_user import Delegate, MailboxUser, needs_delegate
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.looks import GONE, USER
from tests.unit.jobs.steps.looks_of_mail import PERSON

STEP = MailboxUser()


@pytest.mark.parametrize("what", [USER, "Get-Mailbox"])
@pytest.mark.parametrize("answer", [(204, None), (200, {}), [], (404, None)])
async def test_an_empty_answer_is_no_missing_mailbox(given, cloud, what, answer):
    """An answer without the user or the mailbox says nothing about either, and is read again."""
    cloud.on(USER, PERSON).on("Get-Mailbox", [{}]).on(what, answer)
    with pytest.raises(MalformedAnswer):
        await STEP.inspect(given())


@pytest.mark.parametrize(
    ("kind", "deleted", "cause"),
    [
        ("MailUser", [], "mailbox_on_premises"),
        ("", [{"Name": "support"}], "mailbox_soft_deleted"),
        ("", GONE, "mailbox_not_found"),
    ],
)
def test_why_there_is_no_mailbox(cloud: Cloud, given: Any, kind: str, deleted: Any, cause: str):
    """A user without a mailbox has it elsewhere, or had it until a short time ago."""
    cloud.on(USER, PERSON)
    cloud.on("Get-Mailbox", GONE, deleted)
    cloud.on("Get-Recipient", [{"RecipientTypeDetails": kind}])
    found = asyncio.run(all_steps()["mailbox_user"].inspect(given(kind=RunKind.CHECK)))
    assert (found.state, found.cause) == (State.WRONG, cause)
    assert isinstance(found.seen, Text)


@pytest.mark.parametrize("looking", [True, False])
async def test_an_unknown_delegate_is_needed(given: Given, looking: bool):
    """A plan and a run that has begun both need the delegate's address."""
    ctx = given(facts={"shared": "blocked"})
    ctx.looking = looking
    found = await Delegate().inspect(ctx)
    assert needs_delegate(replace(ctx.run, findings={"delegate": found}))
