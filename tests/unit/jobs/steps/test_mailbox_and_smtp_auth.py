"""Rows M1 to M5: the mailbox and its user, SMTP AUTH, and forwarding with what allows it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.access.admin_session import SESSION_S
from jobs.checks.check import steps_of
from jobs.checks.remedies import likely_changes
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.errors import CloudReply, Forbidden, MalformedAnswer, NotFound, Rejected
from jobs.model import Channel, Finding, Profile, RunKind, Scope, State, Text, Turn
from jobs.probes import checks_for
from jobs.runs.run import Brief, Event, FixBrief, Kind, Reply
from jobs.steps import all_steps, forwarding
from jobs.steps.forwarding import CUSTOMIZATION_S, DAY_TRIES, POLICY, RULE
from jobs.steps.mailbox_and_smtp_auth import (
    PROPERTY,
    Delegate,
    MailboxUser,
    SendAs,
    SmtpAuth,
    needs_delegate,
)
from jobs.storage.due_queue import LONGEST_PAUSE_S
from tests.unit.jobs.conftest import MAILBOX
from tests.unit.jobs.engine.scripted_steps import engine
from tests.unit.jobs.steps import looks_of_mail as looks
from tests.unit.jobs.steps.looks import AGENT, GONE, USER
from tests.unit.jobs.steps.looks_of_mail import (
    ALLOWED,
    BENT,
    DEFAULT,
    OTHERS,
    OURS,
    PERSON,
    RULE_OF_OURS,
    RULED,
    TRUSTED,
)
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


OFF = {"SmtpClientAuthenticationDisabled": True}
ON = {"SmtpClientAuthenticationDisabled": False}
REFUSED = Finding("smtp_login", State.WRONG, cause="smtp_auth_off_for_tenant")
SMTP_AUTH_TENANT_STEP = all_steps()["smtp_auth_tenant"]
TO_FIX = Brief(fix=FixBrief(wrong=("smtp_auth_tenant",)))


def checked(cloud, given, hours: float):
    """Return a check, and its findings, so many hours after a fix has switched the mailbox on."""
    cloud.on("Get-CASMailbox", [ON]).on("Get-TransportConfig", [OFF])
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
    verdict = judge(checks_for(ctx.channel.profile), found)
    assert verdict.weighed["smtp_login"].cause == cause


def test_only_a_fix_of_that_cause_plans_it(cloud, given):
    """A setup reads nothing. A fix of the cause plans one change of the tenant."""
    cloud.on("Get-TransportConfig", [OFF])
    setup = given(channel=Channel("a@contoso.com"))
    assert asyncio.run(SMTP_AUTH_TENANT_STEP.inspect(setup)).state is State.OK
    assert cloud.asked == []
    fix = given(kind=RunKind.FIX, brief=TO_FIX)
    found = asyncio.run(SMTP_AUTH_TENANT_STEP.inspect(fix))
    (line,) = SMTP_AUTH_TENANT_STEP.plan(fix, found)
    assert (found.state, line.scope, line.warning) == (State.WRONG, Scope.TENANT, True)
    asyncio.run(SMTP_AUTH_TENANT_STEP.apply(fix, found))
    assert cloud.writes == [("Set-TransportConfig", ON)]


def test_the_check_names_the_step_to_the_fix(cloud, given):
    """What the check leaves out is what the fix will probably change."""
    ctx, found = checked(cloud, given, 30)
    events = [Event(Kind.FOUND, now(), step=name, finding=each) for name, each in found.items()]
    ctx.store.append(ctx.run.id, *events, Event(Kind.CHECKED, now()))
    check = ctx.store.load(ctx.run.id)
    assert "smtp_auth_tenant" in steps_of(check)
    assert "smtp_auth_tenant" in likely_changes(check)


FORWARDING = forwarding.Forwarding()


def test_an_undo_names_the_addresses_as_powershell_takes_them(given):
    """The command of an undo quotes a name with a space, which would otherwise be two arguments."""
    was = {"internal": "Jane Doe", "smtp": "old@x.io", "keeps": "false"}
    command = FORWARDING.undo_command(given(kind="undo"), past("forwarding", was, {}))
    where = "-ForwardingAddress 'Jane Doe' -ForwardingSmtpAddress smtp:old@x.io"
    assert command == f"Set-Mailbox support@contoso.com {where} -DeliverToMailboxAndForward $false"


async def test_a_mailbox_that_is_not_there_is_not_forwarded_wrongly(given):
    """A missing mailbox raises ``NotFound``, because its forwarding is unknown.

    Another step reports the missing mailbox.
    """
    with pytest.raises(NotFound):
        await FORWARDING.inspect(given())


CUSTOMIZATION_STEP = forwarding.Customization()


async def test_who_may_not_read_the_policies_sees_no_need(given, cloud):
    """If the policies cannot be read, the step fails with ``Forbidden``."""
    cloud.refuse("Get-OrganizationConfig", 403).refuse(f"Get-{POLICY}", 403)
    with pytest.raises(Forbidden):
        await CUSTOMIZATION_STEP.inspect(given())


NOT_REQUIRED = "This operation is not required. Organization is already enabled for customization."


NOT_YET = (
    "The command you tried to run isn't currently allowed in your organization. First need to run "
    "the command: Enable-OrganizationCustomization"
)


async def test_a_flag_that_stays_is_waited_for_by_the_policy(given, cloud):
    """If ``IsDehydrated`` stays true, the cmdlet still runs once, and M4 is retried.

    The pauses between the tries grow.
    """
    cloud.on("Get-OrganizationConfig", [{"IsDehydrated": True}]).on(f"Get-{POLICY}", [DEFAULT])
    cloud.refuse("Enable-OrganizationCustomization", 400, "BadRequest", NOT_REQUIRED)
    cloud.refuse(f"New-{POLICY}", 400, "BadRequest", NOT_YET)
    ctx = given()
    worker = engine(ctx, CUSTOMIZATION_STEP, POLICY_STEP)
    await worker.make_plan()
    for scope in ("tenant", "mailbox"):
        data = {"plan": ctx.run.plan.id, "scope": scope}
        ctx.store.append(ctx.run.id, Event(Kind.APPROVED, now(), data=data))
    pauses = []
    for _ in range(4):
        await worker.apply_plan()
        waiting = ctx.run.findings["outbound_policy"]
        assert (waiting.waiting_for, waiting.seen) == (Turn.TIME, Text("seen.customization_takes"))
        pauses.append(round((waiting.until - now()).total_seconds()))
    asked = [what for what, _ in cloud.writes]
    assert (asked.count("Enable-OrganizationCustomization"), asked.count(f"New-{POLICY}")) == (1, 4)
    told = ctx.run.settled("customization"), pauses
    assert told == (True, [round(pause) for pause in CUSTOMIZATION_S[:4]])


POLICY_STEP = forwarding.OutboundPolicy()


@pytest.mark.parametrize(
    ("cause", "causes"), [("forwarding_blocked", ("outbound_policy",)), ("", ())]
)
async def test_a_trace_takes_the_doubt_away(given, cloud, cause, causes):
    """If a rule for a group may apply, the trace of the copies decides whether it is the cause."""
    for what, answer in (looks.ALLOWS | looks.MAYBE).items():
        cloud.on(what, answer)
    copies = Finding("copies", State.WRONG if cause else State.OK, cause=cause)
    found = {"outbound_policy": await POLICY_STEP.inspect(given(kind="check")), "copies": copies}
    assert judge(checks_for(Profile.LEAST), found).causes == causes


@pytest.mark.parametrize("who", OTHERS)
async def test_an_undo_gives_them_back_what_they_had(given, cloud, who):
    """An undo restores the bot's rule, even if the fix was killed before reading it back."""
    bent = RULE_OF_OURS | who | {"State": "Disabled"}
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [bent])
    cloud.on("Get-Mailbox", looks.ALIASES["Get-Mailbox"])
    ctx = given(kind="fix")
    found = await POLICY_STEP.inspect(ctx)
    await POLICY_STEP.apply(ctx, found)
    sent = next(values for what, values in cloud.writes if what == f"Set-{RULE}")
    cloud.on(f"Get-{RULE}", [bent | sent | {"State": "Enabled"}])
    what = past("outbound_policy", found.values, {})
    assert (await POLICY_STEP.inspect_undo(ctx, what)).state is State.WRONG
    cloud.asked.clear()
    await POLICY_STEP.undo(ctx, what)
    back = {name: value or None for name, value in who.items()}
    back["From"] = [MAILBOX] if who["From"] == MAILBOX else back["From"]
    assert cloud.writes[0] == (f"Set-{RULE}", {"Identity": RULED, POLICY: RULED, **back})
    cloud.on(f"Get-{RULE}", [bent | sent | {"State": "Enabled", "From": ["else@contoso.com"]}])
    assert (await POLICY_STEP.inspect_undo(ctx, what)).state is State.WARNING


