"""Article row M2: authenticated SMTP (SMTP AUTH) for the one mailbox."""

from __future__ import annotations

import pytest

from jobs.clouds.errors import Forbidden
from jobs.model import Change, Finding, Scope, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps.smtp_auth import PROPERTY, SendAs, SmtpAuth
from tests.unit.jobs.conftest import Cloud, Given

STEP = SmtpAuth()
EXPECTED = Text("expected.smtp_auth")


@pytest.mark.parametrize(
    ("own", "everybody", "seen"),
    [
        (False, True, "seen.smtp_on"),
        ("False", True, "seen.smtp_on"),
        (None, False, "seen.smtp_inherits_on"),
        ("", "false", "seen.smtp_inherits_on"),
    ],
)
async def test_switched_on(given: Given, cloud: Cloud, own: object, everybody: object, seen: str):
    """A mailbox's own setting of SMTP AUTH wins.

    If the mailbox has none, the organization's setting counts.
    """
    cloud.on("Get-CASMailbox", [{PROPERTY: own}]).on("Get-TransportConfig", [{PROPERTY: everybody}])
    values = {"disabled": "false" if own in {False, "False"} else ""}
    assert await STEP.inspect(given()) == Finding(
        "smtp_auth", State.OK, seen=Text(seen), values=values
    )


@pytest.mark.parametrize(
    ("own", "everybody", "seen", "cause", "was"),
    [
        (True, False, "seen.smtp_off", "smtp_auth_off_for_mailbox", "true"),
        (None, True, "seen.smtp_inherits_off", "smtp_auth_off_for_tenant", ""),
        (None, None, "seen.smtp_inherits_off", "smtp_auth_off_for_tenant", ""),
    ],
)
async def test_switched_off(
    given: Given, cloud: Cloud, own: object, everybody: object, seen: str, cause: str, was: str
):
    """If SMTP AUTH is off, the finding says at which level and records the earlier value."""
    cloud.on("Get-CASMailbox", [{PROPERTY: own}]).on("Get-TransportConfig", [{PROPERTY: everybody}])
    wanted = Finding(
        "smtp_auth",
        State.WRONG,
        seen=Text(seen),
        expected=EXPECTED,
        cause=cause,
        values={"disabled": was},
    )
    assert await STEP.inspect(given()) == wanted


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize(("own", "state"), [(False, State.OK), (True, State.WRONG)])
async def test_the_mailbox_says_enough(
    given: Given, cloud: Cloud, own: object, state: State, status: int
):
    """If the mailbox has its own setting, the organization's setting need not be readable."""
    cloud.on("Get-CASMailbox", [{PROPERTY: own}]).refuse("Get-TransportConfig", status)
    assert (await STEP.inspect(given())).state is state


async def test_a_mailbox_that_inherits_needs_the_organization(given: Given, cloud: Cloud):
    """If a mailbox inherits its setting, the organization's is needed.

    So a refused read of the organization is an error.
    """
    cloud.on("Get-CASMailbox", [{PROPERTY: None}]).refuse("Get-TransportConfig", 403)
    with pytest.raises(Forbidden):
        await STEP.inspect(given())


async def test_only_the_one_mailbox_is_switched(given: Given, cloud: Cloud):
    """SMTP AUTH is switched on for the mailbox only.

    The organization's setting is only read.
    """
    cloud.on("Get-CASMailbox", [{}])
    ctx = given()
    found = await STEP.inspect(ctx)
    words = Text("step.smtp_auth"), Text("seen.smtp_inherits_off"), Text("seen.on")
    command = f"Set-CASMailbox support@contoso.com -{PROPERTY} $false"
    assert STEP.plan(ctx, found) == (Change("smtp_auth", "M2", *words, Scope.MAILBOX, command),)
    await STEP.apply(ctx, found)
    assert cloud.writes == [
        ("Set-CASMailbox", {"Identity": "support@contoso.com", PROPERTY: False})
    ]


