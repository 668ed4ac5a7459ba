"""Article row M2: authenticated SMTP (SMTP AUTH) for the one mailbox."""

from __future__ import annotations

import pytest

from jobs.clouds.errors import Forbidden
from jobs.model import Change, Scope, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps.smtp_auth import PROPERTY, SendAs, SmtpAuth
from tests.unit.jobs.conftest import Cloud, Given

STEP = SmtpAuth()


async def test_a_mailbox_that_inherits_needs_the_organization(given: Given, cloud: Cloud):
    """If a mailbox inherits its setting, the organization's is needed.

    So a refused read of the organization is an error.
    """
    cloud.on("Get-CASMailbox", [{PROPERTY: None}]).refuse("Get-TransportConfig", 403)
    with pytest.raises(Forbidden):
        await STEP.inspect(given())


AGENT = "agent@contoso.com"
SHARED = {"shared": "blocked", "delegate": AGENT, "delegate_id": "user-2"}
LICENSED = SHARED | {"shared_licensed": "yes"}


@pytest.mark.parametrize(
    ("delegate", "own", "off"),
    [(False, False, 0), (False, None, 1), (None, False, 1), (None, None, 2)],
)
async def test_both_switches_are_set_where_both_may_log_in(
    given: Given, cloud: Cloud, delegate: bool | None, own: bool | None, off: int
):
    """For a licensed shared mailbox, SMTP AUTH is switched on for it and for the delegate.

    Only settings that are off are written.
    """
    rows = [[{PROPERTY: delegate}], [{PROPERTY: own}]]
    cloud.on("Get-CASMailbox", *rows, *rows).on("Get-TransportConfig", [{PROPERTY: True}])
    ctx = given(facts=LICENSED)
    found = await STEP.inspect(ctx)
    assert found.state is (State.WRONG if off else State.OK)
    assert found.values.keys() == {f"disabled:{AGENT}", "disabled"}
    if off:
        await STEP.apply(ctx, found)
    assert len(cloud.writes) == off


async def test_an_undo_puts_both_switches_back(given: Given, cloud: Cloud):
    """An undo gives each recorded mailbox its own earlier setting, without the run's facts."""
    cloud.on("Get-CASMailbox", [{PROPERTY: False}])
    line = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    was = {f"disabled:{AGENT}": "", "disabled": "true"}
    past = RecordedChange("smtp_auth", line, Text("b"), was, dict.fromkeys(was, "false"), ("R1",))
    ctx = given(kind="undo")
    assert (await STEP.inspect_undo(ctx, past)).state is State.WRONG
    assert STEP.undo_command(ctx, past).splitlines() == [
        f"Set-CASMailbox {AGENT} -{PROPERTY} $null",
        f"Set-CASMailbox support@contoso.com -{PROPERTY} $true",
    ]
    await STEP.undo(ctx, past)
    assert cloud.writes == [
        ("Set-CASMailbox", {"Identity": AGENT, PROPERTY: None}),
        ("Set-CASMailbox", {"Identity": "support@contoso.com", PROPERTY: True}),
    ]


SEND_AS = SendAs()
FACTS = {
    "shared": "blocked",
    "user_id": "user-1",
    "delegate": "Agent@contoso.com",
    "delegate_id": "user-2",
}
ALLOWED = {"Trustee": AGENT, "AccessControlType": "Allow", "AccessRights": ["SendAs"]}
OWN = ALLOWED | {"Trustee": "NT AUTHORITY\\SELF"}


async def test_a_right_of_others_may_be_a_group_s(given: Given, cloud: Cloud):
    """If others have Send As, a check finds a missing permission only possibly wrong.

    One of the others may be a group, and a check cannot see its members.
    """
    cloud.on("Get-RecipientPermission", [], [OWN, ALLOWED | {"Trustee": "Sales"}])
    found = await SEND_AS.inspect(given(facts=FACTS, kind="check"))
    assert (found.state, found.cause) == (State.POSSIBLE, "send_as_missing")


@pytest.mark.parametrize(("had", "removed"), [("", 1), ("yes", 0)])
async def test_an_undo_takes_only_what_a_run_gave(
    given: Given, cloud: Cloud, had: str, removed: int
):
    """An undo removes Send As only if the delegate did not have it before the runs."""
    cloud.on("Get-RecipientPermission", [ALLOWED])
    line = Change("send_as", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    was, left = {AGENT: had}, {AGENT: "yes"}
    past = RecordedChange("send_as", line, Text("b"), was, left, ("R1",))
    ctx = given(facts={}, kind="undo")
    found = await SEND_AS.inspect_undo(ctx, past)
    assert found.state is (State.WRONG if removed else State.OK)
    assert SEND_AS.undo_command(ctx, past).count("Remove-RecipientPermission") == removed
    await SEND_AS.undo(ctx, past)
    assert [what for what, _ in cloud.writes] == ["Remove-RecipientPermission"] * removed