async def test_a_policy_that_is_not_listed_yet_gets_its_rule(given, cloud):
    """A policy that exists but is not listed yet gets its rule, without which it has no effect."""
    cloud.on(f"Get-{POLICY}", [DEFAULT])
    words = "|Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException|It already exists."
    cloud.refuse(f"New-{POLICY}", 400, "", words)
    ctx = given()
    await POLICY_STEP.apply(ctx, await POLICY_STEP.inspect(ctx))
    assert [what for what, _ in cloud.writes] == [f"New-{POLICY}", f"New-{RULE}"]


async def test_an_undo_bends_it_back(given, cloud):
    """An undo restores the bot's rule as it was: disabled, with its exceptions and its policy."""
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS])
    cloud.on(f"Get-{RULE}", [RULE_OF_OURS | BENT], [RULE_OF_OURS])
    ctx = given(kind="undo")
    was, left = ((await POLICY_STEP.inspect(ctx)).values, (await POLICY_STEP.inspect(ctx)).values)
    what = past("outbound_policy", was, left)
    bends = f"-From {MAILBOX} -{POLICY} Other -SenderDomainIs fabrikam.com -ExceptIfFrom {MAILBOX}"
    told = POLICY_STEP.undo_command(ctx, what).partition(f"\nSet-{POLICY}")[0]
    assert told == f"Set-{RULE} '{RULED}' {bends}\nDisable-{RULE} '{RULED}'"
    await POLICY_STEP.undo(ctx, what)
    bent = {POLICY: "Other", "SenderDomainIs": "fabrikam.com", "ExceptIfFrom": [MAILBOX]}
    assert cloud.writes == [
        (f"Set-{RULE}", {"Identity": RULED, "From": [MAILBOX], **bent}),
        (f"Disable-{RULE}", {"Identity": RULED}),
        (f"Set-{POLICY}", {"Identity": RULED, "AutoForwardingMode": "On"}),
    ]


