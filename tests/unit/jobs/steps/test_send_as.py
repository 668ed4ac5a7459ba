"""Article row M2: Send As on a shared mailbox, for the user who signs in for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.engine.context import StepContext
from jobs.model import Change, Finding, Scope, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps.smtp_auth import SendAs

STEP = SendAs()
MAILBOX, AGENT = "support@contoso.com", "agent@contoso.com"
FACTS = {
    "shared": "blocked",
    "user_id": "user-1",
    "delegate": "Agent@contoso.com",
    "delegate_id": "user-2",
}
ALLOWED = {"Trustee": AGENT, "AccessControlType": "Allow", "AccessRights": ["SendAs"]}
OWN = ALLOWED | {"Trustee": "NT AUTHORITY\\SELF"}
ADD = f"Add-RecipientPermission {MAILBOX} -Trustee {AGENT} -AccessRights SendAs"


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([ALLOWED], State.OK),
        ([ALLOWED | {"AccessRights": "SendAs"}], State.OK),
        ([ALLOWED | {"AccessControlType": "Deny"}], State.WRONG),
        ([ALLOWED | {"AccessRights": []}], State.WRONG),
        ([], State.WRONG),
    ],
)
@pytest.mark.parametrize("kind", ["setup", "check"])
async def test_the_right_is_read(
    given: Callable[..., StepContext], cloud: Any, kind: str, rows: list[object], state: State
):
    """The finding says whether the delegate has Send As, and names the delegate.

    So an undo removes the permission from nobody else.
    """
    cloud.on("Get-RecipientPermission", rows, [OWN])
    found = await STEP.inspect(given(facts=FACTS, kind=kind))
    has = "yes" if state is State.OK else ""
    assert (found.state, found.values) == (state, {AGENT: has})


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, Finding("send_as", State.OK, seen=Text("seen.send_as_own"))),
        (
            FACTS | {"delegate_id": "USER-1"},
            Finding("send_as", State.OK, seen=Text("seen.send_as_own")),
        ),
        (
            {"shared": "yes", "user_id": "user-1"},
            Finding("send_as", State.SKIPPED, seen=Text("skipped.delegate_unknown")),
        ),
    ],
    ids=["user mailbox", "its own account", "unknown"],
)
async def test_nobody_else_s_right_is_needed(
    given: Callable[..., StepContext], cloud: Any, facts: dict[str, str], found: Finding
):
    """Exchange is not asked if the mailbox's own user signs in, or if the delegate is unknown."""
    assert await STEP.inspect(given(facts=facts)) == found


async def test_a_right_of_others_may_be_a_group_s(given: Callable[..., StepContext], cloud: Any):
    """If others have Send As, a check finds a missing permission only possibly wrong.

    One of the others may be a group, and a check cannot see its members.
    """
    cloud.on("Get-RecipientPermission", [], [OWN, ALLOWED | {"Trustee": "Sales"}])
    found = await STEP.inspect(given(facts=FACTS, kind="check"))
    assert (found.state, found.cause) == (State.POSSIBLE, "send_as_missing")


async def test_one_right_is_planned_and_made(given: Callable[..., StepContext], cloud: Any):
    """The plan shows the request as a command, which gives one user Send As on one mailbox."""
    cloud.on("Get-RecipientPermission", [])
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    words = Text("step.send_as"), Text("seen.none"), Text("after.send_as", {"user": AGENT})
    assert STEP.plan(ctx, found) == (Change("send_as", "M2", *words, Scope.MAILBOX, ADD),)
    await STEP.apply(ctx, found)
    assert cloud.writes == [
        (
            "Add-RecipientPermission",
            {"Identity": MAILBOX, "Trustee": AGENT, "AccessRights": ["SendAs"], "Confirm": False},
        )
    ]


def test_nothing_is_planned_for_nobody(given: Callable[..., StepContext], cloud: Any):
    """If the delegate is unknown, the plan has no line for Send As."""
    ctx = given(facts={"shared": "yes"})
    assert STEP.plan(ctx, STEP.wrong(Text("seen.not_known"))) == ()


@pytest.mark.parametrize(("had", "removed"), [("", 1), ("yes", 0)])
async def test_an_undo_takes_only_what_a_run_gave(
    given: Callable[..., StepContext], cloud: Any, had: str, removed: int
):
    """An undo removes Send As only if the delegate did not have it before the runs."""
    cloud.on("Get-RecipientPermission", [ALLOWED])
    line = Change("send_as", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    was, left = {AGENT: had}, {AGENT: "yes"}
    past = RecordedChange("send_as", line, Text("b"), was, left, ("R1",))
    ctx = given(facts={}, kind="undo")
    found = await STEP.inspect_undo(ctx, past)
    assert found.state is (State.WRONG if removed else State.OK)
    assert STEP.undo_command(ctx, past).count("Remove-RecipientPermission") == removed
    await STEP.undo(ctx, past)
    assert [what for what, _ in cloud.writes] == ["Remove-RecipientPermission"] * removed