AGENT = "agent@contoso.com"
SHARED = {"shared": "blocked", "delegate": AGENT, "delegate_id": "user-2"}
LICENSED = SHARED | {"shared_licensed": "yes"}


async def test_the_delegate_s_switch_counts_for_a_shared_mailbox(given: Given, cloud: Cloud):
    """For a shared mailbox, the setting of the delegate counts, who logs in.

    An unlicensed shared mailbox has no SMTP, so its own setting is not read.
    """
    cloud.on("Get-CASMailbox", [{PROPERTY: True}]).on("Get-TransportConfig", [{PROPERTY: True}])
    ctx = given(facts=SHARED)
    found = await STEP.inspect(ctx)
    assert [body["Identity"] for what, body in cloud.asked if what == "Get-CASMailbox"] == [AGENT]
    assert (found.seen, found.cause, found.values) == (
        Text("seen.smtp_off_of", {"mailbox": AGENT}),
        "smtp_auth_off_for_mailbox",
        {f"disabled:{AGENT}": "true"},
    )
    (line,) = STEP.plan(ctx, found)
    assert (line.after, line.command) == (
        Text("after.smtp_auth_shared", {"mailboxes": AGENT}),
        f"Set-CASMailbox {AGENT} -{PROPERTY} $false",
    )


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


def test_nothing_is_planned_before_the_delegate_is_known(given: Given):
    """If the delegate of a shared mailbox is unknown, the plan has no line for SMTP AUTH."""
    assert STEP.plan(given(facts={"shared": "yes"}), STEP.wrong(Text("seen.not_known"))) == ()


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
MAILBOX = "support@contoso.com"
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
    given: Given, cloud: Cloud, kind: str, rows: list[object], state: State
):
    """The finding says whether the delegate has Send As, and names the delegate.

    So an undo removes the permission from nobody else.
    """
    cloud.on("Get-RecipientPermission", rows, [OWN])
    found = await SEND_AS.inspect(given(facts=FACTS, kind=kind))
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
    given: Given, cloud: Cloud, facts: dict[str, str], found: Finding
):
    """Exchange is not asked if the mailbox's own user signs in, or if the delegate is unknown."""
    assert await SEND_AS.inspect(given(facts=facts)) == found


async def test_a_right_of_others_may_be_a_group_s(given: Given, cloud: Cloud):
    """If others have Send As, a check finds a missing permission only possibly wrong.

    One of the others may be a group, and a check cannot see its members.
    """
    cloud.on("Get-RecipientPermission", [], [OWN, ALLOWED | {"Trustee": "Sales"}])
    found = await SEND_AS.inspect(given(facts=FACTS, kind="check"))
    assert (found.state, found.cause) == (State.POSSIBLE, "send_as_missing")


async def test_one_right_is_planned_and_made(given: Given, cloud: Cloud):
    """The plan shows the request as a command, which gives one user Send As on one mailbox."""
    cloud.on("Get-RecipientPermission", [])
    ctx = given(facts=FACTS)
    found = await SEND_AS.inspect(ctx)
    words = Text("step.send_as"), Text("seen.none"), Text("after.send_as", {"user": AGENT})
    assert SEND_AS.plan(ctx, found) == (Change("send_as", "M2", *words, Scope.MAILBOX, ADD),)
    await SEND_AS.apply(ctx, found)
    assert cloud.writes == [
        (
            "Add-RecipientPermission",
            {"Identity": MAILBOX, "Trustee": AGENT, "AccessRights": ["SendAs"], "Confirm": False},
        )
    ]


def test_nothing_is_planned_for_nobody(given: Given, cloud: Cloud):
    """If the delegate is unknown, the plan has no line for Send As."""
    ctx = given(facts={"shared": "yes"})
    assert SEND_AS.plan(ctx, SEND_AS.wrong(Text("seen.not_known"))) == ()


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
