"""Rows M1 and M2: the user of the mailbox, who signs in for a shared one, and SMTP AUTH."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from jobs.checks.check import checks_of, likely_changes
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.errors import Forbidden, MalformedAnswer
from jobs.model import Channel, Finding, RunKind, Scope, State, Text
from jobs.probes import checks_for
from jobs.runs.run import Brief, Event, FixBrief, Kind, Reply
from jobs.steps import all_steps
from jobs.steps.mailbox_and_smtp_auth import (
    PROPERTY,
    Delegate,
    MailboxUser,
    SendAs,
    SmtpAuth,
    needs_delegate,
)
from tests.unit.jobs.channel.test_in_use import connected
from tests.unit.jobs.steps.looks import AGENT, GONE, USER
from tests.unit.jobs.steps.looks_of_mail import ALLOWED, PERSON, TRUSTED
from tests.unit.jobs.steps.test_undo import past

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
        ("PublicFolder", GONE, "mailbox_not_found"),
        ("", [{"Name": "support"}], "mailbox_soft_deleted"),
        ("", GONE, "mailbox_not_found"),
    ],
)
def test_why_there_is_no_mailbox(cloud, given, kind, deleted, cause):
    """A user without a mailbox has it elsewhere, or had it until a short time ago."""
    cloud.on(USER, PERSON)
    cloud.on("Get-Mailbox", GONE, deleted)
    cloud.on("Get-Recipient", [{"RecipientTypeDetails": kind}])
    found = asyncio.run(all_steps()["mailbox_user"].inspect(given(kind=RunKind.CHECK)))
    assert (found.state, found.cause) == (State.WRONG, cause)
    assert isinstance(found.seen, Text)
    assert (found.seen.values.get("kind") == "PublicFolder") == (kind == "PublicFolder")


@pytest.mark.parametrize("looking", [True, False])
async def test_an_unknown_delegate_is_needed(given, looking):
    """A plan and a run that has begun both need the delegate's address."""
    ctx = given(facts={"shared": "blocked"})
    ctx.looking = looking
    found = await Delegate().inspect(ctx)
    assert needs_delegate(replace(ctx.run, findings={"delegate": found}))


@pytest.mark.parametrize(
    ("kind", "approved", "asked"),
    [(RunKind.SETUP, False, True), (RunKind.SETUP, True, False), (RunKind.FIX, False, False)],
)
def test_a_delegate_who_cannot_sign_in_is_asked_for_again(given, kind, approved, asked):
    """In a setup another delegate may be named, until something is approved for this one."""
    found = Finding("delegate", State.WRONG, cause="account_disabled")
    approvals = {Scope.MAILBOX: Reply("p", "a@b.c", now())} if approved else {}
    run = replace(given(kind=kind).run, findings={"delegate": found}, approvals=approvals)
    assert needs_delegate(run) is asked


SMTP_AUTH = SmtpAuth()


async def test_a_mailbox_that_inherits_needs_the_organization(given, cloud):
    """If a mailbox inherits its setting, the organization's is needed.

    So a refused read of the organization is an error.
    """
    cloud.on("Get-CASMailbox", [{PROPERTY: None}]).refuse("Get-TransportConfig", 403)
    with pytest.raises(Forbidden):
        await SMTP_AUTH.inspect(given())


LICENSED = TRUSTED | {"shared_licensed": "yes"}


@pytest.mark.parametrize(
    ("delegate", "own", "off"),
    [(False, False, 0), (False, None, 1), (None, False, 1), (None, None, 2)],
)
async def test_both_switches_are_set_where_both_may_log_in(given, cloud, delegate, own, off):
    """For a licensed shared mailbox, SMTP AUTH is switched on for it and for the delegate.

    Only settings that are off are written.
    """
    rows = [[{PROPERTY: delegate}], [{PROPERTY: own}]]
    cloud.on("Get-CASMailbox", *rows, *rows).on("Get-TransportConfig", [{PROPERTY: True}])
    ctx = given(facts=LICENSED)
    found = await SMTP_AUTH.inspect(ctx)
    assert found.state is (State.WRONG if off else State.OK)
    assert found.values.keys() == {f"disabled:{AGENT}", "disabled"}
    if off:
        await SMTP_AUTH.apply(ctx, found)
    assert len(cloud.writes) == off


async def test_an_undo_puts_both_switches_back(given, cloud):
    """An undo gives each recorded mailbox its own earlier setting, without the run's facts."""
    cloud.on("Get-CASMailbox", [{PROPERTY: False}])
    was = {f"disabled:{AGENT}": "", "disabled": "true"}
    what, ctx = past("smtp_auth", was, dict.fromkeys(was, "false")), given(kind="undo")
    assert (await SMTP_AUTH.inspect_undo(ctx, what)).state is State.WRONG
    assert SMTP_AUTH.undo_command(ctx, what).splitlines() == [
        f"Set-CASMailbox {AGENT} -{PROPERTY} $null",
        f"Set-CASMailbox support@contoso.com -{PROPERTY} $true",
    ]
    await SMTP_AUTH.undo(ctx, what)
    assert cloud.writes == [
        ("Set-CASMailbox", {"Identity": AGENT, PROPERTY: None}),
        ("Set-CASMailbox", {"Identity": "support@contoso.com", PROPERTY: True}),
    ]