async def test_a_mailbox_that_may_not_be_read_is_known_by_its_address(given, cloud):
    """If the mailbox cannot be read, its address and UPN count.

    Exchange is asked for aliases only if a rule names anybody else.
    """
    rule = RULE_OF_OURS | {"From": ["upn@contoso.com"]}
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [rule]).refuse("Get-Mailbox", 403)
    ctx = given(facts={"upn": "upn@contoso.com"})
    assert (await POLICY_STEP.inspect(ctx)).state is State.OK
    assert "Get-Mailbox" not in [what for what, _ in cloud.asked]
    cloud.on(f"Get-{RULE}", [rule | {"From": ["upn@contoso.com", "b@contoso.com"]}])
    assert (await POLICY_STEP.inspect(ctx)).state is State.OK
    assert "Get-Mailbox" in [what for what, _ in cloud.asked]


def test_the_pauses_make_a_day_and_end_before_the_sign_in():
    """The pauses add up to the 24 hours that Microsoft names and end before the sign-in does."""
    more = DAY_TRIES + 1 - len(CUSTOMIZATION_S)
    pauses = [*CUSTOMIZATION_S, *[CUSTOMIZATION_S[-1]] * more]
    assert 24 * 3600 <= sum(pauses) < SESSION_S
    assert max(pauses) <= LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("cause", "tries", "turn"),
    [
        ("customization_needed", 0, Turn.TIME),
        ("customization_needed", DAY_TRIES + 1, None),
        ("request_rejected", 0, None),
    ],
    ids=["at first", "after a day", "another error"],
)
def test_a_customization_that_takes_time_is_waited_for(given, cause, tries, turn):
    """If Exchange still asks for the customization, the step waits and tries again for a day.

    Then a person has to look. Other errors are left to the engine.
    """
    ctx = given(waits={"outbound_policy": tries})
    found = POLICY_STEP.explain_error(ctx, Rejected(cause, CloudReply("exchange")))
    assert (found and found.waiting_for) == turn
