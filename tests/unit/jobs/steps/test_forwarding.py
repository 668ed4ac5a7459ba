"""Rows M3 to M5: forwarding, and the policy and customization that allow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.access.admin_session import SESSION_S
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.errors import CloudReply, Forbidden, NotFound, Rejected
from jobs.engine.engine import Engine
from jobs.microsoft.outbound_spam import policy_name
from jobs.model import Change, Channel, Finding, Profile, Reason, Scope, State, Text, Turn
from jobs.probes import checks_for
from jobs.runs.run import Event, Kind, RecordedChange
from jobs.runtime import Runtime
from jobs.settings import Settings
from jobs.steps.forwarding import (
    CUSTOMIZATION_S,
    DAY_TRIES,
    POLICY,
    RULE,
    Customization,
    Forwarding,
    OutboundPolicy,
)
from jobs.storage.due_queue import LONGEST_PAUSE_S
from tests.unit.jobs.conftest import Cloud, Given

STEP = Forwarding()


def test_an_undo_names_the_addresses_as_powershell_takes_them(given: Given):
    """The command of an undo quotes a name with a space, which would otherwise be two arguments."""
    was = {"internal": "Jane Doe", "smtp": "old@x.io", "keeps": "false"}
    line = Change("forwarding", "M3", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    command = STEP.undo_command(
        given(kind="undo"), RecordedChange("forwarding", line, Text("b"), was, {}, ("R1",))
    )
    where = "-ForwardingAddress 'Jane Doe' -ForwardingSmtpAddress smtp:old@x.io"
    assert command == f"Set-Mailbox support@contoso.com {where} -DeliverToMailboxAndForward $false"


async def test_a_mailbox_that_is_not_there_is_not_forwarded_wrongly(given: Given):
    """A missing mailbox raises ``NotFound``, because its forwarding is unknown.

    Another step reports the missing mailbox.
    """
    with pytest.raises(NotFound):
        await STEP.inspect(given())


CUSTOMIZATION_STEP = Customization()
DEFAULT = {"Name": "Default", "IsDefault": True, "AutoForwardingMode": "Automatic"}


async def test_who_may_not_ask_the_tenant_is_told_nothing(given: Given, cloud: Cloud):
    """If only the organization cannot be read, the step is skipped.

    If the policies cannot be read either, the step fails with ``Forbidden``.
    """
    cloud.refuse("Get-OrganizationConfig", 403).on(f"Get-{POLICY}", [DEFAULT])
    ctx = given()
    assert await CUSTOMIZATION_STEP.inspect(ctx) == CUSTOMIZATION_STEP.skipped(
        Text("skipped.customization_untold")
    )
    cloud.refuse(f"Get-{POLICY}", 403)
    with pytest.raises(Forbidden):
        await CUSTOMIZATION_STEP.inspect(ctx)


@pytest.mark.parametrize("rows", [[], [{"IsDehydrated": False}], [{"IsDehydrated": True}]])
async def test_exchange_may_ask_for_it_all_the_same(given: Given, cloud: Cloud, rows: list[object]):
    """If Exchange refused M4 for lack of customization, M5 is needed whatever the tenant reports.

    Once this run has made the change, the step is OK.
    """
    cloud.on("Get-OrganizationConfig", rows).on(f"Get-{POLICY}", [DEFAULT])
    asked = Event(Kind.DEMANDED, now(), step="customization", data={"plan": "p"})
    ctx = given(events=(asked,))
    found = await CUSTOMIZATION_STEP.inspect(ctx)
    assert (found.state, found.reason, found.cause) == (
        State.WRONG,
        Reason.DEMANDED,
        "customization_needed",
    )
    assert [(line.before, line.scope) for line in CUSTOMIZATION_STEP.plan(ctx, found)] == [
        (Reason.DEMANDED.text(), Scope.TENANT)
    ]
    ctx.store.append(
        ctx.run.id,
        *(
            Event(kind, now(), step="customization", finding=found)
            for kind in (Kind.CHANGING, Kind.CHANGED)
        ),
    )
    ctx.run = ctx.store.load(ctx.run.id)
    assert await CUSTOMIZATION_STEP.inspect(ctx) == Finding(
        "customization", State.OK, seen=Text("seen.customized")
    )


NOT_REQUIRED = "This operation is not required. Organization is already enabled for customization."
NOT_YET = (
    "The command you tried to run isn't currently allowed in your organization. First need to run "
    "the command: Enable-OrganizationCustomization"
)


async def test_a_flag_that_stays_is_waited_for_by_the_policy(
    given: Given, cloud: Cloud, runtime_of: Callable[[Settings], Runtime], work_settings: Settings
):
    """If ``IsDehydrated`` stays true, the cmdlet still runs once, and M4 is retried.

    The pauses between the tries grow.
    """
    cloud.on("Get-OrganizationConfig", [{"IsDehydrated": True}]).on(f"Get-{POLICY}", [DEFAULT])
    cloud.refuse("Enable-OrganizationCustomization", 400, "BadRequest", NOT_REQUIRED).refuse(
        f"New-{POLICY}", 400, "BadRequest", NOT_YET
    )
    steps = {"customization": CUSTOMIZATION_STEP, "outbound_policy": OutboundPolicy()}
    ctx = given()
    engine = Engine(ctx, steps, runtime_of(work_settings).listener, lambda: True)
    await engine.make_plan()
    assert ctx.run.plan is not None
    words = [
        Event(Kind.APPROVED, now(), data={"plan": ctx.run.plan.id, "scope": scope})
        for scope in ("tenant", "mailbox")
    ]
    ctx.store.append(ctx.run.id, *words)
    pauses = []
    for _ in range(4):
        await engine.apply_plan()
        waiting = ctx.run.findings["outbound_policy"]
        assert (waiting.waiting_for, waiting.seen) == (Turn.TIME, Text("seen.customization_takes"))
        assert waiting.until is not None
        pauses.append(round((waiting.until - now()).total_seconds()))
    asked = [what for what, _ in cloud.writes]
    assert (asked.count("Enable-OrganizationCustomization"), asked.count(f"New-{POLICY}")) == (1, 4)
    assert (ctx.run.settled("customization"), pauses) == (
        True,
        [round(pause) for pause in CUSTOMIZATION_S[:4]],
    )


OUTBOUND_POLICY_STEP = OutboundPolicy()
MAILBOX = "support@contoso.com"
NAME = policy_name(MAILBOX)
OUTBOUND_POLICY_DEFAULT = {
    "Name": "Default",
    "IsDefault": True,
    "AutoForwardingMode": "Automatic",
    "RecipientLimitPerDay": 500,
    "NotifyOutboundSpam": False,
}
OURS = {"Name": NAME, "AutoForwardingMode": "On"}
RULE_OF_OURS = {"Name": NAME, POLICY: NAME, "From": [MAILBOX], "Priority": 0, "State": "Enabled"}


@pytest.mark.parametrize(
    ("cause", "causes"), [("forwarding_blocked", ("outbound_policy",)), ("", ())]
)
async def test_a_trace_takes_the_doubt_away(
    given: Given, cloud: Cloud, cause: str, causes: tuple[str, ...]
):
    """If a rule for a group may apply, the trace of the copies decides whether it is the cause."""
    rule = {
        "Name": "Sales",
        POLICY: "Sales",
        "FromMemberOf": ["Sales"],
        "Priority": 0,
        "State": "Enabled",
    }
    cloud.on(
        f"Get-{POLICY}", [OUTBOUND_POLICY_DEFAULT, {"Name": "Sales", "AutoForwardingMode": "On"}]
    ).on(f"Get-{RULE}", [rule])
    copies = Finding("copies", State.WRONG if cause else State.OK, cause=cause)
    found = {
        "outbound_policy": await OUTBOUND_POLICY_STEP.inspect(given(kind="check")),
        "copies": copies,
    }
    assert judge(checks_for(Profile.LEAST), found).causes == causes


SALES, ALIAS = "sales@contoso.com", "svc@contoso.com"
OTHERS: list[tuple[dict[str, Any], dict[str, Any], str, Text]] = [
    (
        {"From": [MAILBOX, SALES]},
        {},
        "",
        Text("after.outbound_policy_shared", {"senders": f"{MAILBOX}, {SALES}"}),
    ),
    (
        {"From": [SALES]},
        {"From": [SALES, MAILBOX]},
        f" -From {SALES}, {MAILBOX}",
        Text("after.outbound_policy_shared", {"senders": f"{SALES}, {MAILBOX}"}),
    ),
    (
        {"From": [MAILBOX, SALES], "ExceptIfFrom": ["b@contoso.com", ALIAS.upper()]},
        {"ExceptIfFrom": ["b@contoso.com"]},
        " -ExceptIfFrom b@contoso.com",
        Text(
            "after.outbound_policy_cleared",
            {"senders": f"{MAILBOX}, {SALES}", "cleared": f"ExceptIfFrom {ALIAS.upper()}"},
        ),
    ),
    (
        {"From": [], "SenderDomainIs": "contoso.com", "ExceptIfSenderDomainIs": ["contoso.com"]},
        {"ExceptIfSenderDomainIs": None},
        " -ExceptIfSenderDomainIs $null",
        Text(
            "after.outbound_policy_cleared",
            {"senders": "contoso.com", "cleared": "ExceptIfSenderDomainIs contoso.com"},
        ),
    ),
    (
        {"From": MAILBOX, "FromMemberOf": ["Sales"], "ExceptIfFromMemberOf": ["Desk", "Field"]},
        {"FromMemberOf": None, "ExceptIfFromMemberOf": None},
        " -FromMemberOf $null -ExceptIfFromMemberOf $null",
        Text(
            "after.outbound_policy_cleared",
            {"senders": MAILBOX, "cleared": "FromMemberOf Sales; ExceptIfFromMemberOf Desk, Field"},
        ),
    ),
]


@pytest.mark.parametrize("who", [row[0] for row in OTHERS])
async def test_an_undo_gives_them_back_what_they_had(
    given: Given, cloud: Cloud, who: dict[str, Any]
):
    """An undo restores the bot's rule, even if the fix was killed before reading it back."""
    bent = RULE_OF_OURS | who | {"State": "Disabled"}
    cloud.on(f"Get-{POLICY}", [OUTBOUND_POLICY_DEFAULT, OURS]).on(f"Get-{RULE}", [bent])
    cloud.on("Get-Mailbox", [{"EmailAddresses": [f"SMTP:{MAILBOX}", f"smtp:{ALIAS}"]}])
    ctx = given(kind="fix")
    found = await OUTBOUND_POLICY_STEP.inspect(ctx)
    await OUTBOUND_POLICY_STEP.apply(ctx, found)
    sent = next(values for what, values in cloud.writes if what == f"Set-{RULE}")
    cloud.on(f"Get-{RULE}", [bent | sent | {"State": "Enabled"}])
    (line,) = OUTBOUND_POLICY_STEP.plan(ctx, found)
    past = RecordedChange("outbound_policy", line, line.before, found.values, {}, (ctx.run.id,))
    assert (await OUTBOUND_POLICY_STEP.inspect_undo(ctx, past)).state is State.WRONG
    cloud.asked.clear()
    await OUTBOUND_POLICY_STEP.undo(ctx, past)
    back = {
        name: [value] if isinstance(value, str) and name == "From" else value or None
        for name, value in who.items()
    }
    assert cloud.writes[0] == (f"Set-{RULE}", {"Identity": NAME, POLICY: NAME, **back})
    cloud.on(f"Get-{RULE}", [bent | sent | {"State": "Enabled", "From": ["else@contoso.com"]}])
    assert (await OUTBOUND_POLICY_STEP.inspect_undo(ctx, past)).state is State.WARNING