@pytest.mark.parametrize(
    ("name", "facts", "state"),
    [
        (f"disabled:{AGENT}", {"upn": AGENT.title()}, State.WARNING),
        (f"disabled:{AGENT}", {"upn": "x@y.z"}, State.WRONG),
        ("disabled", {"shared": "yes", "delegate_id": "U1"}, State.WARNING),
        ("disabled", {"shared": "yes", "delegate_id": "U2"}, State.WRONG),
    ],
)
async def test_an_undo_leaves_another_channel_s_switch(given, store, cloud, name, facts, state):
    """An undo lets SMTP AUTH be as it is if another channel logs in as the same user.

    The user of the channel's own mailbox may have another name than its address.
    """
    cloud.on("Get-CASMailbox", [{PROPERTY: False}])
    connected(given, store, Channel("sales@contoso.com"), **facts)
    ctx = given(kind="undo", facts={"user_id": "u1"})
    what = past("smtp_auth", {name: ""}, {name: "false"})
    assert (await SMTP_AUTH.inspect_undo(ctx, what)).state is state


SEND_AS = SendAs()
OWN = ALLOWED | {"Trustee": "NT AUTHORITY\\SELF"}


async def test_a_right_of_others_may_be_a_group_s(given, cloud):
    """If others have Send As, a check finds a missing permission only possibly wrong.

    One of the others may be a group, and a check cannot see its members.
    """
    cloud.on("Get-RecipientPermission", [], [OWN, ALLOWED | {"Trustee": "Sales"}])
    found = await SEND_AS.inspect(given(facts=TRUSTED, kind="check"))
    assert (found.state, found.cause) == (State.POSSIBLE, "send_as_missing")


@pytest.mark.parametrize(("had", "removed"), [("", 1), ("yes", 0)])
async def test_an_undo_takes_only_what_a_run_gave(given, cloud, had, removed):
    """An undo removes Send As only if the delegate did not have it before the runs."""
    cloud.on("Get-RecipientPermission", [ALLOWED])
    what, ctx = past("send_as", {AGENT: had}, {AGENT: "yes"}), given(kind="undo")
    found = await SEND_AS.inspect_undo(ctx, what)
    assert found.state is (State.WRONG if removed else State.OK)
    assert SEND_AS.undo_command(ctx, what).count("Remove-RecipientPermission") == removed
    await SEND_AS.undo(ctx, what)
    assert [what for what, _ in cloud.writes] == ["Remove-RecipientPermission"] * removed


REFUSED = Finding("smtp_login", State.WRONG, cause="smtp_auth_off_for_tenant")
TO_FIX = Brief(fix=FixBrief(wrong=("smtp_auth_tenant",)))


def checked(cloud, given, hours: float):
    """Return a check, and its findings, so many hours after a fix has switched the mailbox on."""
    cloud.on("Get-CASMailbox", [{PROPERTY: False}]).on("Get-TransportConfig", [{PROPERTY: True}])
    fixed = given(kind="fix", changed={"smtp_auth": now() - timedelta(hours=hours)})
    fixed.store.end(fixed.run, Event(Kind.FINISHED, now()))
    ctx, names = given(kind="check"), ("smtp_auth", "smtp_auth_tenant")
    found = {name: asyncio.run(all_steps()[name].inspect(ctx)) for name in names}
    return ctx, found | {"smtp_login": REFUSED}


@pytest.mark.parametrize(
    ("hours", "cause"), [(2, "smtp_auth_settling"), (25, "smtp_auth_tenant_wins")]
)
def test_the_wait_ends_after_a_day(cloud, given, hours, cause):
    """For a day the change may still spread. After it, a fix is offered that concerns everybody."""
    ctx, found = checked(cloud, given, hours)
    assert found["smtp_auth"].state is State.OK
    assert judge(checks_for(ctx.channel.profile), found).weighed["smtp_login"].cause == cause


def test_only_a_fix_of_that_cause_plans_it(cloud, given):
    """A setup reads nothing. A fix of the cause plans one change of the tenant."""
    cloud.on("Get-TransportConfig", [{PROPERTY: True}])
    setup, step = given(channel=Channel("a@contoso.com")), all_steps()["smtp_auth_tenant"]
    assert asyncio.run(step.inspect(setup)).state is State.OK
    assert cloud.asked == []
    fix = given(kind=RunKind.FIX, brief=TO_FIX)
    found = asyncio.run(step.inspect(fix))
    (line,) = step.plan(fix, found)
    assert (found.state, line.scope, line.warning) == (State.WRONG, Scope.TENANT, True)
    asyncio.run(step.apply(fix, found))
    assert cloud.writes == [("Set-TransportConfig", {PROPERTY: False})]


@pytest.mark.parametrize(("tenant", "state"), [("T2", State.WRONG), ("TENANT-1", State.WARNING)])
async def test_an_undo_leaves_what_others_need(given, store, cloud, tenant, state):
    """The organization's switch wins here, so with it the answers of each other channel stop."""
    cloud.on("Get-TransportConfig", [{PROPERTY: False}])
    connected(given, store, Channel("sales@contoso.com", tenant_id=tenant))
    what = past("smtp_auth_tenant", {"disabled": "true"}, {"disabled": "false"})
    step, ctx = all_steps()["smtp_auth_tenant"], given(kind="undo")
    assert (await step.inspect_undo(ctx, what)).state is state


def test_the_check_names_the_step_to_the_fix(cloud, given):
    """What the check leaves out is what the fix will probably change."""
    ctx, found = checked(cloud, given, 30)
    events = [Event(Kind.FOUND, now(), step=name, finding=each) for name, each in found.items()]
    ctx.store.append(ctx.run.id, *events, Event(Kind.CHECKED, now()))
    check = ctx.store.load(ctx.run.id)
    assert "smtp_auth_tenant" in checks_of(check).keys() & likely_changes(check)