async def test_a_policy_that_is_not_listed_yet_gets_its_rule(given: Given, cloud: Cloud):
    """A policy that exists but is not listed yet gets its rule, without which it has no effect."""
    cloud.on(f"Get-{POLICY}", [OUTBOUND_POLICY_DEFAULT])
    cloud.refuse(
        f"New-{POLICY}",
        400,
        "",
        "|Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException|It already exists.",
    )
    ctx = given()
    await OUTBOUND_POLICY_STEP.apply(ctx, await OUTBOUND_POLICY_STEP.inspect(ctx))
    assert [what for what, _ in cloud.writes] == [f"New-{POLICY}", f"New-{RULE}"]


BENT = {
    "State": "Disabled",
    "ExceptIfFrom": [MAILBOX],
    "SenderDomainIs": "fabrikam.com",
    "ExceptIfFromMemberOf": [],
    POLICY: "Other",
}


async def test_an_undo_bends_it_back(given: Given, cloud: Cloud):
    """An undo restores the bot's rule as it was: disabled, with its exceptions and its policy."""
    cloud.on(f"Get-{POLICY}", [OUTBOUND_POLICY_DEFAULT, OURS]).on(
        f"Get-{RULE}", [RULE_OF_OURS | BENT], [RULE_OF_OURS]
    )
    ctx = given(kind="undo")
    was, left = (
        (await OUTBOUND_POLICY_STEP.inspect(ctx)).values,
        (await OUTBOUND_POLICY_STEP.inspect(ctx)).values,
    )
    line = Change("outbound_policy", "M4", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    past = RecordedChange("outbound_policy", line, Text("b"), was, left, ("R1",))
    bends = f"-From {MAILBOX} -{POLICY} Other -SenderDomainIs fabrikam.com -ExceptIfFrom {MAILBOX}"
    assert (
        OUTBOUND_POLICY_STEP.undo_command(ctx, past).partition(f"\nSet-{POLICY}")[0]
        == f"Set-{RULE} '{NAME}' {bends}\nDisable-{RULE} '{NAME}'"
    )
    await OUTBOUND_POLICY_STEP.undo(ctx, past)
    bent = {POLICY: "Other", "SenderDomainIs": "fabrikam.com", "ExceptIfFrom": [MAILBOX]}
    assert cloud.writes == [
        (f"Set-{RULE}", {"Identity": NAME, "From": [MAILBOX], **bent}),
        (f"Disable-{RULE}", {"Identity": NAME}),
        (f"Set-{POLICY}", {"Identity": NAME, "AutoForwardingMode": "On"}),
    ]


async def test_a_mailbox_that_may_not_be_read_is_known_by_its_address(given: Given, cloud: Cloud):
    """If the mailbox cannot be read, its address and UPN count.

    Exchange is asked for aliases only if a rule names anybody else.
    """
    rule = RULE_OF_OURS | {"From": ["upn@contoso.com"]}
    cloud.on(f"Get-{POLICY}", [OUTBOUND_POLICY_DEFAULT, OURS]).on(f"Get-{RULE}", [rule]).refuse(
        "Get-Mailbox", 403
    )
    ctx = given(facts={"upn": "upn@contoso.com"})
    assert (await OUTBOUND_POLICY_STEP.inspect(ctx)).state is State.OK
    assert "Get-Mailbox" not in [what for what, _ in cloud.asked]
    cloud.on(f"Get-{RULE}", [rule | {"From": ["upn@contoso.com", "b@contoso.com"]}])
    assert (
        (await OUTBOUND_POLICY_STEP.inspect(ctx)).state,
        "Get-Mailbox" in [what for what, _ in cloud.asked],
    ) == (State.OK, True)


OUTBOUND_POLICY_WAITS_STEP = OutboundPolicy()


def test_a_customization_that_takes_time_is_waited_for(given: Given):
    """If Exchange still asks for the customization, the step waits and tries again."""
    error = Rejected("customization_needed", CloudReply("exchange"))
    found = OUTBOUND_POLICY_WAITS_STEP.explain_error(given(), error)
    assert found is not None
    assert (found.waiting_for, found.seen) == (Turn.TIME, Text("seen.customization_takes"))


def test_the_pauses_make_a_day_and_end_before_the_sign_in():
    """The pauses add up to the 24 hours that Microsoft names and end before the sign-in does."""
    pauses = [
        CUSTOMIZATION_S[min(number, len(CUSTOMIZATION_S) - 1)] for number in range(DAY_TRIES + 1)
    ]
    assert 24 * 3600 <= sum(pauses) < SESSION_S
    assert max(pauses) <= LONGEST_PAUSE_S


def test_a_day_is_enough(given: Given, channel: Channel):
    """After a day of tries the step no longer waits, so that a person has to look."""
    ctx = given(waits={"outbound_policy": DAY_TRIES + 1})
    assert (
        OUTBOUND_POLICY_WAITS_STEP.explain_error(
            ctx, Rejected("customization_needed", CloudReply("exchange"))
        )
        is None
    )


def test_other_errors_are_not_its_business(given: Given):
    """The step leaves all other errors to the engine, which knows their meaning."""
    assert (
        OUTBOUND_POLICY_WAITS_STEP.explain_error(
            given(), Rejected("request_rejected", CloudReply("exchange"))
        )
        is None
    )
